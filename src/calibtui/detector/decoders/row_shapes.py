"""What YOLO rows carry beside box and scores: mask coefficients with prototypes in an output of their own, (1, K, h,
w),
or keypoints, D numbers each: x, y in input px and, where D is 3, a confidence.

Sources: YOLACT (Bolya and others, 2019) for masks as linear combinations of prototypes; Ultralytics' segmentation and
pose exports, whose metadata has `task` and `kpt_shape`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibtui.core.shapes import ShapeKind
from calibtui.detector.decoders.contract import Outputs, RowShapes, Seen


@dataclass(frozen=True, slots=True)
class ShapeColumns:
    """Columns from `first` on. `prototypes`: the output that has them, "" for keypoints, of `width` numbers each."""

    first: int
    count: int
    prototypes: str = ""
    width: int = 0

    @property
    def kind(self) -> ShapeKind:
        return "masks" if self.prototypes else "keypoints"

    @property
    def why(self) -> str:
        if self.prototypes:
            return f"its rows end with {self.count} mask coefficients, for the prototypes in {self.prototypes!r}"
        return f"its rows end with {self.count // self.width} keypoints of {self.width} numbers"

    def read(self, rows: NDArray[Any], outputs: Outputs) -> RowShapes:
        """Of (M, …) rows."""
        own = np.asarray(rows[:, self.first : self.first + self.count], np.float32)
        if self.prototypes:
            return RowShapes(coefficients=own, prototypes=np.asarray(outputs[self.prototypes][0], np.float32))
        points = own.reshape(len(own), self.count // self.width, self.width)
        if self.width == 2:
            points = np.concatenate([points, np.ones((*points.shape[:2], 1), np.float32)], axis=2)
        return RowShapes(keypoints=points)


def shape_columns(seen: Seen, first: int, columns: int) -> ShapeColumns | None:
    """What stands in rows of `columns` numbers from `first` on; None where nothing does, or nothing that is known."""
    left = columns - first
    if left <= 0:
        return None
    for name, value in seen.outputs.items():
        if value.ndim == 4 and value.shape[1] == left and min(value.shape[2:]) > 1:
            return ShapeColumns(first, left, prototypes=name)
    declared = seen.metadata.keypoints
    if declared is not None and declared[0] * declared[1] == left and declared[1] in (2, 3):
        return ShapeColumns(first, left, width=declared[1])
    if seen.metadata.task == "pose" and declared is None and left % 3 == 0:
        return ShapeColumns(first, left, width=3)
    return None
