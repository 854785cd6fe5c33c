"""The figures of the whole workspace that every snapshot carries."""

from __future__ import annotations

import numpy as np

from calibtui.engine.queries.draft_members import draft_members
from calibtui.engine.queries.judged import Judged
from calibtui.engine.queries.pool_view import EXCLUDED, PICKED, PINNED, pool_view
from calibtui.engine.queries.registry import TOTALS, QueryContext
from calibtui.engine.queries.remembering import remembered
from calibtui.engine.wire.snapshot import Totals

BINS = 20


def totals(context: QueryContext) -> Totals:
    view = pool_view(context)
    rows = view.rows
    scored, histogram = remembered(context, "scored", view.scores, lambda: _scored(view.judged))
    return Totals(
        frames=rows.usable + rows.duplicates,
        duplicates=rows.duplicates,
        unreadable=len(rows) - rows.usable,
        scored=scored,
        failed=len(view.judged.errors),
        pinned=len(view.places_marked(PINNED)),
        excluded=len(view.places_marked(EXCLUDED)),
        picked=len(view.places_marked(PICKED)),
        selected=int(draft_members(context, view).sum()),
        histogram=histogram,
    )


def _scored(judged: Judged) -> tuple[int, tuple[int, ...]]:
    """How many are, and how many of them by difficulty."""
    difficulty = judged.difficulty[judged.scored]
    histogram, _ = np.histogram(difficulty, BINS, (0.0, 1.0))
    return len(difficulty), tuple(histogram.tolist())


TOTALS.append(totals)
