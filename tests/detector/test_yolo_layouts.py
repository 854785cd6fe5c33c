"""The layouts of the YOLO families are told by themselves, and known objects come back in frame px."""

from __future__ import annotations

import numpy as np
import pytest

from .scene import CELLS, CLASSES, FRAME, OBJECTS, SIDE, ULTRALYTICS, assert_found, cells_of, centred, placed, rows_of


class TestYolov8:
    def test_channels_first_is_told_by_the_grid(self, write_model, load):
        table = rows_of(CELLS, 4 + CLASSES)
        detector = load(write_model({"output0": table.T[None]}))
        assert detector.layout.decoder == "yolov8"
        assert detector.classes == ("class 0", "class 1", "class 2")
        assert_found(detector.detect(FRAME))

    def test_metadata_gives_class_names(self, write_model, load):
        detector = load(write_model({"output0": rows_of(CELLS, 7).T[None]}, metadata=ULTRALYTICS))
        assert detector.classes == ("scratch", "pit", "stain")
        assert_found(detector.detect(FRAME))

    def test_rows_first_is_told_by_the_number_of_names(self, write_model, load):
        detector = load(write_model({"out": rows_of(CELLS, 7)[None]}), classes=("a", "b", "c"))
        assert detector.layout.decoder == "yolov8"
        assert_found(detector.detect(FRAME))

    def test_four_strides_are_known(self, write_model, load):
        table = rows_of(len(cells_of((8, 16, 32, 64))), 7)
        assert_found(load(write_model({"output0": table.T[None]})).detect(FRAME))

    def test_mask_coefficients_of_a_segmentation_model_are_left_out(self, write_model, load):
        table = rows_of(CELLS, 7 + 32)
        table[:, 7:] = np.random.default_rng(0).normal(size=(CELLS, 32))
        outputs = {"output0": table.T[None], "output1": np.zeros((1, 32, 32, 32), np.float32)}
        detector = load(write_model(outputs, metadata=ULTRALYTICS | {"task": "segment"}))
        assert detector.classes == ("scratch", "pit", "stain")
        assert_found(detector.detect(FRAME))
        assert len(load(write_model(outputs)).classes) == 3

    def test_boxes_in_fractions_of_the_input_are_told_by_their_values(self, write_model, load):
        table = rows_of(CELLS, 7)
        table[:, :4] /= SIDE
        assert_found(load(write_model({"output0": table.T[None]})).detect(FRAME))


