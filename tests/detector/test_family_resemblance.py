"""Families that resemble each other are told apart by what their outputs on noise are like, whatever the input size
and the number of classes: with one or two classes, or where rows are as many as another family's cells, shapes alone
would not do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from calibtui.detector.decoders.contract import Seen
from calibtui.detector.decoders.grids import cells
from calibtui.detector.decoders.registry import recognise

SIZES = (128, 256, 320, 640)
CLASSES = (1, 2, 4, 6, 32, 80)
QUERIES = 300


def probabilities(rng, *shape, mean=-6.0):
    """Scores as detectors give them to noise: nearly all small."""
    return 1 / (1 + np.exp(-rng.normal(mean, 2, shape)))


def on_grid(rng, size, strides=(8, 16, 32)):
    """Centres and sizes in px around each cell."""
    places, steps = cells((size, size), strides)
    centres = (places + rng.normal(0.5, 0.5, places.shape)) * steps
    return centres, np.exp(rng.normal(0.5, 0.8, places.shape)) * steps


def queries(rng):
    return np.concatenate([rng.random((QUERIES, 2)), rng.random((QUERIES, 2)) ** 2], axis=1)


def yolov8(rng, size, classes):
    centres, sides = on_grid(rng, size)
    return {"o": np.concatenate([centres, sides, probabilities(rng, len(sides), classes)], axis=1).T}


def yolov5(rng, size, classes):
    rows = np.concatenate(on_grid(rng, size), axis=1).repeat(3, axis=0)
    return {"o": np.concatenate([rows, probabilities(rng, len(rows), 1 + classes)], axis=1)}


def yolox(rng, size, classes):
    count = len(cells((size, size), (8, 16, 32))[0])
    box = np.concatenate([rng.normal(0.5, 0.7, (count, 2)), rng.normal(0.3, 0.8, (count, 2))], axis=1)
    return {"o": np.concatenate([box, probabilities(rng, count, 1 + classes)], axis=1)}


def end2end(rng, size, classes):
    centres, half = rng.uniform(0, size, (QUERIES, 2)), rng.uniform(1, 60, (QUERIES, 2))
    labels = rng.integers(0, classes, (QUERIES, 1))
    return {"o": np.concatenate([centres - half, centres + half, probabilities(rng, QUERIES, 1), labels], axis=1)}


def rtdetr_in_one(rng, size, classes):
    return {"o": np.concatenate([queries(rng), probabilities(rng, QUERIES, classes)], axis=1)}


def rtdetr(rng, size, classes):
    return {"1": rng.normal(-6, 1.5, (QUERIES, classes)), "2": queries(rng)}


def detr(rng, size, classes):
    logits = rng.normal(-3, 1.5, (QUERIES, classes + 1))
    logits[:, -1] += 8
    return {"logits": logits, "pred_boxes": queries(rng)}


def nanodet(rng, size, classes, strides=(8, 16, 32)):
    counts = {stride: len(cells((size, size), (stride,))[0]) for stride in strides}
    outputs = {f"cls_{stride}": probabilities(rng, count, classes) for stride, count in counts.items()}
    return outputs | {f"dis_{stride}": rng.normal(0, 2, (count, 32)) for stride, count in counts.items()}


def picodet(rng, size, classes):
    return nanodet(rng, size, classes, (8, 16, 32, 64))


def nanodet_plus(rng, size, classes):
    count = len(cells((size, size), (8, 16, 32, 64))[0])
    return {"o": np.concatenate([probabilities(rng, count, classes), rng.normal(0, 2, (count, 32))], axis=1)}


def dense(rng, size, classes):
    centres, sides = on_grid(rng, size)
    corners = np.concatenate([centres - sides, centres + sides], axis=1)
    return {"a": corners, "b": probabilities(rng, len(sides), classes)}


def softmax_ssd(rng, size, classes):
    logits = rng.normal(0, 1, (3000, classes + 1))
    logits[:, 0] += 5
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    centres, half = rng.random((3000, 2)), rng.uniform(0.01, 0.2, (3000, 2))
    return {"scores": shares, "boxes": np.concatenate([centres - half, centres + half], axis=1)}


FAMILIES = [
    (yolov8, "yolov8"),
    (yolov5, "yolov5"),
    (yolox, "yolox"),
    (end2end, "yolo-end2end"),
    (rtdetr_in_one, "rtdetr"),
    (rtdetr, "rtdetr"),
    (detr, "detr"),
    (nanodet, "nanodet"),
    (nanodet_plus, "nanodet"),
    (picodet, "picodet"),
    (dense, "ssd"),
    (softmax_ssd, "ssd"),
]


@pytest.mark.parametrize(("outputs", "decoder"), FAMILIES, ids=[family.__name__ for family, _ in FAMILIES])
@pytest.mark.parametrize("classes", CLASSES)
@pytest.mark.parametrize("named", [False, True])
def test_a_family_is_told_from_the_others(outputs, decoder, classes, named):
    for size in SIZES:
        values = outputs(np.random.default_rng(classes * 1000 + size), size, classes)
        arrays = {name: value[None].astype(np.float32) for name, value in values.items()}
        declared = {name: value.shape for name, value in arrays.items()}
        seen = Seen(arrays, declared, (size, size), names=classes if named else None)
        claim = recognise("auto", seen, Path(), "the model")
        assert (claim.decoder, claim.classes) in {(decoder, classes), (decoder, None)}, size
