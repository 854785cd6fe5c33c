"""Trials of one search: measured once, kept as rows, taken up again by the next run."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from calibtui.pipeline.context import Context
from calibtui.pipeline.search.recipe import Recipe
from calibtui.pipeline.workers.kit import Done
from calibtui.store.trials import TrialRow


@dataclass(frozen=True, slots=True)
class Measured:
    """On the search split: `map` in [0, 1]; `drop` in points with its standard deviation `sd`."""

    map: float
    drop: float
    sd: float


@dataclass(frozen=True, slots=True)
class Measures:
    """How recipes are measured: `errors` of the outputs of several, as they are found, in seconds or less each, the mAP
    of one in about one evaluation; `share` of its multiply-adds in INT8 and `in_float`, how many layers aren't, from
    the graph alone."""

    errors: Callable[[Sequence[Recipe]], Iterator[Done[float]]]
    drop: Callable[[Recipe], Measured]
    share: Callable[[Recipe], float]
    in_float: Callable[[Recipe], int]


class TrialBook:
    """Rows of the search `search`, those of earlier runs among them. Raises InterruptedByUser between measurements
    when asked to stop."""

    def __init__(self, context: Context, search: str, measures: Measures) -> None:
        self._context, self._search, self._measures = context, search, measures
        self._rows = {row.recipe: row for row in context.store.trials.of(search)}
        self._asked: set[str] = set()
        self._ahead: dict[str, Done[float]] = {}

    @property
    def rows(self) -> tuple[TrialRow, ...]:
        """In the order they were made."""
        return tuple(self._rows.values())

    @property
    def spent(self) -> float:
        """Seconds that the trials asked for took in whichever run: a search that is taken up decides as it would have
        decided had it never been stopped."""
        return sum(self._rows[digest].seconds for digest in self._asked)

    def expect(self, recipes: Sequence[Recipe]) -> None:
        """Measures the errors of those that will be asked for next together. Rows are made when they are asked for."""
        unknown = {each.digest: each for each in recipes if each.digest not in self._rows}
        missing = [each for digest, each in unknown.items() if digest not in self._ahead]
        if len(missing) > 1:
            self._tell(f"{len(missing)} recipes side by side, {missing[0].in_words()} first")
            for done in self._measures.errors(missing):
                self._ahead[missing[done.place].digest] = done

    def error(self, recipe: Recipe) -> float:
        """The output error of a recipe."""
        return self._with_error(recipe).error

    def measured(self, recipe: Recipe) -> TrialRow:
        """The row of a recipe with its mAP on the search split."""
        row = self._with_error(recipe)
        if row.drop is not None:
            return row
        self._tell(f"mAP of {recipe.in_words()}")
        started = time.monotonic()
        found = self._measures.drop(recipe)
        seconds = row.seconds + time.monotonic() - started
        sd = found.sd if math.isfinite(found.sd) else None
        return self._keep(replace(row, map=found.map, drop=found.drop, drop_sd=sd, seconds=seconds))

    def _with_error(self, recipe: Recipe) -> TrialRow:
        known = self._rows.get(recipe.digest)
        if known is not None:
            self._asked.add(recipe.digest)
            return known
        done = self._ahead.pop(recipe.digest, None)
        if done is None:
            self._tell(recipe.in_words())
            (done,) = self._measures.errors([recipe])
        return self._keep(
            TrialRow(
                self._search,
                recipe.digest,
                len(self._rows),
                recipe.in_words(),
                recipe.options(),
                self._measures.share(recipe),
                self._measures.in_float(recipe),
                done.result,
                None,
                None,
                None,
                done.seconds,
            )
        )

    def _keep(self, row: TrialRow) -> TrialRow:
        self._context.store.trials.add(row, self._context.run)
        self._rows[row.recipe] = row
        self._asked.add(row.recipe)
        return row

    def _tell(self, note: str) -> None:
        self._context.stop.raise_if_set()
        self._context.tell("quantize", 0, 0, f"trial {len(self._rows) + 1}: {note}")