class TestYolov5:
    def table(self, columns=5 + CLASSES):
        table = rows_of(3 * CELLS, columns, first=5)
        table[:, 4] = (table[:, 5:].max(axis=1) > 0).astype(np.float32)
        table[5, 4], table[5, 5] = 0.95, 0.9 / 0.95
        return table

    def test_three_anchors_a_cell_tell_it_and_the_score_is_the_product(self, write_model, load):
        detector = load(write_model({"output": self.table()[None]}))
        assert detector.layout.decoder == "yolov5"
        assert_found(detector.detect(FRAME))

    def test_raw_heads_beside_the_table_are_left_unread(self, write_model, load):
        heads = {f"head{s}": np.zeros((1, 3, SIDE // s, SIDE // s, 8), np.float32) for s in (8, 16, 32)}
        detector = load(write_model({"output": self.table()[None], **heads}))
        assert detector.layout.decoder == "yolov5"
        assert_found(detector.detect(FRAME))

    def test_metadata_of_its_repository_is_understood(self, write_model, load):
        metadata = {"stride": "32", "names": "['scratch', 'pit', 'stain']"}
        detector = load(write_model({"output0": self.table()[None]}, metadata=metadata))
        assert detector.layout.decoder == "yolov5"
        assert detector.classes == ("scratch", "pit", "stain")


class TestEndToEnd:
    def rows(self, order, how="center", size=300):
        table = np.zeros((size, len(order)), np.float32)
        for row, (box, label, score) in enumerate(OBJECTS):
            x1, y1, x2, y2 = placed(box, how)
            values = {"x1": x1, "y1": y1, "x2": x2, "y2": y2, "score": score, "label": label, "image": 0}
            table[row] = [values[column] for column in order]
        return table

    def test_rows_of_six_are_final(self, write_model, load):
        table = self.rows(("x1", "y1", "x2", "y2", "score", "label"))
        detector = load(write_model({"output0": table[None]}))
        assert detector.layout.decoder == "yolo-end2end"
        assert detector.layout.suppressed
        assert_found(detector.detect(FRAME))

    def test_overlapping_final_rows_all_stay(self, write_model, load):
        table = np.repeat(self.rows(("x1", "y1", "x2", "y2", "score", "label"))[:1], 5, axis=0)
        found = load(write_model({"output0": table[None]})).detect(FRAME)
        assert len(found) == 5

    def test_metadata_declares_it_even_for_two_classes(self, write_model, load):
        table = self.rows(("x1", "y1", "x2", "y2", "score", "label"))
        table[1, 5] = 1
        metadata = {"names": "{0: 'a', 1: 'b'}", "stride": "32", "task": "detect", "end2end": "True"}
        detector = load(write_model({"output0": table[None]}, metadata=metadata))
        assert detector.layout.decoder == "yolo-end2end"
        assert detector.detect(FRAME).classes.tolist() == [0, 1]

    def test_yolov7_rows_of_seven_name_their_image_first(self, write_model, load):
        table = self.rows(("image", "x1", "y1", "x2", "y2", "label", "score"), size=2)
        detector = load(write_model({"output": table}, opens=True))
        assert detector.layout.decoder == "yolo-end2end"
        assert_found(detector.detect(FRAME))

    def test_paddle_rows_begin_with_class_and_score(self, write_model, load):
        table = self.rows(("label", "score", "x1", "y1", "x2", "y2"), how="stretch", size=2)
        extras = {"im_shape": (1, (1, 2)), "scale_factor": (1, (1, 2))}
        outputs = {"bbox": table, "bbox_num": np.array([2], np.int32)}
        detector = load(write_model(outputs, extras=extras, opens=True))
        assert detector.layout.decoder == "yolo-end2end"
        assert_found(detector.detect(FRAME))

    def test_yolo_nas_rows_of_seven_end_with_the_class(self, write_model, load):
        table = self.rows(("image", "x1", "y1", "x2", "y2", "score", "label"), size=2)
        assert_found(load(write_model({"graph2_flat_predictions": table}, opens=True)).detect(FRAME))

    def test_no_detection_at_all_is_no_trouble(self, write_model, load):
        detector = load(write_model({"output": np.zeros((0, 7), np.float32)}, opens=True))
        assert len(detector.detect(FRAME)) == 0


class TestYolox:
    def raw(self, strides):
        cells = cells_of(strides)
        table = np.zeros((len(cells), 5 + CLASSES), np.float32)
        table[:, 2:4] = -0.5
        for (box, label, score), index in zip(OBJECTS, (40, 300), strict=True):
            x, y, stride = cells[index]
            cx, cy, w, h = centred(placed(box, "top-left"))
            table[index, :4] = cx / stride - x, cy / stride - y, np.log(w / stride), np.log(h / stride)
            table[index, 4], table[index, 5 + label] = 0.95, score / 0.95
        return table

    @pytest.mark.parametrize("strides", [(8, 16, 32), (8, 16, 32, 64)])
    def test_raw_rows_are_put_on_the_grid(self, write_model, load, strides):
        detector = load(write_model({"output": self.raw(strides)[None]}))
        assert detector.layout.decoder == "yolox"
        assert (detector.layout.input.align, detector.layout.input.channels, detector.layout.input.scale) == (
            "top-left",
            "bgr",
            1.0,
        )
        assert_found(detector.detect(FRAME))

    def test_an_input_that_is_not_square_has_its_own_grid(self, write_model, load):
        wide = [(x, y, s) for s in (8, 16, 32) for y in range(96 // s) for x in range(160 // s)]
        table = np.zeros((len(wide), 6), np.float32)
        table[:, 2:4] = -0.5
        index = wide.index((7, 2, 16))
        table[index] = 0.5, 0.25, np.log(40 / 16), np.log(20 / 16), 1, 0.9
        detector = load(write_model({"output": table[None]}, picture=(1, 3, 96, 160)))
        assert detector.input_size == (160, 96)
        assert_found(detector.detect(np.zeros((192, 320, 3), np.uint8)), ((((200, 52, 280, 92)), 0, 0.9),))

    def test_rows_decoded_in_the_graph_are_read_as_they_are(self, write_model, load):
        table = rows_of(CELLS, 5 + CLASSES, "top-left", first=5)
        table[:, 4] = (table[:, 5:].max(axis=1) > 0).astype(np.float32)
        detector = load(write_model({"output": table[None]}), classes=("a", "b", "c"))
        assert detector.layout.decoder == "yolox"
        assert_found(detector.detect(FRAME))

    def test_an_objectness_of_one_throughout_is_yolov6(self, write_model, load):
        table = rows_of(CELLS, 5 + CLASSES, first=5)
        table[:, 4] = 1
        detector = load(write_model({"outputs": table[None]}))
        assert detector.layout.input.channels == "rgb"
        assert_found(detector.detect(FRAME))
