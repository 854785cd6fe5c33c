"""Every layout people have is told by itself, and known objects come back in frame px.

The frame is 200×100 px and the input 128×128, so that scale and offset both matter. Two objects are in it: class 0 at
FIRST with a score of 0.9 and class 2 at SECOND with 0.6.
"""

from __future__ import annotations

import numpy as np
import pytest

FRAME = np.zeros((100, 200, 3), np.uint8)
FIRST, SECOND = (20.0, 10.0, 80.0, 60.0), (100.0, 30.0, 180.0, 90.0)
OBJECTS = ((FIRST, 0, 0.9), (SECOND, 2, 0.6))
SIDE = 128
CLASSES = 3
ULTRALYTICS = {"names": "{0: 'scratch', 1: 'pit', 2: 'stain'}", "stride": "32", "task": "detect", "imgsz": "[128, 128]"}


def placed(box, how="center"):
    """A frame box in input px: letterboxed in the middle, at the top left, or stretched."""
    x1, y1, x2, y2 = box
    if how == "stretch":
        return np.array([x1 * 0.64, y1 * 1.28, x2 * 0.64, y2 * 1.28])
    down = 32 if how == "center" else 0
    return np.array([x1 * 0.64, y1 * 0.64 + down, x2 * 0.64, y2 * 0.64 + down])


