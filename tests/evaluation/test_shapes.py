"""Masks and keypoints are matched as pycocotools matches them."""

from __future__ import annotations

import contextlib
import io
from dataclasses import replace

import numpy as np
import pytest
from pycocotools import mask as tools
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from calibtui.core.boxes import Detections, GroundTruth
from calibtui.core.shapes import Mask
from calibtui.evaluation.bootstrap import paired_drop
from calibtui.evaluation.coco import match, mean_ap
from calibtui.evaluation.similarity import mask_areas

SIDE = 420
CLASSES = 3


def ellipse(box: np.ndarray, turned: float) -> Mask:
    """An oval in the box; `turned` makes it fatter or thinner."""
    y, x = np.mgrid[:SIDE, :SIDE] + 0.5
    centre, half = (box[:2] + box[2:]) / 2, np.maximum((box[2:] - box[:2]) / 2, 0.6)
    inside = ((x - centre[0]) / half[0]) ** 2 + ((y - centre[1]) / half[1]) ** 2 < turned
    return Mask(SIDE, SIDE, tools.encode(np.asfortranarray(inside.astype(np.uint8)))["counts"])


def with_masks(found, truths, random):
    found = [replace(d, masks=tuple(ellipse(b, random.uniform(0.5, 1.4)) for b in d.boxes)) for d in found]
    truths = [replace(t, masks=tuple(ellipse(b, 1.0) for b in t.boxes)) for t in truths]
    return found, truths


def with_keypoints(found, truths, random, count):
    def spread(boxes):
        return boxes[:, None, :2] + (boxes[:, None, 2:] - boxes[:, None, :2]) * grid

    grid = random.random((count, 2))
    shown = [random.integers(0, 3, (len(t), count)) * (random.random((len(t), 1)) < 0.85) for t in truths]
    truths = [
        replace(t, crowd=np.zeros(len(t), bool), keypoints=np.dstack([spread(t.boxes), s]))
        for t, s in zip(truths, shown, strict=True)
    ]
    moved = [spread(d.boxes) + random.normal(0, 1.5, (len(d), count, 2)) for d in found]
    found = [
        replace(d, keypoints=np.dstack([m, np.ones((len(d), count))]).astype(np.float32))
        for d, m in zip(found, moved, strict=True)
    ]
    return found, truths


def oracle(found: list[Detections], truths: list[GroundTruth], kind: str) -> tuple[dict[str, float], np.ndarray]:
    """pycocotools on the same."""
    annotations, results = [], []
    for frame, truth in enumerate(truths):
        for i in range(len(truth)):
            x1, y1, x2, y2 = truth.boxes[i]
            row = {"id": len(annotations) + 1, "image_id": frame, "category_id": int(truth.classes[i])}
            row |= {"bbox": [x1, y1, x2 - x1, y2 - y1], "iscrowd": int(truth.crowd[i]), "area": float(truth.area[i])}
            if kind == "segm":
                row["segmentation"] = {**truth.masks[i].rle, "counts": truth.masks[i].counts.decode()}
            else:
                row |= {"keypoints": truth.keypoints[i].ravel().tolist()}
                row |= {"num_keypoints": int((truth.keypoints[i, :, 2] > 0).sum())}
            annotations.append(row)
    for frame, each in enumerate(found):
        for i in range(len(each)):
            row = {"image_id": frame, "category_id": int(each.classes[i]), "score": float(each.scores[i])}
            if kind == "segm":
                row["segmentation"] = {**each.masks[i].rle, "counts": each.masks[i].counts.decode()}
            else:
                row["keypoints"] = each.keypoints[i].ravel().tolist()
            results.append(row)
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        categories = [{"id": label, "name": str(label)} for label in range(CLASSES)]
        images = [{"id": frame, "height": SIDE, "width": SIDE} for frame in range(len(truths))]
        coco.dataset = {"info": {}, "images": images, "categories": categories, "annotations": annotations}
        coco.createIndex()
        run = COCOeval(coco, coco.loadRes(results), kind)
        if kind == "keypoints":
            count = found[0].keypoints.shape[1]
            if count != 17:
                run.params.kpt_oks_sigmas = np.full(count, 1 / count)
        run.evaluate()
        run.accumulate()
    precision = run.eval["precision"][..., -1]

    def mean(values: np.ndarray) -> float:
        known = values[values > -1]
        return float(known.mean()) if known.size else float("nan")

    areas = {"map": 0, "map_small": 1, "map_medium": 2, "map_large": 3}
    if kind == "keypoints":
        areas = {"map": 0, "map_medium": 1, "map_large": 2}
    figures = {name: mean(precision[..., area]) for name, area in areas.items()}
    figures |= {"map50": mean(precision[0, :, :, 0]), "map75": mean(precision[5, :, :, 0])}
    return figures, np.array([mean(precision[:, :, label, 0]) for label in range(CLASSES)])


def assert_equal(found, truths, kind: str, shapes: str) -> None:
    expected, per_class = oracle(found, truths, kind)
    ours = mean_ap(match(found, truths, CLASSES, shapes))
    for name, value in expected.items():
        assert getattr(ours, name) == pytest.approx(value, abs=1e-12, nan_ok=True), name
    np.testing.assert_allclose(ours.per_class, per_class, atol=1e-12)


@pytest.mark.parametrize("seed", range(6))
def test_mask_figures_are_those_of_pycocotools(world, seed) -> None:
    random = np.random.default_rng(seed)
    found, truths = with_masks(*world(seed, frames=6, classes=CLASSES, noise=4), random)
    assert_equal(found, truths, "segm", "masks")


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("count", [17, 5])
def test_keypoint_figures_are_those_of_pycocotools(world, seed, count) -> None:
    random = np.random.default_rng(seed)
    found, truths = with_keypoints(*world(seed, frames=6, classes=CLASSES, noise=4), random, count)
    assert_equal(found, truths, "keypoints", "keypoints")


def test_the_drop_of_masks_has_its_interval_like_any_other(world) -> None:
    random = np.random.default_rng(0)
    found, truths = with_masks(*world(0, frames=12, classes=CLASSES), random)
    worse = [replace(d, masks=tuple(ellipse(b, 0.35) for b in d.boxes)) for d in found]
    drop = paired_drop(match(found, truths, CLASSES, "masks"), match(worse, truths, CLASSES, "masks"), seed=0)
    assert drop.low <= drop.points <= drop.high
    assert drop.points > 0


def test_detections_without_the_shapes_that_are_asked_for_are_refused(world) -> None:
    found, truths = world(0, frames=3, classes=CLASSES)
    with pytest.raises(ValueError, match="no masks"):
        match(found, truths, CLASSES, "masks")


def test_more_masks_than_a_byte_can_count_have_their_areas() -> None:
    masks = [ellipse(np.array([0, 0, 4 + number % 60, 30]), 1.0) for number in range(600)]
    expected = [int(tools.decode(mask.rle).sum()) for mask in masks]
    assert mask_areas(masks).tolist() == expected
