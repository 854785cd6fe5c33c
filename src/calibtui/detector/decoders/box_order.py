"""Whether corners are x1, y1, x2, y2 or y1, x1, y2, x2. Both look like corners, so what stands beside them tells.

TensorFlow's object detection graphs and the YOLOv3 of Keras, which the ONNX model zoo has, write y first; nearly
everything else writes x first. Boxes of every cell of a grid tell it themselves: cells come row by row, so x is what
starts anew at every row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibtui.detector.decoders.arithmetic import are_whole
from calibtui.detector.decoders.contract import Seen
from calibtui.detector.decoders.labelled import Roles

X_FIRST, Y_FIRST = "x1, y1, x2, y2", "y1, x1, y2, x2"
_FEWEST_STARTS = 6
_CLEARLY_MORE = 3
_INDEX_COLUMNS = 3


@dataclass(frozen=True, slots=True)
class BoxOrder:
    """`why`: a sentence for people; `assumed`: nothing told it, so they should look."""

    y_first: bool
    why: str
    assumed: bool = False

    @property
    def doubts(self) -> tuple[str, ...]:
        return (self.why,) if self.assumed else ()


def order_of_final(seen: Seen, roles: Roles) -> BoxOrder:
    """Of final boxes with a label and a score each."""
    if named := _named_order(seen, roles.boxes):
        return named
    if is_tensorflow(seen, roles):
        return _told(True, "the labels and the number of boxes come as floats, as from TensorFlow")
    if seen.outputs[roles.labels].dtype.kind in "iu" or roles.scores is None:
        return _told(False, "the labels come as integers" if roles.scores else "the score is their fifth column")
    return _assumed()


def order_of_dense(seen: Seen, boxes: str) -> BoxOrder:
    """Of boxes before suppression, one or more a cell."""
    if named := _named_order(seen, boxes):
        return named
    if is_keras_yolov3(seen):
        return _told(True, "the input image_shape and the indices of boxes are those of Keras' YOLOv3")
    first, second = _starts(seen.tables()[boxes])
    if max(first, second) < _FEWEST_STARTS or max(first, second) < _CLEARLY_MORE * min(first, second):
        return _assumed()
    column = "first and third" if first > second else "second and fourth"
    return _told(first < second, f"cells come row by row, and the {column} numbers are what starts anew at each row")


def is_tensorflow(seen: Seen, roles: Roles) -> bool:
    """By the name of the boxes, or by labels and a number of boxes that are floats: other exports that count have
    integers there."""
    if _says_tensorflow(roles.boxes):
        return True
    labels = seen.outputs[roles.labels]
    others = [value for name, value in seen.outputs.items() if name not in (roles.boxes, roles.labels, roles.scores)]
    counts = [value for value in others if value.size == 1 and value.dtype.kind == "f" and are_whole(value)]
    return labels.dtype.kind == "f" and any(0 <= float(value.reshape(-1)[0]) <= labels.size for value in counts)


def is_keras_yolov3(seen: Seen) -> bool:
    """Boxes and scores come with (M, 3) integers, image, class and box, of those that its own suppression keeps."""
    tables = (value for value in seen.outputs.values() if value.dtype.kind in "iu" and value.ndim in (2, 3))
    return "image_shape" in seen.extras and any(value.shape[-1] == _INDEX_COLUMNS for value in tables)


def _named_order(seen: Seen, boxes: str) -> BoxOrder | None:
    """What the settings say, else the name of the output."""
    if seen.box_order != "auto":
        return _told(seen.box_order == "yxyx", "model.box_order says so")
    return _told(True, "TensorFlow's detection_boxes are") if _says_tensorflow(boxes) else None


def _says_tensorflow(name: str) -> bool:
    return "detection_boxes" in name.lower()


def _told(y_first: bool, reason: str) -> BoxOrder:
    return BoxOrder(y_first, f"boxes are {Y_FIRST if y_first else X_FIRST}: {reason}")


def _assumed() -> BoxOrder:
    return BoxOrder(
        False,
        f"nothing tells whether boxes are {X_FIRST} or {Y_FIRST}: {X_FIRST} is assumed; where found boxes are mirrored "
        'along the diagonal, set model.box_order = "yxyx", else "xyxy"',
        assumed=True,
    )


def _starts(boxes: NDArray[Any]) -> tuple[int, int]:
    """How often the centres jump back over more than half of all they cover, in the first and the second number."""
    table = np.asarray(boxes, np.float32)
    centres = (table[:, :2] + table[:, 2:4]) / 2
    half = np.ptp(centres, axis=0) / 2
    back = np.diff(centres, axis=0) < -np.maximum(half, np.finfo(np.float32).tiny)
    first, second = back.sum(axis=0)
    return int(first), int(second)
