"""Which frames pass a filter: on columns, so that a million take some milliseconds."""

from __future__ import annotations

import fnmatch
import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from calibtui.core.frame_filter import Flag, FrameFilter, Number, Text
from calibtui.engine.queries.judged import STORED, TAKEN_OVER
from calibtui.engine.queries.pool_view import DROPPED, EXCLUDED, PICKED, PINNED, PoolView

Mask = NDArray[np.bool_]

_MARKED = {"picked": PICKED, "dropped": DROPPED, "pinned": PINNED, "excluded": EXCLUDED}


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


def counted(view: PoolView, name: str) -> NDArray[np.float64]:
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
            return counted(view, name)


def _text(view: PoolView, test: Text) -> Mask:
    if test.name == "path":
        return _found(view.rows.uris, test.values)
    if test.name == "reason":
        return _reason(view, test.values)
    holds = np.zeros(len(view.rows), bool)
    for value in test.values:
        if test.name == "digest":
            holds |= view.rows.digests.beginning_with(value)
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
    said = view.judged.reasons.having(lambda reasons: _found(reasons, values))
    # Row −1, of frames without any, is the last.
    holds: Mask = np.append(said, False)[view.judged.reason_row]
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
