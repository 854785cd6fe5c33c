"""What is not a known detector is refused with what was seen and what to do; what is ambiguous is asked about."""

from __future__ import annotations

import numpy as np
import pytest

from calibtui.core.errors import ModelError
from calibtui.detector.layout import detect_layout
from calibtui.workspace.settings import ModelSettings

CELLS = 256 + 64 + 16


def refused(path, **settings):
    with pytest.raises(ModelError) as caught:
        detect_layout(path, ModelSettings(onnx=path.name, **settings))
    return str(caught.value)


def test_a_classifier_is_called_one(write_model):
    message = refused(write_model({"logits": np.zeros((1, 1000), np.float32)}))
    assert "logits (1, 1000) float32" in message
    assert "classifier of 1000 classes" in message


def test_a_classifier_of_six_classes_is_not_taken_for_one_final_detection(write_model):
    assert "classifier of 6 classes" in refused(write_model({"probabilities": np.full((1, 6), 1 / 6, np.float32)}))


def test_a_segmentation_map_is_called_one(write_model):
    assert "segmentation" in refused(write_model({"mask": np.zeros((1, 21, 128, 128), np.float32)}))


def test_raw_yolo_heads_are_explained(write_model):
    heads = {f"head{s}": np.zeros((1, 3, 128 // s, 128 // s, 85), np.float32) for s in (8, 16, 32)}
    message = refused(write_model(heads))
    assert "--grid" in message
    assert "head8 (1, 3, 16, 16, 85)" in message


@pytest.mark.parametrize("task", ["classify", "obb"])
def test_metadata_that_declares_another_task_is_believed(write_model, task):
    path = write_model({"output0": np.zeros((1, 7, CELLS), np.float32)}, metadata={"task": task})
    assert repr(task) in refused(path)


def ambiguous():
    """Decoded rows of 4 + 7 or 5 + 6 numbers, one a cell: nothing tells YOLOX from a transposed YOLOv8."""
    rng = np.random.default_rng(0)
    table = rng.uniform(0, 1, (1, CELLS, 11)).astype(np.float32)
    table[..., :4] = rng.uniform(1, 128, (1, CELLS, 4))
    return {"output": table}


def test_two_possible_layouts_are_both_named(write_model):
    message = refused(write_model(ambiguous()))
    assert "could be yolov8 or yolox" in message
    assert "output (1, 336, 11)" in message


@pytest.mark.parametrize(("decoder", "classes"), [("yolov8", 7), ("yolox", 6)])
def test_naming_the_decoder_settles_it(write_model, decoder, classes):
    path = write_model(ambiguous())
    layout = detect_layout(path, ModelSettings(onnx=path.name, decoder=decoder))
    assert (layout.decoder, len(layout.classes)) == (decoder, classes)


@pytest.mark.parametrize(("names", "decoder"), [("abcdefg", "yolov8"), ("abcdef", "yolox")])
def test_the_number_of_class_names_settles_it_too(write_model, names, decoder):
    path = write_model(ambiguous())
    assert detect_layout(path, ModelSettings(onnx=path.name, classes=tuple(names))).decoder == decoder


def test_a_named_decoder_takes_an_unusual_grid(write_model):
    path = write_model({"output0": np.zeros((1, 7, 111), np.float32)})
    assert "isn't known" in refused(path)
    assert detect_layout(path, ModelSettings(onnx=path.name, decoder="yolov8")).decoder == "yolov8"


def test_a_named_decoder_that_can_t_read_the_model_says_what_the_outputs_are(write_model):
    message = refused(write_model({"logits": np.zeros((1, 1000), np.float32)}), decoder="yolov8")
    assert "can't be read by the decoder 'yolov8'" in message
    assert "logits (1, 1000)" in message


def test_an_unknown_decoder_brings_the_nearest_name(write_model):
    path = write_model({"output0": np.zeros((1, 7, CELLS), np.float32)})
    assert "nearest is 'yolov8'" in refused(path, decoder="yollov8")


@pytest.mark.parametrize("alias", ["yolov9", "yolo11", "yolov12"])
def test_models_with_another_model_s_layout_go_by_their_own_name_too(write_model, alias):
    path = write_model({"output0": np.zeros((1, 7, CELLS), np.float32)})
    assert detect_layout(path, ModelSettings(onnx=path.name, decoder=alias)).decoder == "yolov8"


def test_the_layout_tells_how_it_was_found(write_model):
    path = write_model({"output0": np.zeros((1, 7, CELLS), np.float32)})
    why = " ".join(detect_layout(path, ModelSettings(onnx=path.name)).why)
    assert "'output0' has 336 rows" in why
    assert "128×128 px, fixed in the file" in why
    assert "no class names" in why


def test_a_layout_leaves_no_part_of_the_preparation_open(write_model):
    path = write_model({"output0": np.zeros((1, 7, CELLS), np.float32)})
    recipe = detect_layout(path, ModelSettings(onnx=path.name)).input
    fields = ("size", "resize", "align", "mean", "std", "scale", "channels", "pad")
    assert all(getattr(recipe, field) is not None for field in fields)
