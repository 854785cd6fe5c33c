"""Random evaluation sets with every wart of the protocol, and pycocotools beside them as the oracle."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from calibtui.core.boxes import Detections, GroundTruth

World = Callable[..., tuple[list[Detections], list[GroundTruth]]]
Oracle = Callable[..., tuple[dict[str, float], np.ndarray]]


@pytest.fixture(scope="session")
def world() -> World:
    return random_world


@pytest.fixture(scope="session")
def oracle() -> Oracle:
    return pycocotools_figures


SIDES = np.array([8, 31, 32, 33, 64, 95, 96, 97, 200])


def random_world(
    seed: int,
    frames: int = 12,
    classes: int = 5,
    objects: int = 8,
    noise: int = 10,
    levels: int = 20,
    crowds: float = 0.1,
    empty: float = 0.2,
) -> tuple[list[Detections], list[GroundTruth]]:
    """Detections that jitter about the objects and others that hit nothing, `levels` distinct scores, so that many tie.

    Sides lie on and beside the area limits, some areas differ from their boxes', the last class is never annotated and
    some frames are empty.
    """
    random = np.random.default_rng(seed)
    found, truths = [], []
    for _ in range(frames):
        count = 0 if random.random() < empty else int(random.integers(0, objects + 1))
        truth = _objects(random, count, max(classes - 1, 1), crowds)
        truths.append(truth)
        found.append(
            Detections.empty() if random.random() < empty / 2 else _found(random, truth, classes, noise, levels)
        )
    return found, truths


def _objects(random: np.random.Generator, count: int, classes: int, crowds: float) -> GroundTruth:
    corner = random.integers(0, 300, (count, 2)).astype(float)
    side = random.choice(SIDES, (count, 2)).astype(float)
    side[random.random(count) < 0.5, 1] = 32
    area = side.prod(axis=1)
    other = random.random(count) < 0.3
    area[other] *= random.uniform(0.3, 1.0, int(other.sum()))
    labels = random.integers(0, classes, count)
    return GroundTruth(np.hstack([corner, corner + side]), labels, random.random(count) < crowds, area)


def _found(random: np.random.Generator, truth: GroundTruth, classes: int, noise: int, levels: int) -> Detections:
    again = np.repeat(np.arange(len(truth)), random.integers(0, 4, len(truth)))
    shift = random.choice([0, 0, 0, 1, 2, 4, 8, 16], (len(again), 4)) * random.choice([-1, 1], (len(again), 4))
    near = truth.boxes[again] + shift
    near[:, 2:] = np.maximum(near[:, 2:], near[:, :2] + 1)
    corner = random.uniform(0, 300, (noise, 2))
    far = np.hstack([corner, corner + random.choice(SIDES, (noise, 2))])
    right = np.where(random.random(len(again)) < 0.9, truth.classes[again], random.integers(0, classes, len(again)))
    labels = np.concatenate([right, random.integers(0, classes, noise)])
    scores = random.integers(1, levels + 1, len(labels)) / levels
    order = random.permutation(len(labels))
    boxes = np.vstack([near, far])[order].astype(np.float32)
    return Detections(boxes, scores[order].astype(np.float32), labels[order].astype(np.int64))


def pycocotools_figures(
    found: Sequence[Detections], truths: Sequence[GroundTruth], classes: int
) -> tuple[dict[str, float], np.ndarray]:
    """pycocotools' figures by the names of MeanAP, and its AP per class; nan where it says −1."""
    with contextlib.redirect_stdout(io.StringIO()):
        run = COCOeval(_annotated(truths, classes), _detected(found, truths, classes), "bbox")
        run.evaluate()
        run.accumulate()
    precision = run.eval["precision"][..., -1]
    areas = {"": 0, "_small": 1, "_medium": 2, "_large": 3}
    figures = {f"map{name}": _mean(precision[..., area]) for name, area in areas.items()}
    figures |= {"map50": _mean(precision[0, :, :, 0]), "map75": _mean(precision[5, :, :, 0])}
    return figures, np.array([_mean(precision[:, :, label, 0]) for label in range(classes)])


def _mean(values: np.ndarray) -> float:
    known = values[values > -1]
    return float(known.mean()) if known.size else float("nan")


def _xywh(corners: np.ndarray) -> list[float]:
    x1, y1, x2, y2 = (float(v) for v in corners)
    return [x1, y1, x2 - x1, y2 - y1]


def _annotated(truths: Sequence[GroundTruth], classes: int) -> COCO:
    annotations = [
        {
            "image_id": frame,
            "category_id": int(truth.classes[i]),
            "bbox": _xywh(truth.boxes[i]),
            "iscrowd": int(truth.crowd[i]),
            "area": float(truth.area[i]),
        }
        for frame, truth in enumerate(truths)
        for i in range(len(truth))
    ]
    coco = COCO()
    coco.dataset = {
        "info": {},
        "images": [{"id": frame} for frame in range(len(truths))],
        "categories": [{"id": label, "name": str(label)} for label in range(classes)],
        "annotations": [{"id": number, **each} for number, each in enumerate(annotations, start=1)],
    }
    coco.createIndex()
    return coco


def _detected(found: Sequence[Detections], truths: Sequence[GroundTruth], classes: int) -> COCO:
    results = [
        {
            "image_id": frame,
            "category_id": int(each.classes[i]),
            "bbox": _xywh(each.boxes[i]),
            "score": float(each.scores[i]),
        }
        for frame, each in enumerate(found)
        for i in range(len(each))
    ]
    truth = _annotated(truths, classes)
    return truth.loadRes(results) if results else _annotated([GroundTruth.empty() for _ in truths], classes)
