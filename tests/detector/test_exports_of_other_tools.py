"""Exports whose shapes resemble another family's are read as what they are, and prepared for as their makers do."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto

from calibtui.core.errors import ModelError

from .scene import CELLS, CLASSES, FRAME, OBJECTS, SIDE, ULTRALYTICS, assert_found, cells_of, centred, placed

STRETCHED = [placed(box, "stretch") for box, *_ in OBJECTS]
RTDETR = ULTRALYTICS | {"description": "Ultralytics rtdetr-l model"}


def best_queries(count=300):
    """(count, 6): cx, cy, w, h in fractions, score, class; best first, as TopK leaves them."""
    rng = np.random.default_rng(5)
    table = np.concatenate([rng.uniform(0.3, 0.6, (count, 2)), rng.uniform(0.05, 0.2, (count, 2))], axis=1)
    table = np.concatenate([table, np.full((count, 1), 0.001), rng.integers(0, CLASSES, (count, 1))], axis=1)
    for row, (box, (_, label, score)) in enumerate(zip(STRETCHED, OBJECTS, strict=True)):
        table[row] = [*centred(box) / SIDE, score, label]
    return table.astype(np.float32)


def final(first_label=0):
    boxes = np.array(STRETCHED, np.float32)
    labels = np.array([label + first_label for _, label, _ in OBJECTS], np.int64)
    return boxes, labels, np.array([score for *_, score in OBJECTS], np.float32)


@pytest.mark.parametrize("metadata", [RTDETR, {}], ids=["with metadata", "without"])
def test_the_best_queries_of_rtdetr_are_boxes_with_a_class_each(write_model, load, metadata):
    detector = load(write_model({"output0": best_queries()[None]}, metadata=metadata))
    assert detector.layout.decoder == "rtdetr"
    assert detector.layout.suppressed
    assert_found(detector.detect(FRAME))


def test_scores_beside_boxes_are_no_yolov8_even_where_both_have_a_row_a_cell(write_model, load):
    rng = np.random.default_rng(4)
    corner = rng.uniform(0, 100, (CELLS, 2))
    boxes = np.concatenate([corner, corner + rng.uniform(3, 20, (CELLS, 2))], axis=1).astype(np.float32)
    scores = np.zeros((7, CELLS), np.float32)
    for row, (box, (_, label, score)) in enumerate(zip(STRETCHED, OBJECTS, strict=True)):
        boxes[row], scores[label, row] = box, score
    detector = load(write_model({"boxes": boxes[None], "scores": scores[None]}))
    assert detector.layout.decoder == "ssd"
    assert len(detector.classes) == 7
    assert_found(detector.detect(FRAME))


def test_a_fixed_number_of_final_rows_is_no_classifier(write_model, load):
    table = np.tile(np.array([0, 0, 0, 0, 0, 0], np.float32), (300, 1))
    for row, (box, (_, label, score)) in enumerate(zip(STRETCHED, OBJECTS, strict=True)):
        table[row] = [label, score, *box]
    extras = {"im_shape": (TensorProto.FLOAT, (1, 2)), "scale_factor": (TensorProto.FLOAT, (1, 2))}
    detector = load(write_model({"rows": table, "count": np.array([300], np.int32)}, extras=extras))
    assert detector.layout.decoder == "yolo-end2end"
    assert_found(detector.detect(FRAME))


def test_class_scores_of_one_level_are_not_taken_for_labels_nor_for_a_whole_head(write_model, load):
    """YuNet's: class, objectness, box and keypoints for each stride."""
    rng = np.random.default_rng(6)
    outputs = {}
    for stride in (8, 16, 32):
        cells = len(cells_of((stride,)))
        outputs[f"cls_{stride}"] = rng.uniform(0, 0.2, (1, cells, 1)).astype(np.float32)
        outputs[f"obj_{stride}"] = rng.uniform(0, 0.2, (1, cells, 1)).astype(np.float32)
        outputs[f"bbox_{stride}"] = rng.normal(0, 1, (1, cells, 4)).astype(np.float32)
        outputs[f"kps_{stride}"] = rng.normal(0, 1, (1, cells, 10)).astype(np.float32)
    with pytest.raises(ModelError, match="isn't known"):
        load(write_model(outputs))


def test_fastestdet_has_one_class_a_cell_and_powers_of_its_scores(write_model, load):
    rng = np.random.default_rng(7)
    side = SIDE // 16
    table = rng.normal(0, 1, (5 + CLASSES, side, side))
    table[0] = 1e-6
    table[5:] = 1 / CLASSES
    for box, (_, label, score) in zip(STRETCHED, OBJECTS, strict=True):
        cx, cy, w, h = centred(box) / SIDE
        x, y = int(cx * side), int(cy * side)
        table[1:3, y, x] = np.arctanh([cx * side - x, cy * side - y])
        table[3:5, y, x] = np.log([w / (1 - w), h / (1 - h)])
        table[5:, y, x] = 0.1
        table[5 + label, y, x] = 0.8
        table[0, y, x] = (score / 0.8**0.4) ** (1 / 0.6)
    detector = load(write_model({"output": table[None].astype(np.float32)}))
    assert detector.layout.decoder == "fastestdet"
    assert detector.layout.input.channels == "bgr"
    assert_found(detector.detect(FRAME))


def test_torchvision_normalises_inside_also_where_noise_is_given_label_zero(write_model, load):
    boxes, labels, scores = final()
    detector = load(write_model({"boxes": boxes, "scores": scores, "labels": labels}, opens=True))
    assert detector.layout.input.mean == (0.0, 0.0, 0.0)
    assert_found(detector.detect(FRAME))


def test_detrs_kin_that_take_a_pixel_mask_are_normalised_for(write_model, load):
    rng = np.random.default_rng(8)
    outputs = {
        "logits": rng.normal(-6, 1, (1, 50, CLASSES)).astype(np.float32),
        "pred_boxes": rng.uniform(0.2, 0.4, (1, 50, 4)).astype(np.float32),
    }
    detector = load(write_model(outputs, extras={"pixel_mask": (TensorProto.INT64, (1, SIDE, SIDE))}))
    assert detector.layout.decoder == "rtdetr"
    assert detector.layout.input.mean == (0.485, 0.456, 0.406)
