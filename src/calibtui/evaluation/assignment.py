"""Who gets which object: COCO's greedy assignment, for every frame, class, threshold and area range in the same sweep.

COCO walks the detections of one class in one frame from the best score down; each takes the free object it overlaps
most, an object that counts before one that is ignored. Detections of different frames or classes never compete, so
round r serves the r-th candidate of every (frame, class) together, and each of the A × T lanes keeps its own record
of what is taken.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from calibtui.evaluation.overlap import Pairs
from calibtui.evaluation.protocol import FALSE_POSITIVE, IGNORED, IOU_THRESHOLDS, TRUE_POSITIVE

Indices = NDArray[np.int64]


def assign(
    pairs: Pairs,
    group: NDArray[np.int64],
    out_of_range: NDArray[np.bool_],
    crowd: NDArray[np.bool_],
    counts: NDArray[np.bool_],
) -> NDArray[np.uint8]:
    """The outcome of each detection, (D, A × T) uint8, lanes ordered by area range, then threshold.

    `group` (D,) int64 is each detection's frame and class, best score first within one; `out_of_range` (D, A): its
    own area lies outside; `crowd` (G,); `counts` (G, A): the object is to be found in that range.
    """
    thresholds = len(IOU_THRESHOLDS)
    outcome = np.where(np.repeat(out_of_range, thresholds, axis=1), IGNORED, FALSE_POSITIVE).astype(np.uint8)
    if not len(pairs.detection):
        return outcome
    needed = np.tile(np.minimum(IOU_THRESHOLDS, 1 - 1e-10), counts.shape[1])
    counted = np.repeat(counts, thresholds, axis=1)
    taken = np.zeros(counted.shape, bool)
    for detection, starts, slot, truth, iou in _rounds(pairs, group):
        width = int(slot.max()) + 1
        usable = (iou[:, None] >= needed) & ~(taken[truth] & ~crowd[truth, None])
        worth = np.where(usable, slot[:, None] + 1 + width * counted[truth], 0)
        best = np.maximum.reduceat(worth, starts, axis=0)
        row, lane = np.nonzero(best)
        value = best[row, lane]
        taken[truth[starts[row] + (value - 1) % width], lane] = True
        outcome[detection[row], lane] = np.where(value > width, TRUE_POSITIVE, IGNORED)
    return outcome


def _rounds(pairs: Pairs, group: Indices) -> Iterator[tuple[Indices, Indices, Indices, Indices, NDArray[np.float64]]]:
    """Round by round: the detections (N,), where each one's pairs start (N,), and per pair its slot, object and IoU
    (P,)."""
    starts = np.flatnonzero(np.diff(pairs.detection, prepend=-1))
    count = np.diff(np.append(starts, len(pairs.detection)))
    detection = pairs.detection[starts]
    turn = _ordinal(group[detection])
    for number in range(int(turn.max()) + 1):
        mine = np.flatnonzero(turn == number)
        counts = count[mine]
        local = np.cumsum(counts) - counts
        slot = np.arange(counts.sum()) - np.repeat(local, counts)
        at = np.repeat(starts[mine], counts) + slot
        yield detection[mine], local, slot, pairs.truth[at], pairs.iou[at]


def _ordinal(group: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many earlier entries share each entry's group, where equal groups stand together."""
    first = np.flatnonzero(np.diff(group, prepend=-1))
    return np.arange(len(group)) - np.repeat(first, np.diff(np.append(first, len(group))))
