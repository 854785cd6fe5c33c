"""Everything that pages of the pool are made of, as it stands at one moment."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibtui.core.errors import ConfigurationError
from calibtui.engine.queries.judged import Judged
from calibtui.engine.queries.pool_rows import PoolRows, pool_rows
from calibtui.engine.queries.pool_scores import FREE_S, pool_scores
from calibtui.engine.queries.pool_truth import Truth, pool_truth
from calibtui.engine.queries.registry import QueryContext
from calibtui.engine.queries.remembering import remembered
from calibtui.engine.wire.curation import MARKS
from calibtui.selection.pins import resolved

CODES = {mark: code for code, mark in enumerate(MARKS)}
PICKED, DROPPED, PINNED, EXCLUDED = (CODES[mark] for mark in ("picked", "dropped", "pinned", "excluded"))


@dataclass(frozen=True)
class PoolView:
    """By place: `marks` (N,) int8, a place of MARKS; `having` by such a place: the places that have that mark, in
    ascending order, "" excepted. `version` is another whenever anything of it is; `scores`, `hand` and `annotations`
    whenever the scores, the marks and the annotations are. `data`: of the snapshot that the scores are of."""

    rows: PoolRows
    judged: Judged
    truth: Truth | None
    marks: NDArray[np.int8]
    having: tuple[NDArray[np.int64], ...]
    version: Hashable
    scores: Hashable
    hand: Hashable
    annotations: Hashable
    data: int

    def places_marked(self, *codes: int) -> NDArray[np.int64]:
        """In ascending order."""
        return np.sort(np.concatenate([self.having[code] for code in codes]))


def pool_view(context: QueryContext, *, whole_truth: bool = False, worth_s: float = FREE_S) -> PoolView:
    """The pool as it stands; `whole_truth`: wait for annotations that are still being read; `worth_s`: how long the
    newest scores may take to read, else those of a moment ago do."""
    rows, data = pool_rows(context)
    reading = pool_scores(context, rows, worth_s)
    truth = pool_truth(context, rows, wait=whole_truth)
    selection = context.settings.selection
    hand = (rows.extent, context.store.marks.version, selection.pin, selection.exclude)
    marks, having = remembered(context, "marks by place", hand, lambda: _marks(context, rows))
    scores = (rows.extent, reading.number)
    annotations = (rows.extent, truth.number if truth is not None else 0)
    return PoolView(
        rows=rows,
        judged=reading.judged,
        truth=truth,
        marks=marks,
        having=having,
        version=(scores, hand, annotations),
        scores=scores,
        hand=hand,
        annotations=annotations,
        data=min(data, reading.data),
    )


def _marks(context: QueryContext, rows: PoolRows) -> tuple[NDArray[np.int8], tuple[NDArray[np.int64], ...]]:
    """What people marked by hand, over what calibtui.toml pins and excludes: by place, and the places by mark."""
    marks = np.zeros(len(rows), np.int8)
    selection = context.settings.selection
    for names, code in ((selection.exclude, EXCLUDED), (selection.pin, PINNED)):
        if names:
            marks[_named(rows, names)] = code
    table = context.store.marks.table()
    places = rows.places(table["digest"].to_pylist())
    codes = np.array([CODES.get(mark, 0) for mark in table["mark"].to_pylist()], np.int8)
    there = places >= 0
    marks[places[there]] = codes[there]
    marked = np.flatnonzero(marks)
    none = np.zeros(0, np.int64)
    return marks, (none, *(marked[marks[marked] == code] for code in range(1, len(MARKS))))


def _named(rows: PoolRows, names: tuple[str, ...]) -> list[int]:
    """Places of the uris, digests and beginnings of digests that a setting names; what names nothing is left out: the
    selection refuses it, and says so."""
    uris, digests = rows.usable_uris(), rows.usable_digests()
    try:
        return resolved(names, "pin", uris, digests)
    except ConfigurationError:
        return [] if len(names) == 1 else [place for name in names for place in _named(rows, (name,))]
