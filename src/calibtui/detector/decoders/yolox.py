"""YOLOX: (1, N, 5 + C), one row in each cell of strides 8/16/32 (or with 64): box, objectness, C class scores.

As exported, the box is raw: centre = (xy + cell) × stride, size = exp(wh) × stride. Exported with
`decode_in_inference`, it is cx, cy, w, h in input px. Ge et al., "YOLOX: Exceeding YOLO Series in 2021".
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibtui.detector.decoders.arithmetic import are_probabilities, corners, rows_reaching, sigmoid
from calibtui.detector.decoders.contract import ARITHMETIC, DECLARED, PLAUSIBLE, Decoded, Outputs, Recognised, Seen
from calibtui.detector.decoders.grids import cells, on_pyramid, strides_for
from calibtui.detector.decoders.recipes import YOLO, YOLOX

_COCO_ROW = 85
_LARGEST_EXPONENT = 20.0


@dataclass(frozen=True, slots=True)
class YoloxReader:
    """`strides` are empty where boxes come decoded; `logits`: objectness and classes still need their sigmoid."""

    output: str
    classes: int
    size: tuple[int, int]
    strides: tuple[int, ...]
    logits: bool = False

    def decode(self, outputs: Outputs, floor: float = 0.0) -> Decoded:
        rows = np.asarray(outputs[self.output][0], np.float32)
        # No product exceeds its objectness.
        likely = rows_reaching(floor, sigmoid(rows[:, 4]) if self.logits else rows[:, 4])
        rows = rows[likely]
        boxes = rows[:, :4]
        if self.strides:
            places, steps = (grid[likely] for grid in _cells(self.size, self.strides))
            sizes = np.exp(np.minimum(boxes[:, 2:], _LARGEST_EXPONENT))
            boxes = np.concatenate([boxes[:, :2] + places, sizes], axis=1) * steps
        scores = sigmoid(rows[:, 4:]) if self.logits else rows[:, 4:]
        return Decoded(corners(boxes), scores[:, 1 : 1 + self.classes] * scores[:, :1])


_cells = lru_cache(maxsize=8)(cells)


def recognise(seen: Seen) -> Recognised | None:
    for name, value in seen.outputs.items():
        if value.ndim != 3 or value.shape[2] < 6 or _shares_its_cells(name, seen):
            continue
        rows = value[0]
        strides = strides_for(len(rows), seen.size)
        if strides is None:
            continue
        raw = not _in_pixels(rows, seen.size)
        logits = not are_probabilities(rows[:, 4:])
        classes = rows.shape[1] - 5
        why = (
            f"output {name!r} has {len(rows)} rows, one for each cell at strides "
            f"{'/'.join(map(str, strides))}, of 4 box numbers "
            f"{'still to be decoded on the grid' if raw else 'in input px'}, objectness and {classes} class scores"
        )
        reader = YoloxReader(name, classes, seen.size, strides if raw else (), logits)
        if not raw and bool((rows[:, 4] == 1).all()):
            said = "its objectness is 1 throughout, as YOLOv6 exports it, so frames are prepared as for YOLOv6"
            return Recognised("yolox", reader, YOLO, classes, (why, said), ARITHMETIC)
        return Recognised("yolox", reader, YOLOX, classes, (why,), _certainty(rows, raw, logits, seen))
    return None


def _shares_its_cells(name: str, seen: Seen) -> bool:
    """Another table speaks of as many cells: they belong together, and this one alone is no YOLOX."""
    rows = seen.outputs[name].shape[1]
    return any(key != name and value.ndim == 3 and value.shape[1] == rows for key, value in seen.outputs.items())


def _in_pixels(rows: NDArray[Any], size: tuple[int, int]) -> bool:
    """Decoded centres reach across the input and sizes aren't negative; raw centres stay near their own cell."""
    return bool(rows[:, :2].max() >= max(size) / 2 and rows[:, 2:4].min() >= 0)


def _certainty(rows: NDArray[Any], raw: bool, logits: bool, seen: Seen) -> int:
    if logits:
        return PLAUSIBLE if raw else 0
    if raw and rows[:, 2:4].min() < 0:
        return ARITHMETIC if on_pyramid(len(rows), seen.size) else PLAUSIBLE
    if seen.names is not None:
        return DECLARED if rows.shape[1] == 5 + seen.names else 0
    return ARITHMETIC if rows.shape[1] == _COCO_ROW else PLAUSIBLE
