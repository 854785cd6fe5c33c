"""Suppression gives what the textbook gives, for one class and for many."""

from __future__ import annotations

import numpy as np
import pytest

from calibtui.detector.candidates import final_candidates
from calibtui.detector.decoders.contract import Decoded
from calibtui.detector.suppression import suppress


def iou(a, b):
    w = min(a[2], b[2]) - max(a[0], b[0])
    h = min(a[3], b[3]) - max(a[1], b[1])
    both = max(w, 0) * max(h, 0)
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both)


def textbook(boxes, classes, iou_max, limit):
    kept = []
    for i in range(len(boxes)):
        if all(classes[i] != classes[k] or iou(boxes[i], boxes[k]) <= iou_max for k in kept):
            kept.append(i)
    return kept[:limit]


def crowd(count, seed=0):
    rng = np.random.default_rng(seed)
    corner = rng.uniform(0, 60, (count, 2))
    return np.concatenate([corner, corner + rng.uniform(10, 40, (count, 2))], axis=1).astype(np.float32)


@pytest.mark.parametrize("count", [0, 1, 255, 256, 257, 900])
@pytest.mark.parametrize("classes", [1, 4])
@pytest.mark.parametrize("limit", [5, 100_000])
def test_it_equals_the_textbook(count, classes, limit):
    boxes = crowd(count)
    labels = np.random.default_rng(1).integers(0, classes, count)
    assert suppress(boxes, labels, 0.5, limit).tolist() == textbook(boxes.tolist(), labels, 0.5, limit)


def test_boxes_of_different_classes_never_suppress_each_other():
    boxes = np.repeat(crowd(1), 3, axis=0)
    assert suppress(boxes, np.array([0, 1, 0]), 0.5, 10).tolist() == [0, 1]


def test_a_suppressed_box_suppresses_nothing():
    boxes = np.array([[0, 0, 10, 10], [4, 0, 14, 10], [8, 0, 18, 10]], np.float32)
    assert suppress(boxes, np.zeros(3, np.int64), 0.3, 10).tolist() == [0, 2]


def test_a_box_counts_for_each_class_it_reaches():
    decoded = Decoded(crowd(2), np.array([[0.9, 0.5, 0.0], [0.0, 0.0, 0.7]], np.float32))
    found = final_candidates(decoded, 0.1, 0.5, 10)
    assert found.classes.tolist() == [0, 2, 1]
    assert found.scores.tolist() == pytest.approx([0.9, 0.7, 0.5])


def test_ties_keep_the_model_s_order():
    boxes = np.array([[i * 20, 0, i * 20 + 10, 10] for i in range(50)], np.float32)
    found = final_candidates(Decoded(boxes, np.full((50, 1), 0.5, np.float32)), 0.1, 0.5, 10)
    np.testing.assert_array_equal(found.boxes, boxes[:10])


@pytest.mark.parametrize("iou_max", [0.0, 0.05, 0.6])
def test_looking_at_the_best_rows_first_changes_nothing(iou_max):
    rng = np.random.default_rng(2)
    scores = rng.random((3000, 5)).astype(np.float32) ** 4
    boxes = crowd(3000)
    found = final_candidates(Decoded(boxes, scores), 0.01, iou_max, 60)
    rows, labels = np.nonzero(scores >= 0.01)
    order = np.argsort(-scores[rows, labels], kind="stable")
    rows, labels = rows[order], labels[order]
    kept = suppress(boxes[rows], labels, iou_max, 60) if iou_max else np.arange(60)
    np.testing.assert_array_equal(found.boxes, boxes[rows[kept]])
    np.testing.assert_array_equal(found.classes, labels[kept])


def test_rows_that_are_not_numbers_are_dropped():
    boxes = crowd(4)
    boxes[0, 2] = np.inf
    boxes[1, 0] = np.nan
    scores = np.array([[0.9], [0.8], [np.nan], [0.3]], np.float32)
    assert final_candidates(Decoded(boxes, scores), 0.1, 0.5, 10).scores.tolist() == pytest.approx([0.3])


def test_padding_rows_of_a_labelled_output_are_dropped():
    decoded = Decoded(crowd(3), np.array([0.9, 0.8, 0.7], np.float32), np.array([1, -1, 0]))
    assert final_candidates(decoded, 0.1, 0.0, 10).classes.tolist() == [1, 0]
