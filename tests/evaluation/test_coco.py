"""mAP is COCO's, to the last bit that matters: pycocotools is the oracle."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from calibtui.core.boxes import Detections, GroundTruth
from calibtui.evaluation.coco import MeanAP, match, mean_ap

EVERY_WART = {
    "ties in scores": {"levels": 3},
    "half of the objects are crowds": {"frames": 30, "crowds": 0.5},
    "one class": {"classes": 1, "frames": 8},
    "more than 100 detections of a class in a frame": {"classes": 1, "frames": 4, "objects": 20, "noise": 150},
    "objects packed closely": {"classes": 2, "objects": 60, "frames": 6, "crowds": 0.2, "noise": 0},
    "most frames empty": {"empty": 0.9, "frames": 20},
    "no objects at all": {"empty": 1.0},
    "only crowds": {"crowds": 1.0},
    "distinct scores": {"levels": 100_000, "frames": 25},
}


def truth(boxes: list[list[float]], classes: list[int], crowd: list[bool] | None = None) -> GroundTruth:
    corners = np.array(boxes, float).reshape(-1, 4)
    area = (corners[:, 2:] - corners[:, :2]).prod(axis=1)
    return GroundTruth(corners, np.array(classes, np.int64), np.array(crowd or [False] * len(classes)), area)


def found(boxes: list[list[float]], scores: list[float], classes: list[int]) -> Detections:
    corners = np.array(boxes, np.float32).reshape(-1, 4)
    return Detections(corners, np.array(scores, np.float32), np.array(classes, np.int64))


def assert_equal(ours: MeanAP, figures: dict[str, float], per_class: np.ndarray) -> None:
    for name, value in figures.items():
        assert getattr(ours, name) == pytest.approx(value, abs=1e-9, nan_ok=True), name
    np.testing.assert_allclose(ours.per_class, per_class, atol=1e-9, rtol=0)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("wart", EVERY_WART)
def test_every_figure_equals_pycocotools(wart, seed, world, oracle) -> None:
    detections, truths = world(seed, **EVERY_WART[wart])
    classes = EVERY_WART[wart].get("classes", 5)
    assert_equal(mean_ap(match(detections, truths, classes)), *oracle(detections, truths, classes))


def test_equals_pycocotools_on_hundreds_of_frames_and_80_classes(world, oracle) -> None:
    detections, truths = world(7, frames=200, classes=80, objects=12, noise=60, levels=1000)
    assert_equal(mean_ap(match(detections, truths, 80)), *oracle(detections, truths, 80))


def test_equals_pycocotools_when_the_pairs_come_in_pieces(world, oracle, monkeypatch) -> None:
    monkeypatch.setattr("calibtui.evaluation.overlap.PAIRS_AT_ONCE", 7)
    detections, truths = world(3, frames=20, classes=2)
    assert_equal(mean_ap(match(detections, truths, 2)), *oracle(detections, truths, 2))


def test_perfect_detections_score_one_and_absent_classes_are_nan() -> None:
    boxes = [[0, 0, 20, 20], [50, 50, 150, 150]]
    result = mean_ap(match([found(boxes, [0.9, 0.8], [0, 2])], [truth(boxes, [0, 2])], 3))
    assert (result.map, result.map50, result.map75, result.map_small, result.map_large) == pytest.approx((1,) * 5)
    assert math.isnan(result.map_medium)
    np.testing.assert_allclose(result.per_class, [1, np.nan, 1])


def test_a_missed_class_is_zero_not_nan() -> None:
    result = mean_ap(match([Detections.empty()], [truth([[0, 0, 9, 9]], [1])], 2))
    np.testing.assert_array_equal(result.per_class, [np.nan, 0])
    assert result.map == 0


def test_an_overlap_of_exactly_one_half_counts_at_the_first_threshold() -> None:
    result = mean_ap(match([found([[0, 0, 10, 5]], [0.5], [0])], [truth([[0, 0, 10, 10]], [0])], 1))
    assert (result.map50, result.map75) == pytest.approx((1, 0))
    assert result.map == pytest.approx(0.1)


def test_of_two_objects_overlapped_alike_the_later_is_taken(oracle) -> None:
    """As in pycocotools: here that leaves nothing for the second detection, which only the later one overlaps."""
    annotated = truth([[0, 0, 10, 10], [4, 0, 14, 10]], [0, 0])
    detections = found([[2, 0, 12, 10], [5, 0, 15, 10]], [0.9, 0.8], [0, 0])
    result = mean_ap(match([detections], [annotated], 1))
    assert_equal(result, *oracle([detections], [annotated], 1))
    assert result.map50 == pytest.approx(51 / 101)


def test_any_number_of_detections_in_a_crowd_is_forgiven() -> None:
    annotated = truth([[0, 0, 10, 10], [100, 100, 300, 300]], [0, 0], [False, True])
    inside = [[110, 110, 120, 120], [150, 150, 180, 180], [200, 200, 290, 290]]
    result = mean_ap(match([found([*inside, [0, 0, 10, 10]], [0.9, 0.8, 0.7, 0.6], [0] * 4)], [annotated], 1))
    assert result.map == pytest.approx(1)


def test_nothing_to_evaluate_is_nan_not_an_error() -> None:
    for matches in (match([], [], 3), match([Detections.empty()], [GroundTruth.empty()], 3), match([], [], 0)):
        assert math.isnan(mean_ap(matches).map)


def test_integer_weights_equal_copied_frames(world) -> None:
    """Also with scores that tie across frames; the copies stand beside each other."""
    for seed in range(10):
        detections, truths = world(seed, frames=25, classes=4, levels=10_000)
        times = np.random.default_rng(seed).integers(0, 4, 25)
        copied = np.repeat(np.arange(25), times)
        weighed = mean_ap(match(detections, truths, 4), times)
        copies = mean_ap(match([detections[i] for i in copied], [truths[i] for i in copied], 4))
        for name in ("map", "map50", "map75", "map_small", "map_medium", "map_large"):
            assert getattr(weighed, name) == pytest.approx(getattr(copies, name), abs=1e-12, nan_ok=True)
        np.testing.assert_allclose(weighed.per_class, copies.per_class, atol=1e-12)


def test_scaling_all_weights_changes_nothing(world) -> None:
    matches = match(*world(2, frames=30), 5)
    weights = np.random.default_rng(0).random(30)
    assert mean_ap(matches, weights * 8).map == pytest.approx(mean_ap(matches, weights).map, abs=1e-12)


@pytest.mark.parametrize("weights", [[1.0], [1.0, -1.0], [1.0, math.nan], [1.0, math.inf]])
def test_weights_that_mean_nothing_are_refused(weights) -> None:
    matches = match([Detections.empty()] * 2, [GroundTruth.empty()] * 2, 1)
    with pytest.raises(ValueError, match="weight"):
        mean_ap(matches, np.array(weights))


def test_input_that_does_not_fit_is_named() -> None:
    with pytest.raises(ValueError, match="1 frames with detections, but 2"):
        match([Detections.empty()], [GroundTruth.empty()] * 2, 1)
    with pytest.raises(ValueError, match="frame 1: detected class 3"):
        match([Detections.empty(), found([[0, 0, 1, 1]], [1], [3])], [GroundTruth.empty()] * 2, 3)
    with pytest.raises(ValueError, match="frame 0: annotated class -1"):
        match([Detections.empty()], [truth([[0, 0, 1, 1]], [-1])], 3)


@pytest.mark.shared
@pytest.mark.parametrize("name", ["coco128", "deeppcb"])
def test_real_annotations_with_jittered_detections_equal_pycocotools(shared_data, oracle, name) -> None:
    truths, classes = real_truths(shared_data / name / "eval.json")
    random = np.random.default_rng(0)
    detections = []
    for each in truths:
        again = np.repeat(np.arange(len(each)), random.integers(0, 4, len(each)))
        boxes = each.boxes[again] + random.normal(0, 4, (len(again), 4))
        boxes[:, 2:] = np.maximum(boxes[:, 2:], boxes[:, :2] + 1)
        scores = np.round(random.random(len(again)), 2)
        detections.append(found(boxes.tolist(), scores.tolist(), each.classes[again].tolist()))
    result = mean_ap(match(detections, truths, classes))
    assert result.map > 0.1
    assert_equal(result, *oracle(detections, truths, classes))


def real_truths(path: Path) -> tuple[list[GroundTruth], int]:
    content = json.loads(path.read_text())
    of_frame: dict[int, list[dict]] = {image["id"]: [] for image in content["images"]}
    for annotation in content["annotations"]:
        of_frame[annotation["image_id"]].append(annotation)
    truths = []
    for objects in of_frame.values():
        boxes = np.array([each["bbox"] for each in objects], float).reshape(-1, 4)
        boxes[:, 2:] += boxes[:, :2]
        truths.append(
            GroundTruth(
                boxes,
                np.array([each["category_id"] for each in objects], np.int64),
                np.array([each.get("iscrowd", 0) for each in objects], bool),
                np.array([each["area"] for each in objects], float),
            )
        )
    return truths, len(content["categories"])
