"""Which detections overlap which objects enough to matter: a sparse join over all frames at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

PAIRS_AT_ONCE = 500_000


@dataclass(frozen=True, slots=True)
class Boxes:
    """Boxes of many frames, sorted by `group` = frame × classes + class: x, y, width, height (N, 4) float64 in px.

    Widths and heights are kept instead of corners, and corners reckoned from them, because COCO's IoU does: at a
    threshold the last bit decides.
    """

    xywh: NDArray[np.float64]
    group: NDArray[np.int64]

    @property
    def area(self) -> NDArray[np.float64]:
        area: NDArray[np.float64] = self.xywh[:, 2] * self.xywh[:, 3]
        return area


@dataclass(frozen=True, slots=True)
class Pairs:
    """Pairs of one detection and one object of the same frame and class: indices (P,) int64, `iou` (P,) float64.

    Sorted by detection, then IoU ascending, then object: where two objects overlap a detection alike, the later one
    wins.
    """

    detection: NDArray[np.int64]
    truth: NDArray[np.int64]
    iou: NDArray[np.float64]


def overlapping_pairs(detections: Boxes, truths: Boxes, crowd: NDArray[np.bool_], least: float) -> Pairs:
    """All pairs whose IoU is at least `least`. A crowd's IoU is the share of the detection that lies in it."""
    found = [_overlapping(detections, truths, crowd, least, *some) for some in _candidates(detections, truths)]
    if not found:
        return Pairs(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))
    detection, truth, iou = (np.concatenate(column) for column in zip(*found, strict=True))
    order = np.lexsort((truth, iou, detection))
    return Pairs(detection[order], truth[order], iou[order])


def _candidates(detections: Boxes, truths: Boxes) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Index pairs of the same group, in pieces whose size is bounded whatever the number of frames."""
    first = np.searchsorted(truths.group, detections.group, side="left")
    count = np.searchsorted(truths.group, detections.group, side="right") - first
    with_truth = np.flatnonzero(count)
    piece = np.cumsum(count[with_truth]) // PAIRS_AT_ONCE
    for some in np.split(with_truth, np.flatnonzero(np.diff(piece)) + 1):
        if len(some):
            counts = count[some]
            ends = np.cumsum(counts)
            within = np.arange(ends[-1]) - np.repeat(ends - counts, counts)
            yield np.repeat(some, counts), np.repeat(first[some], counts) + within


def _overlapping(
    detections: Boxes,
    truths: Boxes,
    crowd: NDArray[np.bool_],
    least: float,
    detection: NDArray[np.int64],
    truth: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    a, b = detections.xywh[detection], truths.xywh[truth]
    width = np.minimum(a[:, 0] + a[:, 2], b[:, 0] + b[:, 2]) - np.maximum(a[:, 0], b[:, 0])
    height = np.minimum(a[:, 1] + a[:, 3], b[:, 1] + b[:, 3]) - np.maximum(a[:, 1], b[:, 1])
    touch = np.flatnonzero((width > 0) & (height > 0))
    detection, truth = detection[touch], truth[touch]
    shared = width[touch] * height[touch]
    own = detections.area[detection]
    iou = shared / np.where(crowd[truth], own, own + truths.area[truth] - shared)
    enough = iou >= least
    return detection[enough], truth[enough], iou[enough]
