"""Collecting the objects of one frame into the arrays that evaluation reads."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from calibtui.core.boxes import GroundTruth
from calibtui.core.shapes import Mask
from calibtui.pool.boxes import Corners

Keypoints = NDArray[np.float64]


class Objects:
    """The annotated objects of one frame, added one by one in their file's order."""

    def __init__(self) -> None:
        self._boxes: list[Corners] = []
        self._classes: list[int] = []
        self._crowd: list[bool] = []
        self._area: list[float] = []
        self._masks: list[Mask] = []
        self._keypoints: list[Keypoints] = []

    def add(
        self,
        box: Corners,
        index: int,
        *,
        crowd: bool = False,
        area: float | None = None,
        mask: Mask | None = None,
        keypoints: Keypoints | None = None,
    ) -> None:
        """`box` x1, y1, x2, y2 in px; `area` px², the box's own where None. A `mask`, or (K, 3) `keypoints`: of all
        objects of a frame or of none."""
        self._boxes.append(box)
        self._classes.append(index)
        self._crowd.append(crowd)
        self._area.append((box[2] - box[0]) * (box[3] - box[1]) if area is None else area)
        if mask is not None:
            self._masks.append(mask)
        if keypoints is not None:
            self._keypoints.append(keypoints)

    def ground_truth(self) -> GroundTruth:
        if not self._boxes:
            return GroundTruth.empty()
        return GroundTruth(
            np.array(self._boxes, np.float64),
            np.array(self._classes, np.int64),
            np.array(self._crowd, bool),
            np.array(self._area, np.float64),
            masks=tuple(self._masks) if self._masks else None,
            keypoints=np.stack(self._keypoints) if self._keypoints else None,
        )
