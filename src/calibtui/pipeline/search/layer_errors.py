"""What INT8 in single parts of a model costs: asked once, kept, so that a search that was stopped goes on from
there."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection
from pathlib import Path

from calibtui.core.digests import digest_of
from calibtui.core.files import written_whole


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

    def of(self, recipe: str, nodes: Collection[str], measure: Callable[[], float]) -> float:
        """With INT8 in `nodes` alone and what else the recipe of that digest does; by `measure` where that isn't known.
        Raises WorkspaceUnwritableError."""
        name = digest_of([recipe, sorted(nodes)])
        if name not in self._known:
            started = time.monotonic()
            error = measure()
            self._known[name] = (error, time.monotonic() - started)
            self._write()
        error, seconds = self._known[name]
        self.spent += seconds
        return error

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
