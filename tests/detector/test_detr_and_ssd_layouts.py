"""The layouts of DETR and SSD kin are told by themselves, and known objects come back in frame px."""

from __future__ import annotations

import numpy as np
import pytest

from .scene import CLASSES, FIRST, FRAME, OBJECTS, SIDE, ULTRALYTICS, assert_found, centred, placed


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

    def test_tensorrt_style_counts_are_not_taken_for_labels_and_mean_a_letterboxed_yolo(self, write_model, load):
        _, labels, scores = labelled(0)
        boxes = np.array([placed(box) for box, *_ in OBJECTS], np.float32)
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
