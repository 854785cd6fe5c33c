"""Marks set by hand, each change durable and undone by one key."""

from __future__ import annotations

import time
from collections.abc import Mapping

import numpy as np

from calibtui.core.errors import ConfigurationError
from calibtui.core.text import one_line
from calibtui.engine.queries.draft_members import draft_members
from calibtui.engine.queries.frame_order import ordered
from calibtui.engine.queries.frame_pages import needs_truth
from calibtui.engine.queries.pool_view import EXCLUDED, PINNED, PoolView, pool_view
from calibtui.engine.queries.registry import QueryContext, answers, does
from calibtui.engine.wire.curation import (
    MARKS,
    Change,
    Changes,
    Mark,
    MarkMatching,
    RecentChanges,
    Redo,
    Undo,
)
from calibtui.engine.wire.exchange import Done

DONE_TO = {"": "no longer marked", **{mark: mark for mark in MARKS if mark}}
MOST_CHANGES = 1000


@does(Mark)
def mark(context: QueryContext, command: Mark) -> Done:
    """Raises ConfigurationError for a mark that there isn't, for digests that no readable frame of the pool has, and
    for a toggle of frames that are pinned or excluded alone."""
    _check(command.mark)
    view = pool_view(context)
    places = view.rows.places(list(dict.fromkeys(command.digests)))
    known = [int(place) for place in places if 0 <= place < view.rows.usable]
    if not known:
        raise ConfigurationError("None of these is a readable frame of the pool.", "Look at the list of frames anew.")
    if not command.toggle:
        return _set(context, view, dict.fromkeys(known, command.mark))
    loose = [place for place in known if view.marks[place] not in (PINNED, EXCLUDED)]
    if not loose:
        kept = MARKS[view.marks[known[0]]]
        raise ConfigurationError(f"The frame is {kept}, so it is neither picked nor dropped.", "Take that mark off.")
    members = draft_members(context, view)
    return _set(context, view, {place: "dropped" if members[place] else "picked" for place in loose})


@does(MarkMatching)
def mark_matching(context: QueryContext, command: MarkMatching) -> Done:
    """Raises ConfigurationError for a mark or a sort that there isn't, FilterError."""
    _check(command.mark)
    view = pool_view(context, whole_truth=needs_truth(command.sort, command.filter))
    members = draft_members(context, view)
    order = ordered(context, view, members, command.sort, command.descending, command.filter)
    last = len(order) if command.last is None else command.last + 1
    places = order[max(0, command.first) : max(0, last)]
    return _set(context, view, dict.fromkeys(places[places < view.rows.usable].tolist(), command.mark), command.filter)


@does(Undo)
def undo(context: QueryContext, command: Undo) -> Done:
    change = context.store.marks.undo()
    return Done(said=f"Taken back: {change.said}" if change else "There is nothing to undo.")


@does(Redo)
def redo(context: QueryContext, command: Redo) -> Done:
    change = context.store.marks.redo()
    return Done(said=f"Made again: {change.said}" if change else "There is nothing to redo.")


@answers(RecentChanges)
def recent_changes(context: QueryContext, query: RecentChanges) -> Changes:
    rows = context.store.marks.changes(max(0, min(query.limit, MOST_CHANGES)))
    return Changes(
        changes=tuple(
            Change(number=row.number, said=row.said, by=row.by, at=row.at, undone=row.state != "done") for row in rows
        )
    )


def _set(context: QueryContext, view: PoolView, marks: Mapping[int, str], matching: str = "") -> Done:
    places = list(marks)
    by_digest = dict(zip(_digests(view, places), marks.values(), strict=True))
    said = _sentence(view, marks)
    if matching:
        said += f" ({one_line(matching)})"
    changed = context.store.marks.set(by_digest, said, context.user, time.time())
    if not changed:
        return Done(said="Nothing changes: it is so already.")
    return Done(said=said[:1].upper() + said[1:] + ".")


def _digests(view: PoolView, places: list[int]) -> list[str]:
    return view.rows.digests_of(np.array(places, np.int64))


def _sentence(view: PoolView, marks: Mapping[int, str]) -> str:
    """Such as "3 frames pinned"."""
    if len(marks) == 1:
        ((place, mark),) = marks.items()
        return f"{one_line(view.rows.uri(place))} {DONE_TO[mark]}"
    counted = {mark: sum(each == mark for each in marks.values()) for mark in dict.fromkeys(marks.values())}
    return ", ".join(f"{count:,} frames {DONE_TO[mark]}" for mark, count in counted.items())


def _check(mark: str) -> None:
    if mark not in MARKS:
        raise ConfigurationError(f"There is no mark {mark[:40]!r}.", f"There are {', '.join(filter(None, MARKS))}.")
