"""The detector as a whole: thresholds, limits, clipping, other versions of its model, raw scores."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from calibtui.core.errors import ModelError

CELLS = 256 + 64 + 16
FRAME = np.zeros((128, 128, 3), np.uint8)


def output(rows):
    """(cx, cy, w, h, class, score) rows as a YOLOv8 output of three classes."""
    table = np.zeros((1, 7, CELLS), np.float32)
    table[0, :4] = 64
    for index, (cx, cy, w, h, label, score) in enumerate(rows):
        table[0, :4, index] = cx, cy, w, h
        table[0, 4 + label, index] = score
    return {"output0": table}


GRID = [(x, y, 6, 6, 0, 0.2 + 0.001 * (x + y)) for x in range(4, 128, 10) for y in range(4, 128, 10)]


def test_scores_under_the_lowest_are_dropped(write_model, load):
    path = write_model(output([(30, 30, 10, 10, 0, 0.3), (90, 90, 10, 10, 1, 0.05)]))
    assert load(path, score_min=0.1).detect(FRAME).classes.tolist() == [0]
    assert load(path, score_min=0.01).detect(FRAME).classes.tolist() == [0, 1]


def test_the_best_so_many_stay_best_first(write_model, load):
    found = load(write_model(output(GRID)), max_detections=7).detect(FRAME)
    assert len(found) == 7
    assert found.scores.tolist() == sorted((np.float32(row[-1]) for row in GRID), reverse=True)[:7]


def test_overlapping_boxes_of_a_class_are_suppressed_unless_told_not_to(write_model, load):
    path = write_model(output([(30, 30, 20, 20, 0, 0.9), (31, 30, 20, 20, 0, 0.8), (31, 30, 20, 20, 1, 0.7)]))
    assert load(path, nms_iou=0.6).detect(FRAME).classes.tolist() == [0, 1]
    assert load(path, nms_iou=0.0).detect(FRAME).classes.tolist() == [0, 0, 1]


def test_boxes_are_clipped_to_the_frame_and_those_outside_it_dropped(write_model, load):
    detector = load(write_model(output([(5, 64, 30, 20, 0, 0.9), (64, 4, 8, 8, 1, 0.8)])))
    found = detector.detect(np.zeros((50, 100, 3), np.uint8))
    np.testing.assert_allclose(found.boxes, [[0, 17.19, 15.63, 32.81]], atol=0.01)


def test_nothing_found_is_empty(write_model, load):
    found = load(write_model(output([]))).detect(FRAME)
    assert (len(found), found.boxes.shape, found.classes.dtype) == (0, (0, 4), np.dtype(np.int64))


def test_raw_scores_are_all_candidates_before_suppression(write_model, load):
    detector = load(write_model(output([(30, 30, 20, 20, 2, 0.9)])))
    scores = detector.raw_scores(detector.infer(detector.prepare(FRAME)[0]))
    assert scores.shape == (CELLS, 3)
    assert scores[0].tolist() == pytest.approx([0, 0, 0.9])


def test_raw_scores_of_final_detections_have_zeros_for_the_other_classes(write_model, load):
    table = np.zeros((1, 50, 6), np.float32)
    table[0, 0] = 10, 10, 30, 30, 0.7, 2
    detector = load(write_model({"output0": table}))
    scores = detector.raw_scores(detector.infer(detector.prepare(FRAME)[0]))
    assert scores.shape == (50, 3)
    assert scores[0].tolist() == pytest.approx([0, 0, 0.7])


def test_a_class_number_beyond_the_names_is_refused(write_model, load):
    table = np.zeros((1, 50, 6), np.float32)
    table[0, 0] = 10, 10, 30, 30, 0.7, 5
    with pytest.raises(ModelError, match="class number 5, but only 2 classes"):
        load(write_model({"output0": table}), classes=("a", "b")).detect(FRAME)


def test_another_version_of_the_model_is_read_with_the_same_layout(write_model, load):
    detector = load(write_model(output([(30, 30, 20, 20, 0, 0.9)])), classes=("a", "b", "c"))
    other = detector.with_model(write_model(output([(60, 60, 20, 20, 1, 0.5)]), name="int8.onnx"), simulate=True)
    assert other.layout is detector.layout
    assert other.detect(FRAME).classes.tolist() == [1]
    assert detector.detect(FRAME).classes.tolist() == [0]


def test_a_model_of_other_outputs_is_no_version_of_it(write_model, load):
    detector = load(write_model(output([])))
    path = write_model({"different": np.zeros((1, 7, CELLS), np.float32)}, name="int8.onnx")
    with pytest.raises(ModelError, match=r"int8\.onnx is not a version of .*different"):
        detector.with_model(path)


def test_threads_may_share_a_detector(write_model, load):
    detector = load(write_model(output(GRID)))
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(detector.detect, [FRAME] * 16))
    assert all(np.array_equal(one.boxes, found[0].boxes) for one in found)
