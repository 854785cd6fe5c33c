"""Greedy non-maximum suppression, class by class, exact and without an N × N matrix."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_BLOCK = 128


def suppress(boxes: NDArray[np.float32], classes: NDArray[np.int64], iou_max: float, limit: int) -> NDArray[np.int64]:
    """Indices of the first `limit` boxes that survive, best first.

    `boxes` (N, 4) and `classes` (N,) come best first. A box goes if a kept one of its class overlaps it by more than
    `iou_max`. The candidates pass in blocks: each block is compared with what is kept so far and with itself, so the
    work ends with the block that fills `limit`, and memory doesn't grow with N².
    """
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    kept: list[int] = []
    for start in range(0, len(boxes), _BLOCK):
        block = np.arange(start, min(start + _BLOCK, len(boxes)))
        if kept:
            block = block[~_covered(boxes, areas, classes, block, np.array(kept), iou_max).any(axis=1)]
        kept.extend(block[_survivors(_covered(boxes, areas, classes, block, block, iou_max))].tolist())
        if len(kept) >= limit:
            break
    return np.array(kept[:limit], np.int64)


def _covered(
    boxes: NDArray[np.float32],
    areas: NDArray[np.float32],
    classes: NDArray[np.int64],
    rows: NDArray[np.int64],
    columns: NDArray[np.int64],
    iou_max: float,
) -> NDArray[np.bool_]:
    """(R, K) bool: the row's box and the column's are of one class and overlap by more than `iou_max`."""
    a, b = boxes[rows, None], boxes[None, columns]
    width = np.minimum(a[..., 2], b[..., 2]) - np.maximum(a[..., 0], b[..., 0])
    height = np.minimum(a[..., 3], b[..., 3]) - np.maximum(a[..., 1], b[..., 1])
    both = width.clip(0) * height.clip(0)
    either = areas[rows, None] + areas[None, columns] - both
    covered: NDArray[np.bool_] = both > np.float32(iou_max) * either
    covered &= classes[rows, None] == classes[None, columns]
    return covered


def _survivors(covered: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(R,) bool of a block that is best first, from its own (R, R) comparison."""
    alive = np.ones(len(covered), bool)
    for index in np.flatnonzero(np.triu(covered, 1).any(axis=1)):
        if alive[index]:
            alive[index + 1 :] &= ~covered[index, index + 1 :]
    return alive
