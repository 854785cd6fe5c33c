"""Which frames pass a filter, and in which order: on columns, so that a million take a fraction of a second."""

from __future__ import annotations

import fnmatch
import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from calibtui.core.errors import ConfigurationError
from calibtui.core.frame_filter import Flag, FrameFilter, Number, Text, parse_filter
from calibtui.engine.queries.judged import STORED, TAKEN_OVER
from calibtui.engine.queries.pool_view import DROPPED, EXCLUDED, PICKED, PINNED, PoolView
from calibtui.engine.queries.registry import QueryContext
from calibtui.engine.queries.remembering import remembered
from calibtui.engine.wire.frames import SORTS

Mask = NDArray[np.bool_]
Places = NDArray[np.int64]

ORDERS_KEPT = 12
_MARKED = {"picked": PICKED, "dropped": DROPPED, "pinned": PINNED, "excluded": EXCLUDED}
_BY_MARK = {PINNED: 0, PICKED: 1, DROPPED: 2, EXCLUDED: 3}


def ordered(
    context: QueryContext, view: PoolView, members: Mask, sort: str, descending: bool, filter_text: str
) -> Places:
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
        context, "frames filtered", key, lambda: whole[passing(view, members, terms)[whole]], most=ORDERS_KEPT
    )


def passing(view: PoolView, members: Mask, terms: FrameFilter) -> Mask:
    """(N,) whether every term holds."""
    passes = np.ones(len(view.rows), bool)
    for term in terms:
        if isinstance(term.test, Flag):
            holds = _flag(view, members, term.test.name)
        elif isinstance(term.test, Number):
            holds = _number(view, term.test)
        else:
            holds = _text(view, term.test)
        passes &= ~holds if term.negated else holds
    return passes


def _whole_order(context: QueryContext, view: PoolView, sort: str, descending: bool) -> Places:
    of: dict[str, object] = {
        "difficulty": view.scores,
        "spread": view.scores,
        "mark": view.hand,
        "objects": view.annotations,
        "classes": view.annotations,
    }
    key = (sort, descending, of.get(sort, view.rows.extent))
    return remembered(context, "frames in order", key, lambda: _sorted(view, sort, descending), most=len(SORTS))


def _sorted(view: PoolView, sort: str, descending: bool) -> Places:
    """Equal ones by uri; those of which nothing is known last, in either direction."""
    if sort == "path":
        by_path = view.rows.by_path
        return by_path[::-1] if descending else by_path
    values = _column(view, sort)
    known = np.flatnonzero(~np.isnan(values)) if values.dtype.kind == "f" else np.arange(len(values))
    keys = values[known]
    order = known[np.argsort(-keys if descending else keys, kind="stable")]
    if len(known) == len(values):
        return order
    return np.concatenate([order, np.flatnonzero(np.isnan(values))])


def _column(view: PoolView, sort: str) -> NDArray[np.float64] | NDArray[np.int64]:
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
        for mark, order in _BY_MARK.items():
            place[mark] = -order
        by_mark: NDArray[np.float64] = place[view.marks]
        return by_mark
    return _counted(view, sort)


def _counted(view: PoolView, name: str) -> NDArray[np.float64]:
    """(N,) annotated objects, or different classes, of each frame; nan where it is not annotated."""
    if view.truth is None:
        return np.full(len(view.rows), np.nan)
    counted = view.truth.objects if name == "objects" else view.truth.different
    return np.where(view.truth.annotated, counted, np.nan)


def _flag(view: PoolView, members: Mask, name: str) -> Mask:
    if name in _MARKED:
        return np.equal(view.marks, _MARKED[name])
    match name:
        case "selected":
            return members
        case "marked":
            return np.not_equal(view.marks, 0)
        case "scored":
            return view.judged.scored
        case "exact":
            return view.judged.scored & np.equal(view.judged.how, STORED)
        case "similar":
            return view.judged.scored & np.equal(view.judged.how, TAKEN_OVER)
        case "annotated":
            return view.truth.annotated if view.truth is not None else np.zeros(len(view.rows), bool)
        case _:
            failed = np.zeros(len(view.rows), bool)
            failed[view.rows.usable :] = True
            failed[list(view.judged.errors)] = True
            return failed


def _number(view: PoolView, test: Number) -> Mask:
    values = _measured(view, test.name)
    holds = np.isnan(values) if test.none else np.zeros(len(values), bool)
    if test.none and test.name in ("objects", "classes"):
        holds |= values == 0
    for span in test.spans:
        above = values > span.low if span.low_open else values >= span.low
        holds |= above & (values < span.high if span.high_open else values <= span.high)
    return holds


def _measured(view: PoolView, name: str) -> NDArray[np.float64]:
    match name:
        case "score":
            # A difficulty of 0.7 is a score of 70, not of 70 and a bit.
            return np.round(view.judged.difficulty * 100, 9)
        case "spread":
            return np.round(view.judged.spread * 100, 9)
        case "width":
            return view.rows.width.astype(np.float64)
        case "height":
            return view.rows.height.astype(np.float64)
        case _:
            return _counted(view, name)


def _text(view: PoolView, test: Text) -> Mask:
    if test.name == "path":
        return _found(view.rows.uris, test.values)
    if test.name == "reason":
        return _reason(view, test.values)
    holds = np.zeros(len(view.rows), bool)
    for value in test.values:
        if test.name == "digest":
            holds |= _boolean(pc.starts_with(view.rows.digests, value))
        else:
            holds |= _class(view, value)
    return holds


def _found(texts: pa.Array, values: tuple[str, ...]) -> Mask:
    """Which of `texts` have any of `values` in them, where `*` stands for anything."""
    if len(values) > 1 or "*" in values[0]:
        patterns = (".*".join(re.escape(part) for part in value.split("*")) for value in values)
        return _boolean(pc.match_substring_regex(texts, f"(?s){'|'.join(patterns)}", ignore_case=True))
    return _boolean(pc.match_substring(texts, values[0], ignore_case=True))


def _boolean(found: pa.Array | pa.ChunkedArray) -> Mask:
    mask: Mask = pc.fill_null(found, False).to_numpy(zero_copy_only=False).astype(bool)
    return mask


def _reason(view: PoolView, values: tuple[str, ...]) -> Mask:
    judged = view.judged
    said = [np.zeros(0, bool)]
    for chunk in judged.reasons.chunks:
        fits = np.concatenate([[0], np.cumsum(_found(chunk.flatten(), values))])
        ends = np.concatenate([[0], np.cumsum(pc.fill_null(pc.list_value_length(chunk), 0).to_numpy())])
        said.append(fits[ends[1:]] > fits[ends[:-1]])
    of_row = np.concatenate([*said, [False]])
    holds: Mask = of_row[judged.reason_row]
    return holds


def _class(view: PoolView, value: str) -> Mask:
    """Frames that show a class of that name; `none`: those that show none."""
    holds = np.zeros(len(view.rows), bool)
    if view.truth is None:
        return ~holds if value == "none" else holds
    if value == "none":
        return np.equal(view.truth.objects, 0)
    names = [name.casefold() for name in view.truth.classes]
    wanted = [label for label, name in enumerate(names) if name == value or fnmatch.fnmatchcase(name, value)]
    holds[view.truth.place_of[np.isin(view.truth.label, wanted)]] = True
    return holds
