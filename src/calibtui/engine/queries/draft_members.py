"""Which frames the draft set holds, at once: where choosing takes long, as it was last worked out, with the marks made
since."""

from __future__ import annotations

import math
import threading
from collections.abc import Hashable
from contextlib import suppress

import numpy as np
from numpy.typing import NDArray

from calibtui.engine.queries.drafting import Draft, draft, draft_key
from calibtui.engine.queries.pool_view import DROPPED, EXCLUDED, PICKED, PINNED, PoolView
from calibtui.engine.queries.registry import QueryContext
from calibtui.engine.queries.remembering import place_for
from calibtui.selection.select import NEEDS_SCORES

QUICK = 4000
"""Frames of a pool in which even spreading a set out takes a fraction of a second."""


class DraftKeeper:
    """The newest draft, worked out by a thread of its own where somebody would have to wait."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._newest: tuple[Hashable, Hashable, Draft] | None = None
        self._working = False

    def newest(self, context: QueryContext, view: PoolView) -> Draft | None:
        """None while the first one is being worked out."""
        settings = context.settings.selection
        key = draft_key(context, view, settings)
        newest = self._newest
        if newest is not None and newest[0] == key:
            return newest[2]
        if view.rows.usable <= QUICK or settings.strategy not in ("k-center", "weighted-k-center"):
            return self._work_out(context, view, key)
        with self._lock:
            if not self._working:
                self._working = True
                threading.Thread(target=self._work_out_beside, args=(context, view, key), daemon=True).start()
        return newest[2] if newest is not None and newest[1] == view.rows.extent else None

    def _work_out_beside(self, context: QueryContext, view: PoolView, key: Hashable) -> None:
        # An engine that ends closes the store under this thread, and nobody waits for the draft any more.
        with suppress(Exception):
            self._work_out(context, view, key)

    def _work_out(self, context: QueryContext, view: PoolView, key: Hashable) -> Draft:
        try:
            made = draft(context, view, context.settings.selection)
            self._newest = (key, view.rows.extent, made)
            return made
        finally:
            self._working = False


def newest_draft(context: QueryContext, view: PoolView) -> Draft | None:
    """The draft with the settings in force; an older one, or None, while it takes long to work out."""
    return place_for(context, "draft keeper", DraftKeeper).newest(context, view)


def draft_members(context: QueryContext, view: PoolView) -> NDArray[np.bool_]:
    """(N,) by place."""
    members = np.zeros(len(view.rows), bool)
    members[view.places_marked(PICKED, PINNED)] = True
    newest = newest_draft(context, view)
    if newest is not None:
        members[newest.places] = True
    members[view.places_marked(DROPPED, EXCLUDED)] = False
    return members


def why_in_draft(context: QueryContext, view: PoolView, place: int) -> str:
    """Why the draft set holds the frame, or why not, in a few words."""
    if place >= view.rows.usable:
        return "not in the set: it can't be read"
    mark = int(view.marks[place])
    if mark in (DROPPED, EXCLUDED):
        return "not in the set: dropped by hand" if mark == DROPPED else "not in the set: excluded"
    newest = newest_draft(context, view)
    why = newest.why(place) if newest is not None else None
    if why is not None:
        return f"in the set: {why}"
    if mark in (PICKED, PINNED):
        return "in the set: picked by hand" if mark == PICKED else "in the set: pinned"
    return f"not in the set: {_passed_over(context, view, place, newest)}"


def _passed_over(context: QueryContext, view: PoolView, place: int, newest: Draft | None) -> str:
    settings = context.settings.selection
    difficulty = float(view.judged.difficulty[place])
    if settings.strategy in NEEDS_SCORES and math.isnan(difficulty):
        return "it is not scored"
    if newest is None:
        return "the draft is being worked out"
    if newest.error:
        return newest.error
    if settings.strategy in ("hardest", "hardest-nms"):
        rank = int((view.judged.difficulty > difficulty).sum()) + 1
        filled = sum(why.startswith("hardest") for why in newest.whys)
        besides = " with harder ones, or ones less alike" if settings.strategy == "hardest-nms" else " with harder ones"
        return f"rank {rank:,} of difficulty; the strategy filled its {filled:,} places{besides}"
    return f"the strategy {settings.strategy} took others"
