"""What a detector says of a frame, and what is true of it. All boxes are x1, y1, x2, y2 in px of the EXIF-rotated
frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibtui.core.shapes import Mask


@dataclass(frozen=True, slots=True)
class Detections:
    """Final detections of one frame, best first: boxes (M, 4) float32, scores (M,) float32 in [0, 1], classes (M,)
    int64. Where the model gives them and they are asked for, one mask each, or keypoints (M, K, 3) float32: x and y
    in px of the frame, and the model's confidence."""

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    classes: NDArray[np.int64]
    masks: tuple[Mask, ...] | None = None
    keypoints: NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return len(self.scores)

    @classmethod
    def empty(cls) -> Detections:
        return cls(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int64))


@dataclass(frozen=True, slots=True)
class GroundTruth:
    """Annotated objects of one frame.

    boxes (G, 4) float64; classes (G,) int64, indices into the class list; crowd (G,) bool (COCO iscrowd: neither
    rewarded
    nor punished); area (G,) float64 px² (the segment's area in COCO, else the box's). Where they were asked for, one
    mask each, or
    keypoints (G, K, 3) float64: x, y and COCO's visibility, 0 where not labelled.
    """

    boxes: NDArray[np.float64]
    classes: NDArray[np.int64]
    crowd: NDArray[np.bool_]
    area: NDArray[np.float64]
    masks: tuple[Mask, ...] | None = None
    keypoints: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return len(self.classes)

    @classmethod
    def empty(cls) -> GroundTruth:
        return cls(np.zeros((0, 4)), np.zeros(0, np.int64), np.zeros(0, bool), np.zeros(0))


@dataclass(frozen=True, slots=True)
class Annotations:
    """Ground truth by frame uri, with the class names in index order. A frame that is absent is not annotated; a frame
    with an empty GroundTruth is annotated and shows nothing."""

    classes: tuple[str, ...]
    by_uri: dict[str, GroundTruth]
