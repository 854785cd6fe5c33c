"""The warts of real files: each is handled, or named."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from calibtui.core.errors import ModelError
from calibtui.detector.detector import Detector
from calibtui.workspace.settings import InputSettings, ModelSettings

CELLS = 256 + 64 + 16
FRAME = np.random.default_rng(0).integers(0, 256, (128, 128, 3), dtype=np.uint8)


def output(cells=CELLS):
    table = np.zeros((1, 7, cells), np.float32)
    table[0, :4] = 30
    table[0, :4, 9] = 64, 64, 20, 40
    table[0, 5, 9] = 0.8
    return {"output0": table}


def assert_one_box(found):
    np.testing.assert_allclose(found.boxes, [[54, 44, 74, 84]], atol=0.1)
    assert found.classes.tolist() == [1]


@pytest.mark.parametrize("opset", [9, 10, 11, 12, 17])
def test_old_operator_sets_load(write_model, load, opset):
    assert_one_box(load(write_model(output(), opset=opset)).detect(FRAME))


def test_weights_listed_as_graph_inputs_are_not_taken_for_inputs(write_model, load):
    detector = load(write_model(output(), listed=True, opset=9))
    assert detector.input_name == "images"
    assert_one_box(detector.detect(FRAME))


def test_an_open_batch_is_fed_one_frame(write_model, load):
    assert_one_box(load(write_model(output(), picture=("batch", 3, 128, 128))).detect(FRAME))


def test_a_fixed_batch_is_filled_and_its_first_frame_read(write_model, load):
    outputs = {"output0": np.repeat(output()["output0"], 4, axis=0)}
    detector = load(write_model(outputs, picture=(4, 3, 128, 128)))
    assert detector.feed(detector.prepare(FRAME)[0])["images"].shape == (4, 3, 128, 128)
    assert_one_box(detector.detect(FRAME))


def test_channels_last(write_model, load):
    detector = load(write_model(output(), picture=(1, 128, 128, 3)))
    fed = detector.feed(detector.prepare(FRAME)[0])["images"]
    np.testing.assert_allclose(fed[0], FRAME / np.float32(255), atol=1e-6)
    assert_one_box(detector.detect(FRAME))


def test_no_batch_dimension(write_model, load):
    detector = load(write_model(output(), picture=(3, 128, 128)))
    assert detector.feed(detector.prepare(FRAME)[0])["images"].shape == (3, 128, 128)
    assert_one_box(detector.detect(FRAME))


def test_half_precision(write_model, load):
    outputs = {"output0": output()["output0"].astype(np.float16)}
    detector = load(write_model(outputs, picture_type=TensorProto.FLOAT16))
    assert detector.feed(detector.prepare(FRAME)[0])["images"].dtype == np.float16
    assert detector.infer(detector.prepare(FRAME)[0])["output0"].dtype == np.float32
    assert_one_box(detector.detect(FRAME))


def test_bytes_are_fed_as_they_are(write_model, load):
    detector = load(write_model(output(), picture=(1, 128, 128, 3), picture_type=TensorProto.UINT8))
    fed = detector.feed(detector.prepare(FRAME)[0])["images"]
    assert fed.dtype == np.uint8
    np.testing.assert_array_equal(fed[0], FRAME)
    assert_one_box(detector.detect(FRAME))


def open_model(folder: Path, metadata=None) -> Path:
    """A detector that takes any size: its output is a product over the picture's own cells at stride 32."""
    nodes = [
        helper.make_node("MaxPool", ["images"], ["pooled"], kernel_shape=[32, 32], strides=[32, 32]),
        helper.make_node("Concat", ["pooled", "pooled", "pooled"], ["nine"], axis=1),
        helper.make_node("Reshape", ["nine", "flat"], ["output0"]),
    ]
    graph = helper.make_graph(
        nodes,
        "open",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ("b", 3, "h", "w"))],
        [helper.make_tensor_value_info("output0", TensorProto.FLOAT, ("b", 9, "n"))],
        [helper.make_tensor("flat", TensorProto.INT64, [3], [0, 9, -1])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    helper.set_model_props(model, metadata or {})
    path = folder / "open.onnx"
    onnx.save(model, str(path))
    return path


@pytest.mark.parametrize(
    ("metadata", "asked", "size"),
    [
        ({}, None, (640, 640)),
        ({"imgsz": "[320, 480]"}, None, (480, 320)),
        ({"imgsz": "[320, 480]"}, (384, 384), (384, 384)),
        ({"imgsz": "large"}, None, (640, 640)),
    ],
)
def test_an_open_size_is_settled_by_settings_then_metadata_then_640(tmp_path, metadata, asked, size):
    path = open_model(tmp_path, metadata)
    settings = ModelSettings(onnx=path.name, decoder="yolov8", input=InputSettings(size=asked))
    detector = Detector.load(settings, tmp_path)
    assert detector.input_size == size
    assert any(f"{size[0]}×{size[1]} px" in why for why in detector.layout.why)
    assert detector.prepare(FRAME)[0].shape == (1, 3, size[1], size[0])


def test_another_size_than_the_file_s_is_refused_with_both(write_model, load):
    with pytest.raises(ModelError, match=r"640×640, but .* takes 128×128"):
        load(write_model(output()), input=InputSettings(size=(640, 640)))


def test_settings_override_each_part_of_the_preparation(write_model, load):
    own = InputSettings(
        resize="stretch", align="top-left", mean=(1, 2, 3), std=(4, 5, 6), scale=0.5, channels="bgr", pad=7
    )
    assert load(write_model(output()), input=own).layout.input == replace(own, size=(128, 128))


def test_an_input_nobody_can_fill_is_named(write_model, load):
    path = write_model(output(), extras={"temperature": (TensorProto.FLOAT, (1,))})
    with pytest.raises(ModelError, match="'temperature'"):
        load(path)


def test_known_inputs_beside_the_picture_say_that_it_is_not_rescaled(write_model, load):
    extras = {"im_shape": (TensorProto.FLOAT, (1, 2)), "scale_factor": (TensorProto.FLOAT, (1, 2))}
    detector = load(write_model(output(), extras=extras))
    fed = detector.feed(detector.prepare(FRAME)[0])
    assert fed["im_shape"].tolist() == [[128.0, 128.0]]
    assert fed["scale_factor"].tolist() == [[1.0, 1.0]]


def test_a_model_without_a_picture_is_refused_with_its_inputs(write_model, load):
    with pytest.raises(ModelError, match=r"no image input of 3 channels.*images \(1, 80\)"):
        load(write_model(output(), picture=(1, 80)))


def test_a_grey_input_is_refused(write_model, load):
    with pytest.raises(ModelError, match="3 channels"):
        load(write_model(output(), picture=(1, 1, 128, 128)))
