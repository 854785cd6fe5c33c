"""What INT8 in single parts of a model costs: asked once, kept, so that a search that was stopped goes on from
there."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path

from calibtui.core.digests import digest_of
from calibtui.core.files import written_whole
from calibtui.pipeline.workers.kit import Done

Measure = Callable[[Sequence[Collection[str]]], Iterator[Done[float]]]
"""Errors of those parts of a model, as they are found."""


class LayerErrors:
    """Output errors by the layers in INT8, and the clock of the search they belong to, in the file `path`.

    `spent`: seconds that those asked for took in whichever run, so that a search which is taken up decides as it would
    have decided had it never been stopped.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._unit_s, self._known = _read(path)
        self.spent = 0.0

    def unit_s(self, measured: float) -> float:
        """One evaluation of the float model, s: as the search's first run `measured` it."""
        if self._unit_s is None:
            self._unit_s = measured
            self._write()
        return self._unit_s

    def of_each(self, recipe: str, parts: Sequence[Collection[str]], measure: Measure) -> Iterator[float]:
        """With INT8 in each of the `parts` alone and what else the recipe of that digest does, in their order; by
        `measure` where that isn't known, whose answers are kept in whatever order they come. What nobody asks for
        isn't spent. Raises WorkspaceUnwritableError."""
        names = [digest_of([recipe, sorted(nodes)]) for nodes in parts]
        unknown = {name: nodes for name, nodes in zip(names, parts, strict=True) if name not in self._known}
        measured = self._kept(list(unknown), measure(list(unknown.values())))
        for name in names:
            while name not in self._known:
                next(measured)
            error, seconds = self._known[name]
            self.spent += seconds
            yield error

    def _kept(self, names: Sequence[str], measured: Iterator[Done[float]]) -> Iterator[None]:
        for done in measured:
            self._known[names[done.place]] = (done.result, done.seconds)
            self._write()
            yield

    def _write(self) -> None:
        document = {"schema": 1, "evaluation_s": self._unit_s, "errors": self._known}
        with written_whole(self._path) as part:
            part.write_text(json.dumps(document) + "\n")


def _read(path: Path) -> tuple[float | None, dict[str, tuple[float, float]]]:
    """What is kept; nothing where the file can't be read: it is only ever a saving of time."""
    try:
        document = json.loads(path.read_text())
        known = {str(name): (float(error), float(seconds)) for name, (error, seconds) in document["errors"].items()}
        unit_s = document["evaluation_s"]
        return (None if unit_s is None else float(unit_s)), known
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None, {}
