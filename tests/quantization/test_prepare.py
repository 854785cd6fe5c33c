"""Preparing: what comes out computes what went in, whatever warts the file had."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

from calibtui.core.errors import ModelError
from calibtui.quantization.collector import Calibrator
from calibtui.quantization.graph import graph_of
from calibtui.quantization.multiply_adds import multiply_adds
from calibtui.quantization.prepare import prepare_model

from .conftest import NetworkBuilder, detector_network


def run(path: Path, image: np.ndarray) -> np.ndarray:
    return ort.InferenceSession(str(path), providers=["CPUExecutionProvider"]).run(None, {"image": image})[0]


@pytest.mark.parametrize("opset", [9, 11, 12, 13, 17])
def test_outputs_stay_the_same_and_the_opset_becomes_17(tmp_path, opset, frame):
    net = NetworkBuilder()
    net.conv(net.silu(net.conv("image", "stem", (3, 8)), "act"), "output", (8, 4))
    source = tmp_path / "float.onnx"
    onnx.save(net.model(["output"], opset=opset), str(source))
    made = prepare_model(source, tmp_path / "prepared.onnx")
    assert made.load().opset_import[0].version >= 17
    assert made.notes == ()
    np.testing.assert_allclose(run(made.path, frame(1)), run(source, frame(1)), rtol=1e-4, atol=1e-4)


def test_weights_listed_as_graph_inputs_become_constants(tmp_path):
    source = tmp_path / "old.onnx"
    net = NetworkBuilder()
    net.conv("image", "output", (3, 8))
    onnx.save(net.model(["output"], opset=11, listed=True), str(source))
    made = prepare_model(source, tmp_path / "prepared.onnx")
    assert made.inputs == ("image",)
    onnx.checker.check_model(str(made.path))


def test_every_node_has_a_name_of_its_own_and_every_shape_is_known(prepared):
    model = prepared.load()
    names = [node.name for node in model.graph.node]
    assert all(names) and len(set(names)) == len(names)
    graph = graph_of(model)
    assert all(graph.shapes.get(name) for node in model.graph.node for name in node.output)


def test_a_dynamic_batch_stays_dynamic(tmp_path):
    source = tmp_path / "dynamic.onnx"
    net = NetworkBuilder()
    net.conv("image", "output", (3, 8))
    onnx.save(net.model(["output"], batch="N"), str(source))
    made = prepare_model(source, tmp_path / "prepared.onnx")
    assert made.load().graph.input[0].type.tensor_type.shape.dim[0].dim_param == "N"
    assert run(made.path, np.zeros((2, 3, 32, 32), np.float32)).shape[0] == 2


def test_metadata_is_kept(tmp_path):
    net = NetworkBuilder()
    net.conv("image", "output", (3, 8))
    model = net.model(["output"])
    model.metadata_props.add(key="names", value="{0: 'scratch'}")
    source = tmp_path / "named.onnx"
    onnx.save(model, str(source))
    made = prepare_model(source, tmp_path / "prepared.onnx").load()
    assert ("names", "{0: 'scratch'}") in [(entry.key, entry.value) for entry in made.metadata_props]


def test_preparing_twice_gives_the_same_bytes(tmp_path):
    source = tmp_path / "float.onnx"
    onnx.save(detector_network().model(["output"]), str(source))
    first = prepare_model(source, tmp_path / "a.onnx")
    assert prepare_model(source, tmp_path / "b.onnx").digest == first.digest


def test_a_file_that_is_no_onnx_is_named(tmp_path):
    source = tmp_path / "photo.onnx"
    source.write_bytes(b"\xff\xd8\xff\xe0 not a model at all" * 40)
    with pytest.raises(ModelError, match=r"photo\.onnx"):
        prepare_model(source, tmp_path / "prepared.onnx")
    assert not (tmp_path / "prepared.onnx").exists()


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ModelError, match=r"nowhere\.onnx does not exist"):
        prepare_model(tmp_path / "nowhere.onnx", tmp_path / "prepared.onnx")


def test_a_model_without_weights_is_refused(tmp_path):
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, 8, 8])
    result = helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, 3, 8, 8])
    graph = helper.make_graph([helper.make_node("Relu", ["image"], ["output"])], "g", [image], [result])
    source = tmp_path / "relu.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), str(source))
    with pytest.raises(ModelError, match="no convolution or matrix product"):
        prepare_model(source, tmp_path / "prepared.onnx")


def halved(model):
    """`model` with its weights, its input and its outputs in half precision."""
    for tensor in model.graph.initializer:
        tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float16), tensor.name))
    for info in [*model.graph.input, *model.graph.output, *model.graph.value_info]:
        info.type.tensor_type.elem_type = TensorProto.FLOAT16
    return model


def test_half_precision_is_widened_and_its_input_and_output_keep_their_type(tmp_path, frame):
    net = NetworkBuilder()
    net.conv(net.silu(net.conv("image", "stem", (3, 8)), "act"), "output", (8, 4))
    onnx.save(halved(net.model(["output"])), str(tmp_path / "half.onnx"))
    image = frame(1).astype(np.float16)
    made = prepare_model(tmp_path / "half.onnx", tmp_path / "prepared.onnx", {"image": image})
    assert any("half-precision" in note for note in made.notes)
    weights = [tensor for tensor in made.load().graph.initializer if len(tensor.dims) == 4]
    assert weights and all(tensor.data_type == TensorProto.FLOAT for tensor in weights)
    found, expected = run(made.path, image), run(tmp_path / "half.onnx", image)
    assert found.dtype == np.float16
    np.testing.assert_allclose(found, expected, rtol=0.02, atol=0.02)


def test_a_model_of_open_height_and_width_is_prepared(tmp_path, frame):
    net = NetworkBuilder()
    net.conv("image", "output", (3, 16))
    model = net.model(["output"])
    for info in (model.graph.input[0], model.graph.output[0]):
        for place, name in ((2, "height"), (3, "width")):
            info.type.tensor_type.shape.dim[place].dim_param = name
    onnx.save(model, str(tmp_path / "open.onnx"))
    made = prepare_model(tmp_path / "open.onnx", tmp_path / "prepared.onnx")
    calibrator = Calibrator(made, ["image", "output"])
    calibrator.observe("frame", frame(0))
    assert calibrator.statistics.histograms["output"].total == 16 * 32 * 32


def test_open_sides_are_measured_on_the_input_that_is_fed_and_stay_open_in_the_file(tmp_path):
    net = detector_network()
    model = net.model(["output"], batch="N")
    del model.graph.value_info[:]
    for place, name in ((2, "height"), (3, "width")):
        model.graph.input[0].type.tensor_type.shape.dim[place].dim_param = name
    onnx.save(model, str(tmp_path / "open.onnx"))
    image = np.random.default_rng(0).random((1, 3, 64, 96), np.float32)
    made = prepare_model(tmp_path / "open.onnx", tmp_path / "prepared.onnx", {"image": image})
    graph = graph_of(made.load())
    assert graph.shapes["image"] == (1, 3, 64, 96)
    assert all(graph.shapes.get(node.output[0]) for node in made.load().graph.node)
    counted = multiply_adds(made.load())
    assert counted and all(counted.values())
    assert run(made.path, np.zeros((2, 3, 32, 32), np.float32)).shape[0] > 0


@pytest.mark.shared
@pytest.mark.parametrize(
    "file", ["coco128/yolox_nano_416.onnx", "coco128/nanodet_m_320.onnx", "deeppcb/pcb_tiny_320.onnx"]
)
def test_real_detectors_are_prepared_without_a_note(tmp_path, shared_data, file):
    made = prepare_model(shared_data / file, tmp_path / "prepared.onnx")
    assert made.notes == () and len(made.inputs) == 1
