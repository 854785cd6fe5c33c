"""A frame with two known objects, and how they look to a model's input.

The frame is 200×100 px and the input 128×128, so that scale and offset both matter. Class 0 is at FIRST with a score
of 0.9, class 2 at SECOND with 0.6.
"""

from __future__ import annotations

import numpy as np

FRAME = np.zeros((100, 200, 3), np.uint8)
FIRST, SECOND = (20.0, 10.0, 80.0, 60.0), (100.0, 30.0, 180.0, 90.0)
OBJECTS = ((FIRST, 0, 0.9), (SECOND, 2, 0.6))
SIDE = 128
CLASSES = 3
ULTRALYTICS = {"names": "{0: 'scratch', 1: 'pit', 2: 'stain'}", "stride": "32", "task": "detect", "imgsz": "[128, 128]"}


def placed(box, how="center"):
    """A frame box in input px: letterboxed in the middle, at the top left, or stretched."""
    x1, y1, x2, y2 = box
    if how == "stretch":
        return np.array([x1 * 0.64, y1 * 1.28, x2 * 0.64, y2 * 1.28])
    down = 32 if how == "center" else 0
    return np.array([x1 * 0.64, y1 * 0.64 + down, x2 * 0.64, y2 * 0.64 + down])


def centred(box):
    x1, y1, x2, y2 = box
    return np.array([(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1])


def rows_of(count, columns, how="center", first=4):
    """A table of faint rows spread over the input, with the two objects in rows 5 and 50."""
    rng = np.random.default_rng(1)
    table = np.zeros((count, columns), np.float32)
    table[:, 0:2] = rng.uniform(0, SIDE, (count, 2))
    table[:, 2:4] = rng.uniform(2, 30, (count, 2))
    for row, (box, label, score) in zip((5, 50), OBJECTS, strict=True):
        table[row, :4] = centred(placed(box, how))
        table[row, first + label] = score
    return table


def assert_found(found, objects=OBJECTS, tolerance=0.6):
    assert found.classes.tolist() == [label for _, label, _ in objects]
    np.testing.assert_allclose(found.scores, [score for *_, score in objects], atol=0.01)
    np.testing.assert_allclose(found.boxes, [box for box, *_ in objects], atol=tolerance)


def cells_of(strides):
    return [(x, y, s) for s in strides for y in range(-(-SIDE // s)) for x in range(-(-SIDE // s))]


CELLS = len(cells_of((8, 16, 32)))
