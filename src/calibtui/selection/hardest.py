"""The hardest frames, and the hardest frames that don't repeat each other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from calibtui.selection.candidates import Candidates
from calibtui.selection.similarity import Vectors

Choice = tuple[int, str]
FRAMES_AT_ONCE = 512
RELAXATIONS = 5


def hardest(frames: Candidates, count: int) -> list[Choice]:
    """The `count` scored frames of greatest difficulty: position and why."""
    order = _hardest_first(frames)
    rank = _ranks(order)
    free = order[frames.free[order]]
    return [(int(position), f"hardest: rank {rank[int(position)]}") for position in free[:count]]


def hardest_apart(frames: Candidates, count: int, suppress: float) -> list[Choice]:
    """The hardest scored frames, passing over one whose cosine to a harder chosen frame, or to a pinned one, is ≥
    `suppress`.

    When the pool runs out before `count`, the threshold moves halfway to 1 and the frames passed over are asked again,
    hardest first; after five such steps they are taken as they come.
    """
    order = _hardest_first(frames)
    rank = _ranks(order)
    waiting = order[frames.free[order]]
    kept = [int(position) for position in frames.pinned]
    chosen: list[Choice] = []
    threshold = suppress
    for step in range(RELAXATIONS + 2):
        limit = threshold * frames.vectors.one if step <= RELAXATIONS else np.inf
        taken = _apart(frames.vectors, waiting, kept, limit, count - len(chosen))
        note = (
            ""
            if not step
            else f", suppression relaxed to {threshold:.4g}"
            if step <= RELAXATIONS
            else ", nothing else left"
        )
        chosen += [(position, f"hardest: rank {rank[position]}{note}") for position in taken]
        kept += taken
        if len(chosen) == count:
            break
        waiting = waiting[~np.isin(waiting, taken)]
        threshold = (1 + threshold) / 2
    return chosen


def _hardest_first(frames: Candidates) -> NDArray[np.int64]:
    """Positions of the scored frames, pinned ones too, the hardest first."""
    scored = np.flatnonzero(frames.scored)
    return scored[np.argsort(-frames.difficulty[scored], kind="stable")]


def _ranks(order: NDArray[np.int64]) -> dict[int, int]:
    return {int(position): rank for rank, position in enumerate(order, start=1)}


def _apart(vectors: Vectors, waiting: NDArray[np.int64], kept: list[int], limit: float, count: int) -> list[int]:
    """In their order, up to `count` of `waiting` whose products with `kept` and with each other are below `limit`."""
    taken: list[int] = []
    for first in range(0, len(waiting), FRAMES_AT_ONCE):
        if len(taken) == count:
            break
        block = waiting[first : first + FRAMES_AT_ONCE]
        so_far = np.array(kept + taken, np.int64)
        if len(so_far):
            block = block[vectors.products(block, so_far).max(axis=1) < limit]
        among = vectors.products(block, block)
        open_ = np.ones(len(block), bool)
        for row, position in enumerate(block):
            if open_[row] and len(taken) < count:
                taken.append(int(position))
                open_ &= among[row] < limit
    return taken
