"""Collecting the objects of one frame into the arrays that evaluation reads."""

from __future__ import annotations

import numpy as np

from calibtui.core.boxes import GroundTruth
from calibtui.pool.boxes import Corners


class Objects:
    """The annotated objects of one frame, added one by one in their file's order."""

    def __init__(self) -> None:
        self._boxes: list[Corners] = []
        self._classes: list[int] = []
        self._crowd: list[bool] = []
        self._area: list[float] = []

    def add(self, box: Corners, index: int, *, crowd: bool = False, area: float | None = None) -> None:
        """`box` x1, y1, x2, y2 in px; `area` px², the box's own where None."""
        self._boxes.append(box)
        self._classes.append(index)
        self._crowd.append(crowd)
        self._area.append((box[2] - box[0]) * (box[3] - box[1]) if area is None else area)

    def ground_truth(self) -> GroundTruth:
        if not self._boxes:
            return GroundTruth.empty()
        return GroundTruth(
            np.array(self._boxes, np.float64),
            np.array(self._classes, np.int64),
            np.array(self._crowd, bool),
            np.array(self._area, np.float64),
        )
