"""FastestDet: one map (1, 5 + C, h, w) at stride 16 of objectness, four box numbers and a softmax over C classes.

A cell's centre is (tanh(xy) + cell) / cells, its size sigmoid(wh), both in fractions of the input; its score is
objectness^0.6 × class^0.4, and its one class the likeliest. Source: the post-processing of FastestDet's own repository.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from calibtui.detector.decoders.arithmetic import are_probabilities, corners, rows_reaching, sigmoid
from calibtui.detector.decoders.contract import ARITHMETIC, Decoded, Outputs, Recognised, Seen
from calibtui.detector.decoders.grids import cells, level_sizes
from calibtui.detector.decoders.recipes import FASTESTDET

_STRIDE = 16
_OBJECT_POWER, _CLASS_POWER = np.float32(0.6), np.float32(0.4)


@dataclass(frozen=True, slots=True)
class FastestDetReader:
    """`size`: the input's (width, height) px."""

    output: str
    size: tuple[int, int]

    def decode(self, outputs: Outputs, floor: float = 0.0) -> Decoded:
        table = np.asarray(outputs[self.output][0], np.float32)
        rows = table.reshape(len(table), -1).T
        labels = rows[:, 5:].argmax(axis=1)
        likeliest = np.take_along_axis(rows[:, 5:], labels[:, None], axis=1)[:, 0]
        scores = np.asarray(rows[:, 0].clip(0) ** _OBJECT_POWER * likeliest.clip(0) ** _CLASS_POWER, np.float32)
        likely = rows_reaching(floor, scores)
        rows = rows[likely]
        places = cells(self.size, (_STRIDE,))[0][likely]
        count = np.array(table.shape[:0:-1], np.float32)
        centred = np.concatenate([(np.tanh(rows[:, 1:3]) + places) / count, sigmoid(rows[:, 3:5])], axis=1)
        boxes = corners(centred) * np.array(self.size * 2, np.float32)
        return Decoded(boxes, scores[likely], labels[likely].astype(np.int64))


def recognise(seen: Seen) -> Recognised | None:
    if len(seen.outputs) != 1:
        return None
    (name, value), *_ = seen.outputs.items()
    columns, rows = level_sizes(seen.size, (_STRIDE,))[0]
    if value.ndim != 4 or value.shape[1] < 6 or value.shape[2:] != (rows, columns):
        return None
    table = np.asarray(value[0], np.float32)
    one_class_each = bool(np.allclose(table[5:].sum(axis=0), 1.0, atol=0.02))
    if not (are_probabilities(table[0]) and are_probabilities(table[5:]) and one_class_each):
        return None
    why = (
        f"output {name!r} is a map of {columns}×{rows} cells at stride {_STRIDE}, of objectness, 4 box numbers and "
        f"{len(table) - 5} class shares"
    )
    return Recognised("fastestdet", FastestDetReader(name, seen.size), FASTESTDET, len(table) - 5, (why,), ARITHMETIC)
