"""Box and score arithmetic that several families share."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


def corners(centred: Floats) -> Floats:
    """(M, 4) cx, cy, w, h as (M, 4) x1, y1, x2, y2."""
    boxes = np.empty((len(centred), 4), np.float32)
    half = centred[:, 2:4] * np.float32(0.5)
    np.subtract(centred[:, :2], half, out=boxes[:, :2])
    np.add(centred[:, :2], half, out=boxes[:, 2:])
    return boxes


def x_first(boxes: Floats) -> Floats:
    """The first four columns, y1, x1, y2, x2, as (M, 4) x1, y1, x2, y2."""
    return boxes[:, [1, 0, 3, 2]]


def sigmoid(logits: Floats) -> Floats:
    """1 / (1 + e^−x), without overflow."""
    return np.asarray(np.float32(0.5) * (np.float32(1) + np.tanh(np.float32(0.5) * logits)), np.float32)


def softmax(logits: Floats) -> Floats:
    """Over the last axis, without overflow."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True), np.float32)


def rows_reaching(floor: float, best: NDArray[Any]) -> NDArray[np.int64] | slice:
    """What to index rows with so that those remain whose `best` (N,) reaches `floor`: all of them for a floor of 0."""
    return np.flatnonzero(best >= floor) if floor > 0 else slice(None)


def are_probabilities(values: NDArray[Any]) -> bool:
    """All in [0, 1], give or take what half precision and quantization do to the ends."""
    return bool(values.size == 0 or (values.min() >= -0.02 and values.max() <= 1.02))


def are_normalised(boxes: NDArray[Any]) -> bool:
    """Coordinates in fractions of the input rather than in px: none lies far outside [0, 1]."""
    return bool(boxes.size > 0 and np.abs(boxes.astype(np.float32)).max() <= 2.0)


def are_corners(boxes: NDArray[Any]) -> bool:
    """Every row is x1 ≤ x2 and y1 ≤ y2: as good as impossible by chance for rows of cx, cy, w, h."""
    table = boxes.astype(np.float32)
    slack = 1e-3 * max(1.0, float(np.abs(table).max(initial=0.0)))
    return bool((table[:, 2] >= table[:, 0] - slack).all() and (table[:, 3] >= table[:, 1] - slack).all())


def are_whole(values: NDArray[Any]) -> bool:
    """Nothing but whole numbers, as labels are."""
    return bool(np.all(np.equal(np.round(values.astype(np.float64)), values)))
