"""As many frames of each stratum as of any other, as far as there are any."""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict

import numpy as np

from calibtui.core.errors import ConfigurationError
from calibtui.selection.candidates import Candidates, tie_break

Choice = tuple[int, str]


def stratified(frames: Candidates, count: int, seed: int) -> list[Choice]:
    """`count` frames, one at a time from the stratum that has the fewest in the set, pins included, and still has
    frames.

    Equal shares rather than proportional ones: the range of an activation is set by what is rare. Of equal strata, and
    of the frames of one, the seed decides. Raises ConfigurationError where frames carry no strata.
    """
    if frames.strata is None:
        raise ConfigurationError(
            'selection.strategy is "stratified", but the pool\'s frames carry no strata.',
            "Set pool.annotations to balance classes, or pool.stratum to a column of the manifest.",
        )
    waiting: dict[str, list[int]] = defaultdict(list)
    for position in np.flatnonzero(frames.free)[::-1]:
        waiting[frames.strata[position]].append(int(position))
    held = Counter(frames.strata[position] for position in frames.pinned)
    queue = [(held[name], tie_break(seed, name), name) for name in waiting]
    heapq.heapify(queue)
    chosen: list[Choice] = []
    while queue and len(chosen) < count:
        number, order, name = heapq.heappop(queue)
        chosen.append((waiting[name].pop(), f"stratum {name}" if name else "no stratum"))
        if waiting[name]:
            heapq.heappush(queue, (number + 1, order, name))
    return chosen
