"""YOLOv5 and YOLOv7 before suppression: (1, N, 5 + C), three anchors in each cell.

A row is cx, cy, w, h in input px, objectness and C class scores, both in [0, 1]; a class's score is their product.
Exports that also give their raw heads, (1, 3, h, w, 5 + C), are read by the table alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibtui.detector.decoders.arithmetic import are_probabilities, corners, rows_reaching
from calibtui.detector.decoders.contract import ARITHMETIC, DECLARED, PLAUSIBLE, Decoded, Outputs, Recognised, Seen
from calibtui.detector.decoders.grids import on_pyramid, strides_for
from calibtui.detector.decoders.recipes import YOLO
from calibtui.detector.decoders.row_shapes import ShapeColumns, shape_columns

_ANCHORS = 3


@dataclass(frozen=True, slots=True)
class Yolov5Reader:
    """`fractions`: boxes in fractions of `size` (width, height) px."""

    output: str
    classes: int
    size: tuple[int, int]
    fractions: bool = False
    shapes: ShapeColumns | None = None

    def decode(self, outputs: Outputs, floor: float = 0.0) -> Decoded:
        rows = outputs[self.output][0]
        rows = rows[rows_reaching(floor, rows[:, 4])]  # no product exceeds its objectness
        boxes = corners(np.asarray(rows[:, :4], np.float32))
        if self.fractions:
            boxes *= np.array(self.size * 2, np.float32)
        shapes = self.shapes.read(rows, outputs) if self.shapes else None
        scores = np.asarray(rows[:, 5 : 5 + self.classes] * rows[:, 4:5], np.float32)
        return Decoded(boxes, scores, shapes=shapes)


def recognise(seen: Seen) -> Recognised | None:
    for name, value in seen.outputs.items():
        if value.ndim != 3 or value.shape[2] < 6 or not are_probabilities(value[0][:, 4:6]):
            continue
        rows = value[0]
        strides = strides_for(len(rows), seen.size, _ANCHORS)
        if strides is None and not seen.named:
            continue
        classes = _class_count(rows, seen)
        declared = seen.metadata.ultralytics and classes == seen.names
        why = (
            f"output {name!r} has {len(rows)} rows, {_ANCHORS} anchors for each cell"
            f"{' at strides ' + '/'.join(map(str, strides)) if strides else ''}, "
            f"of 4 box numbers, objectness and {classes} class scores"
        )
        fractions = bool(len(rows)) and float(np.abs(rows[:, :4]).max()) <= 1.5
        shapes = shape_columns(seen, 5 + classes, rows.shape[1])
        reader = Yolov5Reader(name, classes, seen.size, fractions, shapes)
        usual = ARITHMETIC if on_pyramid(len(rows), seen.size, _ANCHORS) and not fractions else PLAUSIBLE
        return Recognised(
            "yolov5",
            reader,
            YOLO,
            classes,
            (why, shapes.why) if shapes else (why,),
            DECLARED if declared else usual,
            shapes=shapes.kind if shapes else None,
        )
    return None


def _class_count(rows: NDArray[Any], seen: Seen) -> int:
    """A segmentation model's rows end with mask coefficients, as many as there are prototypes."""
    prototypes = [int(value.shape[1]) for value in seen.outputs.values() if value.ndim == 4 and value.shape[1] <= 64]
    columns = int(rows.shape[1])
    masks = prototypes[0] if len(prototypes) == 1 else 0
    return columns - 5 - masks if columns > 5 + masks else columns - 5
