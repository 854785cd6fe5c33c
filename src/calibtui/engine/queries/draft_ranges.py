"""What `range-cover` goes by, from ranges that are measured already: a draft measures nothing."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import numpy as np

from calibtui.core.errors import ConfigurationError
from calibtui.engine.queries.measured_ranges import measured_now
from calibtui.engine.queries.registry import QueryContext
from calibtui.pipeline.frame_ranges import sample_of
from calibtui.selection.select import SelectionInput


def with_measured_ranges(
    context: QueryContext, data: SelectionInput, seed: int, held: Collection[str]
) -> SelectionInput:
    """`data` with the bounds of the frames that the select stage would look at; `held`: digests of pinned and picked
    ones. Raises ConfigurationError where one of them isn't measured."""
    measured = measured_now(context)
    place = {digest: row for row, digest in enumerate(measured.digests)} if measured is not None else {}
    sample = sample_of(context.store.frames.usable("pool", unique=True), held, seed)
    missing = sum(row.digest not in place for row in sample)
    if measured is None or missing:
        raise ConfigurationError(
            f"{missing:,} of the {len(sample):,} frames that range-cover looks at are not measured: "
            "the set is known once it is chosen."
        )
    wanted = {row.digest for row in sample}
    rows = [row for row, digest in enumerate(data.digests) if digest in wanted]
    taken = [place[data.digests[row]] for row in rows]
    lows, highs = (np.full((len(data.digests), len(measured.tensors)), np.nan, np.float32) for _ in range(2))
    lows[rows], highs[rows] = measured.low[taken], measured.high[taken]
    return replace(data, lows=lows, highs=highs)
