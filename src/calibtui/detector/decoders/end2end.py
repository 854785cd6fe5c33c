"""Models that have done their own suppression and give one table of final detections.

Rows are (x1, y1, x2, y2, score, class) for YOLOv10, YOLO26 and Ultralytics exports with NMS, (1, N, 6); (image, x1,
y1, x2, y2, class, score) for YOLOv7's end-to-end export, (N, 7); (class, score, x1, y1, x2, y2) for PaddleDetection,
(N, 6). Boxes are in input px.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibtui.detector.decoders.arithmetic import are_corners, are_probabilities, are_whole, corners, x_first
from calibtui.detector.decoders.box_order import X_FIRST, Y_FIRST
from calibtui.detector.decoders.contract import ARITHMETIC, DECLARED, Decoded, Outputs, Recognised, Seen
from calibtui.detector.decoders.recipes import IMAGENET, YOLO
from calibtui.detector.decoders.row_shapes import ShapeColumns, shape_columns

_MOST_ROWS = 3000
_PADDLE_INPUTS = {"im_shape", "scale_factor"}


@dataclass(frozen=True, slots=True)
class Columns:
    """Where a row keeps what: the first of the four box numbers, the score, the class, and whether rows name their
    image. `centred`: the box is cx, cy, w, h rather than corners."""

    box: int
    score: int
    label: int
    order: str
    image: int | None = None
    centred: bool = False


_YOLO = Columns(box=0, score=4, label=5, order="x1, y1, x2, y2, score, class")
_YOLOV7 = Columns(box=1, score=6, label=5, order="image, x1, y1, x2, y2, class, score", image=0)
_YOLO_NAS = Columns(box=1, score=5, label=6, order="image, x1, y1, x2, y2, score, class", image=0)
_PADDLE = Columns(box=2, score=1, label=0, order="class, score, x1, y1, x2, y2")
QUERIES = Columns(box=0, score=4, label=5, order="cx, cy, w, h, score, class", centred=True)


@dataclass(frozen=True, slots=True)
class TableReader:
    """`fractions`: boxes in fractions of `size` (width, height) px; `y_first`: y1, x1, y2, x2. Classes are rounded: a
    quantized table blurs them."""

    output: str
    columns: Columns
    size: tuple[int, int]
    fractions: bool = False
    shapes: ShapeColumns | None = None
    y_first: bool = False

    def decode(self, outputs: Outputs, floor: float = 0.0) -> Decoded:
        table = outputs[self.output]
        rows = np.asarray(table[0] if table.ndim == 3 else table, np.float32)
        if self.columns.image is not None:
            rows = rows[rows[:, self.columns.image] < 0.5]
        boxes = rows[:, self.columns.box : self.columns.box + 4].copy()
        boxes = corners(boxes) if self.columns.centred else boxes
        boxes = x_first(boxes) if self.y_first else boxes
        if self.fractions:
            boxes *= np.array(self.size * 2, np.float32)
        labels = np.rint(rows[:, self.columns.label]).astype(np.int64)
        shapes = self.shapes.read(rows, outputs) if self.shapes else None
        return Decoded(boxes, rows[:, self.columns.score], labels, shapes)


def recognise(seen: Seen) -> Recognised | None:
    for name, value in seen.outputs.items():
        columns = _columns(name, value, seen)
        if columns is None:
            continue
        rows = value[0] if value.ndim == 3 else value
        boxes = rows[:, columns.box : columns.box + 4]
        fractions = bool(np.any(boxes)) and float(np.abs(boxes).max()) <= 1.5
        y_first = seen.box_order == "yxyx"
        read = columns.order.replace(X_FIRST, Y_FIRST) if y_first else columns.order
        why = f"output {name!r} is a table of at most {_MOST_ROWS} final detections: {read}"
        shapes = shape_columns(seen, 6, rows.shape[1]) if columns is _YOLO else None
        return Recognised(
            "yolo-end2end",
            TableReader(name, columns, seen.size, fractions, shapes, y_first),
            IMAGENET if columns is _PADDLE else YOLO,
            seen.names,
            (why, shapes.why) if shapes else (why,),
            DECLARED if seen.metadata.suppressed else ARITHMETIC,
            suppressed=True,
            shapes=shapes.kind if shapes else None,
            y_first=y_first,
        )
    return None


def _columns(name: str, value: NDArray[Any], seen: Seen) -> Columns | None:
    if value.ndim not in (2, 3) or value.shape[-2] > _MOST_ROWS:
        return None
    # One fixed row of six numbers is a classifier of six classes rather than one detection.
    if value.ndim == 2 and seen.declared.get(name, (None,))[0] == 1 and not seen.named:
        return None
    rows = value[0] if value.ndim == 3 else value
    width = rows.shape[1]
    if width == 6:
        tried = (_PADDLE, _YOLO) if _PADDLE_INPUTS & set(seen.extras) else (_YOLO, _PADDLE)
        return next((columns for columns in tried if _fits(rows, columns)), None)
    if width == 7 and are_whole(rows[:, 0]):
        return next((columns for columns in (_YOLOV7, _YOLO_NAS) if _fits(rows, columns)), None)
    if width > 6 and seen.metadata.suppressed and _fits(rows, _YOLO):
        return _YOLO
    return None


def _fits(rows: NDArray[Any], columns: Columns) -> bool:
    scores, labels = rows[:, columns.score], rows[:, columns.label]
    real = scores > 0
    boxes = rows[:, columns.box : columns.box + 4]
    # −1 is how some exporters fill the rows that hold nothing.
    return are_probabilities(scores[scores != -1]) and are_whole(labels) and are_corners(boxes[real])
