"""Whether x or y is first in corners is told by what stands beside them, by the settings, or said to be assumed."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto

from calibtui.core.errors import ModelError

from .scene import CLASSES, FRAME, OBJECTS, SIDE, ULTRALYTICS, assert_found, cells_of, placed, rows_of

IMAGE_SHAPE = {"image_shape": (TensorProto.FLOAT, (1, 2))}
INDICES = np.array([[0, 0, 7], [0, 2, 40]], np.int32)
SWAPPED = [1, 0, 3, 2]


def cell_boxes(anchors=1, how="stretch", cells=None):
    """Corners with x first of `anchors` boxes a cell, row by row of each stride, a little off the cell's middle, and
    scores; the two objects stand at rows 7 and 40."""
    rng = np.random.default_rng(2)
    cells = cells or cells_of((8, 16, 32))
    boxes = np.array([[(x + 0.5) * s, (y + 0.5) * s, s, s] for x, y, s in cells for _ in range(anchors)])
    boxes[:, :2] += rng.uniform(-0.4, 0.4, (len(boxes), 2)) * boxes[:, 2:]
    sides = boxes[:, 2:] * rng.uniform(0.5, 3, (len(boxes), 2)) / 2
    boxes = np.concatenate([boxes[:, :2] - sides, boxes[:, :2] + sides], axis=1)
    scores = np.zeros((len(boxes), CLASSES), np.float32)
    for row, (box, label, score) in zip((7, 40), OBJECTS, strict=True):
        boxes[row], scores[row, label] = placed(box, how), score
    return boxes.astype(np.float32), scores


def final(scale=1.0, how="stretch"):
    """Boxes with x first, labels as floats from 0, scores."""
    boxes = np.array([placed(box, how) * scale for box, *_ in OBJECTS], np.float32)
    labels = np.array([label for _, label, _ in OBJECTS], np.float32)
    return boxes, labels, np.array([score for *_, score in OBJECTS], np.float32)


class TestBoxesOfCells:
    @pytest.mark.parametrize("indices", [INDICES, INDICES[None]], ids=["yolov3", "tiny-yolov3"])
    def test_keras_yolov3_is_known_by_image_shape_and_indices_and_gets_a_letterbox(self, write_model, load, indices):
        boxes, scores = cell_boxes(3, how="center")
        outputs = {"a": boxes[None, :, SWAPPED], "b": scores.T[None], "c": indices}
        detector = load(write_model(outputs, extras=IMAGE_SHAPE))
        assert (detector.layout.decoder, detector.layout.y_first, detector.layout.doubts) == ("ssd", True, ())
        assert (detector.layout.input.resize, detector.layout.input.pad) == ("letterbox", 128)
        assert detector.feed(detector.prepare(FRAME)[0])["image_shape"].tolist() == [[SIDE, SIDE]]
        assert_found(detector.detect(FRAME))

    @pytest.mark.parametrize("anchors", [1, 3])
    @pytest.mark.parametrize("y_first", [False, True])
    def test_what_starts_anew_at_each_row_of_cells_is_x(self, write_model, load, anchors, y_first):
        boxes, scores = cell_boxes(anchors)
        detector = load(write_model({"0": boxes[None, :, SWAPPED] if y_first else boxes[None], "1": scores[None]}))
        assert (detector.layout.y_first, detector.layout.doubts) == (y_first, ())
        assert_found(detector.detect(FRAME))

    def test_fractions_of_an_input_that_is_no_square_are_of_the_right_side(self, write_model, load):
        wide = [(x, y, 8) for y in range(8) for x in range(16)]
        boxes, scores = cell_boxes(cells=wide)
        scores[:] = 0
        boxes[7], scores[7, 1] = (32, 16, 64, 48), 0.9
        fractions = boxes / np.array([128, 64, 128, 64], np.float32)
        path = write_model({"0": fractions[None, :, SWAPPED], "1": scores[None]}, picture=(1, 3, 64, 128))
        found = load(path).detect(FRAME)
        np.testing.assert_allclose(found.boxes, [[50, 25, 100, 75]], atol=0.1)

    def test_boxes_in_no_order_of_cells_are_read_x_first_and_that_is_said_to_be_assumed(self, write_model, load):
        boxes, scores = cell_boxes()
        mixed = np.random.default_rng(0).permutation(len(boxes))
        detector = load(write_model({"0": boxes[mixed][None], "1": scores[mixed][None]}))
        (doubt,) = detector.layout.doubts
        assert doubt in detector.layout.why
        assert "x1, y1, x2, y2 is assumed" in doubt and 'model.box_order = "yxyx"' in doubt
        assert_found(detector.detect(FRAME))

    def test_the_settings_decide_over_whatever_else_tells(self, write_model, load):
        boxes, scores = cell_boxes()
        path = write_model({"0": boxes[None], "1": scores[None]})
        detector = load(path, box_order="yxyx")
        assert (detector.layout.y_first, detector.layout.doubts) == (True, ())
        x1, y1, x2, y2 = (float(side) for side in placed(OBJECTS[0][0], "stretch"))
        np.testing.assert_allclose(detector.detect(FRAME).boxes[0], [y1 / 0.64, x1 / 1.28, y2 / 0.64, x2 / 1.28], 1e-4)


class TestFinalBoxes:
    def test_tensorflow_without_its_names_is_known_by_labels_and_count_as_floats(self, write_model, load):
        boxes, labels, scores = final(1 / SIDE)
        outputs = {
            "Identity:0": boxes[None, :, SWAPPED],
            "Identity_1:0": labels[None] + 1,
            "Identity_2:0": scores[None],
            "Identity_3:0": np.array([2], np.float32),
        }
        detector = load(write_model(outputs))
        assert (detector.layout.y_first, detector.layout.doubts) == (True, ())
        assert detector.layout.input.scale == 1.0
        assert_found(detector.detect(FRAME))

    def test_so_are_all_eight_outputs_of_tensorflow_without_their_names(self, write_model, load):
        boxes, labels, scores = final(1 / SIDE)
        rng = np.random.default_rng(0)
        outputs = [
            np.array([[7, 9]], np.float32),
            boxes[None, :, SWAPPED],
            labels[None] + 1,
            np.full((1, 2, CLASSES + 1), 0.1, np.float32),
            scores[None],
            np.array([2], np.float32),
            rng.random((1, 60, 4), np.float32),
            rng.random((1, 60, 4), np.float32),
        ]
        detector = load(write_model({f"Identity_{place}:0": value for place, value in enumerate(outputs)}))
        assert detector.layout.y_first
        assert_found(detector.detect(FRAME))

    def test_labels_as_integers_come_with_x_first(self, write_model, load):
        boxes, labels, scores = final()
        detector = load(write_model({"0": boxes[None], "1": labels[None].astype(np.int64), "2": scores[None]}))
        assert (detector.layout.y_first, detector.layout.doubts) == (False, ())
        assert_found(detector.detect(FRAME))

    @pytest.mark.parametrize("count", [{}, {"valid": np.array([2], np.int32)}])
    def test_labels_as_floats_alone_tell_nothing_and_that_is_said(self, write_model, load, count):
        boxes, labels, scores = final()
        path = write_model({"0": boxes[None, :, SWAPPED], "1": labels[None], "2": scores[None], **count})
        (doubt,) = load(path).layout.doubts
        assert "is assumed" in doubt
        told = load(path, box_order="yxyx")
        assert told.layout.doubts == ()
        assert_found(told.detect(FRAME))

    def test_a_table_of_final_rows_has_y_first_where_the_settings_say_so(self, write_model, load):
        boxes, labels, scores = final(how="center")
        rows = np.concatenate([np.zeros((2, 1)), boxes[:, SWAPPED], scores[:, None], labels[:, None]], axis=1)
        detector = load(write_model({"0": rows[None].astype(np.float32)}), box_order="yxyx")
        assert detector.layout.decoder == "yolo-end2end"
        assert any("y1, x1, y2, x2, score, class" in sentence for sentence in detector.layout.why)
        assert_found(detector.detect(FRAME))


@pytest.mark.parametrize("settings", [{}, {"decoder": "none"}], ids=["yolov8", "undecoded"])
def test_an_order_for_boxes_that_have_one_of_their_own_is_refused(write_model, load, settings):
    table = rows_of(len(cells_of((8, 16, 32))), 4 + CLASSES)
    path = write_model({"output0": table.T[None]}, metadata=ULTRALYTICS)
    with pytest.raises(ModelError, match=r"box_order is 'yxyx', but the decoder \w+ leaves no choice"):
        load(path, box_order="yxyx", **settings)