def centred(box):
    x1, y1, x2, y2 = box
    return np.array([(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1])


def rows_of(count, columns, how="center", first=4):
    """A table of faint rows spread over the input, with the two objects in rows 5 and 50."""
    rng = np.random.default_rng(1)
    table = np.zeros((count, columns), np.float32)
    table[:, 0:2] = rng.uniform(0, SIDE, (count, 2))
    table[:, 2:4] = rng.uniform(2, 30, (count, 2))
    for row, (box, label, score) in zip((5, 50), OBJECTS, strict=True):
        table[row, :4] = centred(placed(box, how))
        table[row, first + label] = score
    return table


def assert_found(found, objects=OBJECTS, tolerance=0.6):
    assert found.classes.tolist() == [label for _, label, _ in objects]
    np.testing.assert_allclose(found.scores, [score for *_, score in objects], atol=0.01)
    np.testing.assert_allclose(found.boxes, [box for box, *_ in objects], atol=tolerance)


def cells_of(strides):
    return [(x, y, s) for s in strides for y in range(-(-SIDE // s)) for x in range(-(-SIDE // s))]


CELLS = len(cells_of((8, 16, 32)))


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


class TestNanodet:
    BINS = 8

    def levels(self, strides, along, beside, how):
        """(scores, sides) of each level; a distance in one cell's units is spread over the two bins around it."""
        spread = []
        for stride in strides:
            cells = cells_of((stride,))
            scores = np.full((len(cells), CLASSES), 1e-4, np.float32)
            sides = np.random.default_rng(stride).normal(0, 1, (len(cells), 4, self.BINS)).astype(np.float32)
            spread.append((cells, scores, sides))
        for (box, label, score), level in zip(OBJECTS, (-1, -1), strict=True):
            cells, scores, sides = spread[level if strides[-1] <= 32 else -2]
            x1, y1, x2, y2 = placed(box, how)
            stride = cells[0][2]
            near = [((x + along) * stride + beside, (y + along) * stride + beside) for x, y, _ in cells]
            index = int(np.argmin([(px - (x1 + x2) / 2) ** 2 + (py - (y1 + y2) / 2) ** 2 for px, py in near]))
            px, py = near[index]
            scores[index, label] = score
            for side, distance in enumerate((px - x1, py - y1, x2 - px, y2 - py)):
                low, share = divmod(distance / stride, 1.0)
                logits = np.full(self.BINS, -40.0)
                logits[int(low)] = np.log(max(1 - share, 1e-9))
                logits[int(low) + 1] = np.log(max(share, 1e-9))
                sides[index, side] = logits
        return [(scores, sides.reshape(len(scores), -1)) for _, scores, sides in spread]

    def test_pairs_for_each_stride(self, write_model, load):
        levels = self.levels((8, 16, 32), 0.5, -0.5, "center")
        outputs = {f"cls_pred_stride_{s}": level[0][None] for s, level in zip((8, 16, 32), levels, strict=True)}
        outputs |= {f"dis_pred_stride_{s}": level[1][None] for s, level in zip((8, 16, 32), levels, strict=True)}
        detector = load(write_model(outputs))
        assert detector.layout.decoder == "nanodet"
        assert detector.layout.input.mean == (103.53, 116.28, 123.675)
        assert_found(detector.detect(FRAME))

    def test_pairs_without_telling_names_in_any_order(self, write_model, load):
        levels = self.levels((8, 16, 32), 0.5, -0.5, "center")
        values = [value[None] for level in levels[::-1] for value in level[::-1]]
        outputs = {str(number): value for number, value in enumerate(values)}
        assert_found(load(write_model(outputs)).detect(FRAME))

    def test_logits_get_their_sigmoid(self, write_model, load):
        levels = self.levels((8, 16, 32), 0.5, -0.5, "center")
        outputs = {}
        for stride, (scores, sides) in zip((8, 16, 32), levels, strict=True):
            outputs[f"cls{stride}"] = np.log(scores / (1 - scores))[None]
            outputs[f"reg{stride}"] = sides[None]
        assert_found(load(write_model(outputs)).detect(FRAME))

    def test_nanodet_plus_in_one_table_counts_from_the_cell_corner(self, write_model, load):
        levels = self.levels((8, 16, 32, 64), 0.0, 0.0, "stretch")
        table = np.concatenate([np.concatenate(level, axis=1) for level in levels])
        detector = load(write_model({"output": table[None]}))
        assert detector.layout.decoder == "nanodet"
        assert len(detector.classes) == CLASSES
        assert_found(detector.detect(FRAME))

    def test_nanodet_m_in_one_table_counts_from_the_cell_centre(self, write_model, load):
        levels = self.levels((8, 16, 32), 0.5, -0.5, "center")
        table = np.concatenate([np.concatenate(level, axis=1) for level in levels])
        assert_found(load(write_model({"output": table[None]})).detect(FRAME))

    def test_picodet_has_four_levels(self, write_model, load):
        levels = self.levels((8, 16, 32, 64), 0.5, 0.0, "stretch")
        outputs = {f"transpose_{2 * i}": level[0][None] for i, level in enumerate(levels)}
        outputs |= {f"transpose_{2 * i + 1}": level[1][None] for i, level in enumerate(levels)}
        detector = load(write_model(outputs))
        assert detector.layout.decoder == "picodet"
        assert_found(detector.detect(FRAME))


def queries(count=100):
    """Boxes in fractions of a stretched input and logits that are low everywhere but for the two objects."""
    rng = np.random.default_rng(3)
    boxes = np.concatenate([rng.uniform(0.2, 0.8, (count, 2)), rng.uniform(0.05, 0.2, (count, 2))], axis=1)
    logits = rng.uniform(-9, -8, (count, CLASSES))
    for row, (box, label, score) in enumerate(OBJECTS):
        boxes[row] = centred(placed(box, "stretch")) / SIDE
        logits[row, label] = np.log(score / (1 - score))
    return boxes.astype(np.float32), logits.astype(np.float32)


class TestDetr:
    def test_sigmoid_for_each_class(self, write_model, load):
        boxes, logits = queries()
        detector = load(write_model({"logits": logits[None], "pred_boxes": boxes[None]}))
        assert detector.layout.decoder == "rtdetr"
        assert_found(detector.detect(FRAME))

    def test_no_object_column_makes_it_a_softmax(self, write_model, load):
        boxes, logits = queries()
        nothing = np.full((len(boxes), 1), 5.0, np.float32)
        nothing[:2] = -9
        for row, (_, label, score) in enumerate(OBJECTS):
            logits[row] = np.log((1 - score) / (CLASSES - 1))
            logits[row, label] = np.log(score)
        outputs = {"pred_logits": np.concatenate([logits, nothing], axis=1)[None], "pred_boxes": boxes[None]}
        detector = load(write_model(outputs))
        assert detector.layout.decoder == "detr"
        assert len(detector.classes) == CLASSES
        found = detector.detect(FRAME)
        np.testing.assert_allclose(found.boxes[0], FIRST, atol=0.6)
        assert found.scores[0] == pytest.approx(0.9, abs=0.01)

    def test_auxiliary_outputs_are_left_unread(self, write_model, load):
        boxes, logits = queries()
        outputs = {
            "enc_topk_logits": logits[None] - 1,
            "enc_topk_bboxes": boxes[None] / 2,
            "last_hidden_state": np.ones((1, len(boxes), 16), np.float32),
            "logits": logits[None],
            "pred_boxes": boxes[None],
        }
        assert_found(load(write_model(outputs)).detect(FRAME))

    def test_a_spare_column_that_is_never_used_is_told_by_the_names(self, write_model, load):
        boxes, logits = queries()
        spare = np.full((len(boxes), 1), -12.0, np.float32)
        outputs = {"dets": boxes[None], "labels": np.concatenate([logits, spare], axis=1)[None]}
        detector = load(write_model(outputs), classes=("a", "b", "c"))
        assert detector.layout.decoder == "rtdetr"
        assert_found(detector.detect(FRAME))

    def test_three_classes_and_a_spare_column_don_t_swap_boxes_and_logits(self, write_model, load):
        boxes, logits = queries()
        spare = np.full((len(boxes), 1), -12.0, np.float32)
        outputs = {"labels": np.concatenate([logits, spare], axis=1)[None], "dets": boxes[None]}
        assert_found(load(write_model(outputs)).detect(FRAME))

    @pytest.mark.parametrize("metadata", [{}, ULTRALYTICS | {"description": "Ultralytics rtdetr-l model"}])
    def test_ultralytics_gives_one_table(self, write_model, load, metadata):
        boxes, logits = queries(300)
        table = np.concatenate([boxes, 1 / (1 + np.exp(-logits))], axis=1).astype(np.float32)
        detector = load(write_model({"output0": table[None]}, metadata=metadata))
        assert detector.layout.decoder == "rtdetr"
        assert_found(detector.detect(FRAME))

    def test_post_processor_inside_is_fed_the_input_size(self, write_model, load):
        boxes = np.zeros((1, 300, 4), np.float32)
        labels, scores = np.zeros((1, 300), np.int64), np.zeros((1, 300), np.float32)
        for row, (box, label, score) in enumerate(OBJECTS):
            boxes[0, row], labels[0, row], scores[0, row] = placed(box, "stretch"), label, score
        outputs = {"labels": labels, "boxes": boxes, "scores": scores}
        detector = load(write_model(outputs, extras={"orig_target_sizes": (7, (1, 2))}))
        assert detector.layout.decoder == "rtdetr"
        assert detector.feed(detector.prepare(FRAME)[0])["orig_target_sizes"].tolist() == [[SIDE, SIDE]]
        assert_found(detector.detect(FRAME))


def labelled(first_label, scale=1.0, swap=False):
    boxes = np.array([placed(box, "stretch") * scale for box, *_ in OBJECTS], np.float32)
    labels = np.array([label + first_label for _, label, _ in OBJECTS], np.int64)
    scores = np.array([score for *_, score in OBJECTS], np.float32)
    return boxes[:, [1, 0, 3, 2]] if swap else boxes, labels, scores


class TestSsd:
    def test_torchvision_has_no_batch_dimension_and_counts_from_one(self, write_model, load):
        boxes, labels, scores = labelled(1)
        detector = load(write_model({"boxes": boxes, "labels": labels, "scores": scores}, opens=True))
        assert detector.layout.decoder == "torchvision"
        assert_found(detector.detect(FRAME))

    def test_a_leading_background_among_the_names_has_no_number(self, write_model, load):
        boxes, labels, scores = labelled(1)
        names = ("__background__", "scratch", "pit", "stain")
        path = write_model({"1": scores, "2": labels, "3": boxes}, opens=True)
        detector = load(path, classes=names)
        assert detector.classes == ("scratch", "pit", "stain")
        assert_found(detector.detect(FRAME))

    def test_batched_outputs_count_from_zero(self, write_model, load):
        boxes, labels, scores = labelled(0)
        detector = load(write_model({"labels": labels[None], "scores": scores[None], "boxes": boxes[None]}))
        assert detector.layout.decoder == "ssd"
        assert_found(detector.detect(FRAME))

    def test_naming_torchvision_makes_batched_labels_count_from_one(self, write_model, load):
        boxes, labels, scores = labelled(1)
        path = write_model({"labels": labels[None], "scores": scores[None], "boxes": boxes[None]})
        assert_found(load(path, decoder="torchvision").detect(FRAME))

    def test_boxes_in_fractions(self, write_model, load):
        boxes, labels, scores = labelled(0, scale=1 / SIDE)
        outputs = {"bboxes": boxes[None], "labels": labels[None].astype(np.int32), "scores": scores[None]}
        assert_found(load(write_model(outputs)).detect(FRAME))

    def test_tensorflow_writes_rows_first_and_labels_as_floats_from_one(self, write_model, load):
        boxes, labels, scores = labelled(1, scale=1 / SIDE, swap=True)
        outputs = {
            "detection_boxes:0": boxes[None],
            "detection_classes:0": labels[None].astype(np.float32),
            "detection_scores:0": scores[None],
            "num_detections:0": np.array([2], np.float32),
        }
        assert_found(load(write_model(outputs)).detect(FRAME))

    def test_mmdetection_puts_the_score_beside_the_box(self, write_model, load):
        boxes, labels, scores = labelled(0)
        boxes = np.array([placed(box, "top-left") for box, *_ in OBJECTS], np.float32)
        outputs = {"dets": np.concatenate([boxes, scores[:, None]], axis=1)[None], "labels": labels[None]}
        assert_found(load(write_model(outputs)).detect(FRAME))

    def test_further_outputs_of_tensorflow_are_left_unread(self, write_model, load):
        boxes, labels, scores = labelled(1, scale=1 / SIDE, swap=True)
        outputs = {
            "detection_anchor_indices": np.array([[7, 9]], np.float32),
            "detection_boxes": boxes[None],
            "detection_classes": labels[None].astype(np.float32),
            "detection_multiclass_scores": np.full((1, 2, 4), 0.1, np.float32),
            "detection_scores": scores[None],
            "num_detections": np.array([2], np.float32),
            "raw_detection_boxes": np.random.default_rng(0).random((1, 60, 4), np.float32),
            "raw_detection_scores": np.random.default_rng(0).random((1, 60, 4), np.float32),
        }
        assert_found(load(write_model(outputs)).detect(FRAME))

    def test_tensorrt_style_counts_are_not_taken_for_labels(self, write_model, load):
        boxes, labels, scores = labelled(0)
        outputs = {
            "num_dets": np.array([[2]], np.int32),
            "det_boxes": boxes[None],
            "det_scores": scores[None],
            "det_classes": labels[None].astype(np.int32),
        }
        assert_found(load(write_model(outputs)).detect(FRAME))

    def test_boxes_with_a_dimension_of_one_between_are_read(self, write_model, load):
        boxes, scores = self.dense(CLASSES)
        outputs = {"boxes": boxes[None, :, None] / SIDE, "confs": scores[None]}
        assert_found(load(write_model(outputs)).detect(FRAME))

    @pytest.mark.parametrize("classes_first", [False, True])
    def test_boxes_and_a_score_for_each_class_are_suppressed_here(self, write_model, load, classes_first):
        boxes, scores = self.dense(CLASSES)
        outputs = {"boxes": boxes[None], "scores": (scores.T if classes_first else scores)[None]}
        detector = load(write_model(outputs))
        assert detector.layout.decoder == "ssd"
        assert_found(detector.detect(FRAME))

    def test_a_softmax_with_background_first_in_fractions(self, write_model, load):
        boxes, scores = self.dense(CLASSES)
        background = 1 - scores.sum(axis=1, keepdims=True)
        outputs = {"scores": np.concatenate([background, scores], axis=1)[None], "boxes": boxes[None] / SIDE}
        detector = load(write_model(outputs))
        assert len(detector.classes) == CLASSES
        assert_found(detector.detect(FRAME))

    def dense(self, classes, count=500):
        rng = np.random.default_rng(4)
        corner = rng.uniform(0, 100, (count, 2))
        boxes = np.concatenate([corner, corner + rng.uniform(3, 20, (count, 2))], axis=1).astype(np.float32)
        scores = np.zeros((count, classes), np.float32)
        for row, (box, label, score) in zip((7, 8), OBJECTS, strict=True):
            boxes[row], scores[row, label] = placed(box, "stretch"), score
            boxes[row + 100], scores[row + 100, label] = boxes[row] + 1, score / 2
        return boxes, scores
