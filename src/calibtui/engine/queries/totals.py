"""The figures of the whole workspace that every snapshot carries."""

from __future__ import annotations

import numpy as np

from calibtui.engine.queries.draft_members import draft_members
from calibtui.engine.queries.pool_view import EXCLUDED, PICKED, PINNED, pool_view
from calibtui.engine.queries.registry import TOTALS, QueryContext
from calibtui.engine.queries.remembering import remembered
from calibtui.engine.wire.snapshot import Totals

BINS = 20


def totals(context: QueryContext) -> Totals:
    view = pool_view(context)
    counts = remembered(context, "pool counts", view.rows.extent, lambda: context.store.frames.counts("pool"))
    difficulty = view.judged.difficulty[view.judged.scored]
    histogram, _ = np.histogram(difficulty, BINS, (0.0, 1.0))
    return Totals(
        frames=counts.frames,
        duplicates=counts.duplicates,
        unreadable=counts.unreadable,
        scored=len(difficulty),
        failed=len(view.judged.errors),
        pinned=len(view.places_marked(PINNED)),
        excluded=len(view.places_marked(EXCLUDED)),
        picked=len(view.places_marked(PICKED)),
        selected=int(draft_members(context, view).sum()),
        histogram=tuple(histogram.tolist()),
    )


TOTALS.append(totals)
