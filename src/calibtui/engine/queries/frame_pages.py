"""Pages of the pool, and where in them a frame is."""

from __future__ import annotations

import bisect
import math

import numpy as np
from numpy.typing import NDArray

from calibtui.core.frame_filter import Number, parse_filter
from calibtui.core.frame_filter import Text as TextTest
from calibtui.core.text import one_line
from calibtui.engine.queries.draft_members import draft_members
from calibtui.engine.queries.frame_order import ordered
from calibtui.engine.queries.judged import STORED, TAKEN_OVER
from calibtui.engine.queries.pool_view import PoolView, pool_view
from calibtui.engine.queries.ranking import Order
from calibtui.engine.queries.registry import QueryContext, answers
from calibtui.engine.wire.curation import MARKS
from calibtui.engine.wire.frames import Find, FrameLine, FramePage, Frames, Place

LONGEST_PAGE = 1000
_CACHED = {STORED: "exact", TAKEN_OVER: "similar"}


@answers(Frames)
def frame_page(context: QueryContext, query: Frames) -> FramePage:
    """At most LONGEST_PAGE rows. Raises ConfigurationError for an unknown sort, FilterError."""
    view = pool_view(context, whole_truth=needs_truth(query.sort, query.filter))
    members = draft_members(context, view)
    order = ordered(context, view, members, query.sort, query.descending, query.filter)
    offset = max(0, query.offset)
    places = order[offset : offset + max(0, min(query.limit, LONGEST_PAGE))].astype(np.int64)
    return FramePage(
        total=len(view.rows),
        matching=len(order),
        offset=offset,
        rows=frame_lines(view, members, places),
        data=view.data,
    )


@answers(Find)
def find_frame(context: QueryContext, query: Find) -> Place:
    """Raises as `frame_page` does."""
    view = pool_view(context, whole_truth=needs_truth(query.sort, query.filter))
    order = ordered(context, view, draft_members(context, view), query.sort, query.descending, query.filter)
    if query.digest is not None:
        place = view.rows.place(query.digest)
        return Place(row=None if place is None else _row_of(order, place))
    if query.percentile is None or not math.isfinite(query.percentile):
        return Place(row=None)
    percentile = min(100.0, max(0.0, query.percentile))
    if query.sort == "difficulty":
        return Place(row=_row_in_order(order, view.judged.difficulty, percentile, query.descending))
    return Place(row=_row_at(order, view.judged.difficulty, percentile))


def frame_lines(view: PoolView, members: NDArray[np.bool_], places: NDArray[np.int64]) -> tuple[FrameLine, ...]:
    """The rows of these places, in their order."""
    reasons = view.judged.reasons_of(places)
    uris, digests = view.rows.uris_of(places), view.rows.digests_of(places)
    return tuple(
        _line(view, int(place), uri, digest, said, bool(members[place]))
        for place, uri, digest, said in zip(places, uris, digests, reasons, strict=True)
    )


def needs_truth(sort: str, filter_text: str) -> bool:
    """Whether the answer would be wrong without the annotations. Raises FilterError."""
    tests = [term.test for term in parse_filter(filter_text)]
    by_truth = any(isinstance(test, Number | TextTest) and test.name in _TRUTH for test in tests)
    return sort in _TRUTH or by_truth or any(getattr(test, "name", "") == "annotated" for test in tests)


_TRUTH = ("objects", "classes", "class")


def _line(view: PoolView, place: int, uri: str, digest: str, reasons: tuple[str, ...], in_set: bool) -> FrameLine:
    difficulty = float(view.judged.difficulty[place])
    scored = not math.isnan(difficulty)
    truth = view.truth if view.truth is not None and view.truth.annotated[place] else None
    unreadable = view.rows.reason(place)
    return FrameLine(
        digest=digest,
        uri=uri,
        difficulty=difficulty if scored else None,
        spread=float(view.judged.spread[place]) if scored else None,
        reasons=reasons if scored else (),
        mark=MARKS[view.marks[place]],
        in_set=in_set,
        classes=truth.classes_at(place) if truth is not None else (),
        objects=int(truth.objects[place]) if truth is not None else None,
        width=int(view.rows.width[place]),
        height=int(view.rows.height[place]),
        cached=_CACHED.get(int(view.judged.how[place]), "") if scored else "",
        error=one_line(unreadable or view.judged.errors.get(place, "")),
    )


def _row_of(order: Order, place: int) -> int | None:
    found = np.flatnonzero(order == place)
    return int(found[0]) if len(found) else None


def _row_at(order: Order, difficulty: NDArray[np.float64], percentile: float) -> int | None:
    """The first row whose difficulty is nearest that percentile of the scored frames in `order`."""
    values = difficulty[order]
    scored = np.flatnonzero(~np.isnan(values))
    if not len(scored):
        return None
    wanted = np.percentile(values[scored], percentile, method="nearest")
    return int(scored[np.argmin(np.abs(values[scored] - wanted))])


def _row_in_order(order: Order, difficulty: NDArray[np.float64], percentile: float, descending: bool) -> int | None:
    """The same where `order` is by difficulty: a few rows are looked at, however many there are."""
    rows, sign = range(len(order)), -1 if descending else 1
    scored = bisect.bisect_left(rows, True, key=lambda row: bool(np.isnan(difficulty[order[row]])))
    if not scored:
        return None
    rank = round((scored - 1) * percentile / 100)
    wanted = difficulty[order[scored - 1 - rank if descending else rank]]
    return bisect.bisect_left(rows, sign * wanted, hi=scored, key=lambda row: sign * difficulty[order[row]])
