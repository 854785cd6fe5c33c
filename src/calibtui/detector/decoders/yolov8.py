"""YOLOv8 to YOLO12 before suppression: (1, 4 + C, N) or, transposed, (1, N, 4 + C).

A row is cx, cy, w, h in input px and then C class scores, already in [0, 1]. Ultralytics' segmentation and pose
exports append mask coefficients or keypoints to each row.
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


@dataclass(frozen=True, slots=True)
class Yolov8Reader:
    """`rows_first`: the output is (1, N, 4 + C). `fractions`: boxes in fractions of `size` (width, height) px."""

    output: str
    classes: int
    rows_first: bool
    size: tuple[int, int]
    fractions: bool = False
    shapes: ShapeColumns | None = None

    def decode(self, outputs: Outputs, floor: float = 0.0) -> Decoded:
        table = outputs[self.output][0]
        rows = table if self.rows_first else table.T
        rows = rows[rows_reaching(floor, rows[:, 4 : 4 + self.classes].max(axis=1))]
        boxes = corners(np.asarray(rows[:, :4], np.float32))
        if self.fractions:
            boxes *= np.array(self.size * 2, np.float32)
        shapes = self.shapes.read(rows, outputs) if self.shapes else None
        return Decoded(boxes, np.asarray(rows[:, 4 : 4 + self.classes], np.float32), shapes=shapes)


def recognise(seen: Seen) -> Recognised | None:
    for name, value in seen.outputs.items():
        if value.ndim != 3:
            continue
        claim = _claim(name, value[0], seen)
        if claim:
            return claim
    return None


def _claim(name: str, table: NDArray[Any], seen: Seen) -> Recognised | None:
    rows_first, columns = _orientation(table, seen)
    rows = table if rows_first else table.T
    classes = _class_count(columns, seen)
    if rows_first is None or classes is None or classes < 1 or not _looks_decoded(rows, classes):
        return None
    if _boxes_beside(name, len(rows), seen):
        return None
    strides = strides_for(len(rows), seen.size)
    if strides is None and not (seen.named or (_declared(seen) and not rows_first)):
        return None
    if len(rows) < columns and not (seen.named or _declared(seen)):
        return None
    certainty = _certainty(rows_first, columns, seen)
    if not on_pyramid(len(rows), seen.size) and certainty == ARITHMETIC:
        certainty = PLAUSIBLE
    shape = "(1, N, 4 + C)" if rows_first else "(1, 4 + C, N)"
    cells = f", one for each cell at strides {'/'.join(map(str, strides))}" if strides else ""
    why = f"output {name!r} has {len(rows)} rows{cells}, of 4 box numbers and {classes} class scores, as {shape}"
    fractions = bool(len(rows)) and float(np.abs(rows[:, :4]).max()) <= 1.5
    shapes = shape_columns(seen, 4 + classes, columns)
    return Recognised(
        "yolov8",
        Yolov8Reader(name, classes, rows_first, seen.size, fractions, shapes),
        YOLO,
        classes,
        (why, shapes.why) if shapes else (why,),
        certainty,
        shapes=shapes.kind if shapes else None,
    )


def _boxes_beside(name: str, rows: int, seen: Seen) -> bool:
    """Another output holds a box for each row, so the rows are all scores."""
    return any(key != name and table.shape == (rows, 4) for key, table in seen.tables().items())


def _orientation(table: NDArray[Any], seen: Seen) -> tuple[bool | None, int]:
    """Whether rows come first, and the length of a row. The grid decides; then the number of names; then the shape."""
    a, b = table.shape
    fits_columns_first, fits_rows_first = (strides_for(count, seen.size) is not None for count in (b, a))
    if fits_columns_first != fits_rows_first:
        return fits_rows_first, b if fits_rows_first else a
    if seen.names is not None and (a == 4 + seen.names) != (b == 4 + seen.names):
        return b == 4 + seen.names, 4 + seen.names
    if a == b or min(a, b) < 5:
        return None, 0
    return a > b, min(a, b)


def _class_count(columns: int, seen: Seen) -> int | None:
    """C; rows of a segmentation or pose model are longer than 4 + C, and only names or the mask prototypes tell by
    how much."""
    if seen.metadata.task in ("segment", "pose"):
        names = len(seen.metadata.names or ()) or seen.names
        return names if names and 4 + names <= columns else None
    prototypes = [int(value.shape[1]) for value in seen.outputs.values() if value.ndim == 4 and value.shape[1] <= 64]
    masks = prototypes[0] if len(prototypes) == 1 and len(seen.outputs) == 2 else 0
    return columns - 4 - masks if columns > 4 + masks else columns - 4


def _looks_decoded(rows: NDArray[Any], classes: int) -> bool:
    """Sizes that aren't negative and scores in [0, 1]: raw YOLOX and NanoDet rows have neither."""
    sizes, scores = rows[:, 2:4], rows[:, 4 : 4 + classes]
    return bool(sizes.size == 0 or sizes.min() >= -1.0) and are_probabilities(scores)


def _declared(seen: Seen) -> bool:
    return seen.metadata.ultralytics and not seen.metadata.suppressed and not seen.metadata.rtdetr


def _certainty(rows_first: bool, columns: int, seen: Seen) -> int:
    if not rows_first:
        return DECLARED if _declared(seen) else ARITHMETIC
    if seen.names is not None:
        return DECLARED if columns == 4 + seen.names else 0
    return PLAUSIBLE
