"""Masks and keypoints come with the detections of models that give them, in px of the frame."""

from __future__ import annotations

import numpy as np
import pytest
from pycocotools import mask as tools

from calibtui.detector.layout import detect_layout
from calibtui.workspace.settings import ModelSettings

from .scene import CELLS, CLASSES, FIRST, FRAME, OBJECTS, SECOND, ULTRALYTICS, assert_found, placed, rows_of

PROTOTYPES, CELL = 8, 4
POSE = {**ULTRALYTICS, "task": "pose", "kpt_shape": "[5, 3]"}


def with_coefficients(table: np.ndarray, first: int) -> np.ndarray:
    """The first object's mask is prototype 0, the second's prototype 1."""
    wider = np.hstack([table[:, :first], np.zeros((len(table), PROTOTYPES), np.float32)])
    wider[5, first], wider[50, first + 1] = 4.0, 4.0
    return wider


def prototypes() -> np.ndarray:
    """0: the left half of the first object; 1: a disc in the second."""
    side = 128 // CELL
    y, x = (np.mgrid[:side, :side] + 0.5) * CELL
    x1, _, x2, _ = placed(FIRST)
    half = np.where(x < (x1 + x2) / 2, 1.0, -1.0)
    centre = (placed(SECOND)[:2] + placed(SECOND)[2:]) / 2
    disc = 1 - ((x - centre[0]) ** 2 + (y - centre[1]) ** 2) / 12**2
    made = np.zeros((1, PROTOTYPES, side, side), np.float32)
    made[0, 0], made[0, 1] = half, disc
    return made


def segmentation_outputs(family: str) -> dict[str, np.ndarray]:
    if family == "yolov5":
        table = rows_of(3 * CELLS, 5 + CLASSES, first=5)
        table[:, 4] = table[:, 5:].max(axis=1)
        table[:, 5:] = table[:, 5:] > 0
        return {"output0": with_coefficients(table, 5 + CLASSES)[None], "output1": prototypes()}
    if family == "end2end":
        rows = np.zeros((1, 20, 6 + PROTOTYPES), np.float32)
        for number, (box, label, score) in enumerate(OBJECTS):
            rows[0, number, :6] = [*placed(box), score, label]
            rows[0, number, 6 + number] = 4.0
        return {"output0": rows, "output1": prototypes()}
    return {"output0": with_coefficients(rows_of(CELLS, 4 + CLASSES), 4 + CLASSES).T[None], "output1": prototypes()}


@pytest.mark.parametrize("family", ["yolov8", "yolov5", "end2end"])
def test_masks_are_the_prototypes_inside_each_box(write_model, load, family) -> None:
    metadata = {**ULTRALYTICS, "task": "segment", **({"end2end": "True"} if family == "end2end" else {})}
    detector = load(write_model(segmentation_outputs(family), metadata=metadata))
    assert detector.layout.shapes == "masks"
    tensor, placement = detector.prepare(FRAME)
    found = detector.finish(detector.infer(tensor), placement, (200, 100), shapes=True)
    assert_found(found)
    first, second = (tools.decode(mask.rle).astype(bool) for mask in found.masks)
    expected = np.zeros((100, 200), bool)
    expected[10:60, 20:50] = True
    assert np.logical_and(first, expected).sum() / np.logical_or(first, expected).sum() > 0.9
    y, x = np.mgrid[:100, :200] + 0.5
    disc = (x - 140) ** 2 + (y - 60) ** 2 < (12 / 0.64) ** 2
    assert np.logical_and(second, disc).sum() / np.logical_or(second, disc).sum() > 0.85


@pytest.mark.parametrize("width", [2, 3])
def test_keypoints_come_back_to_the_frame(write_model, load, width) -> None:
    table = np.hstack([rows_of(CELLS, 4 + CLASSES), np.zeros((CELLS, 5 * width), np.float32)])
    corners = [placed(FIRST)[[0, 1]], placed(FIRST)[[2, 3]]]
    for number, corner in enumerate(corners):
        table[5, 4 + CLASSES + number * width :][:2] = corner
    metadata = {**POSE, "kpt_shape": f"[5, {width}]"}
    detector = load(write_model({"output0": table.T[None]}, metadata=metadata))
    assert detector.layout.shapes == "keypoints"
    tensor, placement = detector.prepare(FRAME)
    found = detector.finish(detector.infer(tensor), placement, (200, 100), shapes=True)
    assert found.keypoints.shape == (2, 5, 3)
    np.testing.assert_allclose(found.keypoints[0, :2, :2], [FIRST[:2], FIRST[2:]], atol=0.6)


def test_shapes_cost_nothing_where_nobody_asks(write_model, load) -> None:
    detector = load(write_model(segmentation_outputs("yolov8"), metadata={**ULTRALYTICS, "task": "segment"}))
    found = detector.detect(FRAME)
    assert_found(found)
    assert found.masks is None


def test_a_plain_detector_has_no_shapes(write_model) -> None:
    path = write_model({"output0": rows_of(CELLS, 4 + CLASSES).T[None]}, metadata=ULTRALYTICS)
    assert detect_layout(path, ModelSettings(onnx=path.name)).shapes is None
