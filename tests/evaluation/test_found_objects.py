"""What a detector finds at the confidence it is used at."""

from __future__ import annotations

import numpy as np

from calibtui.core.boxes import Detections, GroundTruth
from calibtui.evaluation.found_objects import objects_found


def truth(*boxes, classes=None, crowd=None):
    count = len(boxes)
    return GroundTruth(
        np.array(boxes, np.float64).reshape(-1, 4),
        np.array(classes or [0] * count, np.int64),
        np.array(crowd or [False] * count, bool),
        np.ones(count),
    )


def detections(*rows):
    boxes = np.array([row[:4] for row in rows], np.float32).reshape(-1, 4)
    return Detections(
        boxes, np.array([row[4] for row in rows], np.float32), np.array([row[5] for row in rows], np.int64)
    )


def test_an_object_counts_once_however_often_it_is_detected():
    assert objects_found(detections((0, 0, 10, 10, 0.9, 0), (0, 0, 10, 9, 0.8, 0)), truth((0, 0, 10, 10))) == 1


def test_the_wrong_class_a_low_confidence_and_a_poor_box_find_nothing():
    found = detections((0, 0, 10, 10, 0.9, 1), (0, 0, 10, 10, 0.2, 0), (8, 8, 20, 20, 0.9, 0))
    assert objects_found(found, truth((0, 0, 10, 10))) == 0


def test_each_detection_takes_the_object_it_covers_best():
    found = detections((0, 0, 10, 10, 0.9, 0), (2, 0, 12, 10, 0.8, 0))
    assert objects_found(found, truth((0, 0, 10, 10), (2, 0, 12, 10))) == 2


def test_crowds_and_empty_frames_count_nothing():
    assert objects_found(detections((0, 0, 10, 10, 0.9, 0)), truth((0, 0, 10, 10), crowd=[True])) == 0
    assert objects_found(Detections.empty(), GroundTruth.empty()) == 0
    assert objects_found(detections((0, 0, 10, 10, 0.9, 0)), GroundTruth.empty()) == 0
