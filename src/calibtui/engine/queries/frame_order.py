"""The order of the pool by any column: worked out once a column, and kept for as long as the column stays as it is."""

from __future__ import annotations

from collections.abc import Hashable

import numpy as np

from calibtui.core.errors import ConfigurationError
from calibtui.core.frame_filter import Flag, parse_filter
from calibtui.engine.queries.frame_passing import Mask, counted, passing
from calibtui.engine.queries.pool_view import DROPPED, EXCLUDED, PICKED, PINNED, PoolView
from calibtui.engine.queries.ranking import Column, Order, Ranker
from calibtui.engine.queries.registry import QueryContext
from calibtui.engine.queries.remembering import place_for, remembered
from calibtui.engine.wire.frames import SORTS

FILTERED_KEPT = 8
_BY_MARK = (PINNED, PICKED, DROPPED, EXCLUDED)


def ordered(
    context: QueryContext, view: PoolView, members: Mask, sort: str, descending: bool, filter_text: str
) -> Order:
    """(M,) places of the frames that pass, in that order; `members` (N,): of the draft set.

    Raises ConfigurationError for a sort that there isn't, FilterError.
    """
    if sort not in SORTS:
        raise ConfigurationError(f"Frames can't be sorted by {sort!r}.", f"Choose one of {', '.join(SORTS)}.")
    terms = parse_filter(filter_text)
    whole = _whole_order(context, view, sort, descending)
    if not terms:
        return whole
    drawn = members.tobytes() if any(term.test == Flag("selected") for term in terms) else b""
    key = (view.version, sort, descending, terms, hash(drawn))
    return remembered(
        context, "frames filtered", key, lambda: whole[passing(view, members, terms)[whole]], most=FILTERED_KEPT
    )


def prepare_orders(context: QueryContext, view: PoolView) -> None:
    """Works out what the first to sort would have to wait for."""
    for sort in SORTS:
        if view.truth is not None or sort not in ("objects", "classes"):
            for descending in (True, False):
                _whole_order(context, view, sort, descending)


def _whole_order(context: QueryContext, view: PoolView, sort: str, descending: bool) -> Order:
    if sort == "path":
        return view.rows.by_path[::-1] if descending else view.rows.by_path
    key = _version_of(view, sort)
    keeper = place_for(context, f"ranker by {sort}", Ranker)
    found = remembered(context, f"frames by {sort}", key, lambda: keeper.ranking(_column(view, sort)))
    if not descending:
        return found.upward
    return remembered(context, f"frames by {sort}, turned", key, found.turned)


def _version_of(view: PoolView, sort: str) -> Hashable:
    of: dict[str, Hashable] = {
        "difficulty": view.scores,
        "spread": view.scores,
        "mark": view.hand,
        "objects": view.annotations,
        "classes": view.annotations,
    }
    return of.get(sort, view.rows.extent)


def _column(view: PoolView, sort: str) -> Column:
    if sort == "difficulty":
        return view.judged.difficulty
    if sort == "spread":
        return view.judged.spread
    if sort == "size":
        return view.rows.width.astype(np.int64) * view.rows.height
    if sort == "captured":
        return view.rows.mtime_ns
    if sort == "mark":
        place = np.full(len(_BY_MARK) + 1, np.nan)
        place[list(_BY_MARK)] = -np.arange(len(_BY_MARK))
        by_mark: Column = place[view.marks]
        return by_mark
    return counted(view, sort)
