"""COCO's detection protocol in numbers, and what a matching under it leaves behind.

Source: the COCO detection evaluation (cocodataset.org/#detection-eval) as pycocotools computes it. Every limit is
inclusive.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

IOU_THRESHOLDS: Final[NDArray[np.float64]] = np.linspace(0.5, 0.95, 10)
"""(T,) the overlaps at which a detection counts as right."""

RECALL_STEP: Final = 0.01
RECALL_POINTS: Final = 101
"""Precision is read at the recalls i × RECALL_STEP, i = 0 … RECALL_POINTS − 1."""

AREA_NAMES: Final = ("all", "small", "medium", "large")
AREA_RANGES: Final[NDArray[np.float64]] = np.array([[0, 1e10], [0, 32**2], [32**2, 96**2], [96**2, 1e10]], np.float64)
"""(A, 2) px². An object outside its range is ignored in it: finding it is neither rewarded nor punished."""

MAX_DETECTIONS: Final = 100
"""The best detections that count, of one class in one frame."""

MAX_KEYPOINTS: Final = 20
"""The same where keypoints are compared."""

FALSE_POSITIVE: Final = 0
TRUE_POSITIVE: Final = 1
IGNORED: Final = 2


@dataclass(frozen=True, slots=True)
class Matches:
    """What became of every detection, computed once so that frames can be weighed again and again.

    Detections are sorted by class, then score (best first), then frame: `frame` (D,) int64 indices into the frames that
    were matched; `outcome` (A, T, D) uint8: FALSE_POSITIVE, TRUE_POSITIVE or IGNORED; `starts` (C + 1,) int64: class
    c owns the columns starts[c]:starts[c + 1]. Objects are sorted by class: `truth_frame` (G,) int64, `truth_counts`
    (A, G) bool (False for a crowd and for an object outside the area range), `truth_starts` (C + 1,) int64.
    """

    frames: int
    classes: int
    frame: NDArray[np.int64]
    outcome: NDArray[np.uint8]
    starts: NDArray[np.int64]
    truth_frame: NDArray[np.int64]
    truth_counts: NDArray[np.bool_]
    truth_starts: NDArray[np.int64]
