"""INT8 files: valid, per channel, the same bytes for the same inputs, and traceable. Pins onnxruntime's quantizer."""

from __future__ import annotations

import json

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import numpy_helper

from calibtui.core.errors import ModelError
from calibtui.quantization.collector import Calibrator
from calibtui.quantization.cpu import CpuFeatures
from calibtui.quantization.graph import graph_of
from calibtui.quantization.prepare import prepare_model
from calibtui.quantization.presets import preset
from calibtui.quantization.provenance import Provenance, read_stamp
from calibtui.quantization.quantize import quantize
from calibtui.quantization.ranges import ranges
from calibtui.quantization.tensors import nodes_in_float, tensors_to_observe
from calibtui.quantization.twin import simulated_twin
from calibtui.workspace.settings import QuantizationSettings

from .conftest import VNNI, NetworkBuilder

MADE_OF = Provenance("sha256:0123", "percentile", 4, {"percentile": 99.999})


def calibrated(prepared, scheme, frame, count=4):
    calibrator = Calibrator(prepared, tensors_to_observe(prepared, scheme))
    for number in range(count):
        calibrator.observe(f"frame{number}", frame(number))
    return calibrator.statistics


@pytest.fixture
def statistics(prepared, scheme, frame):
    return calibrated(prepared, scheme, frame)


@pytest.fixture
def bounds(statistics, scheme):
    return ranges(statistics, "percentile", percentile=99.999, scheme=scheme)


def outputs(path, image, optimize=True):
    options = ort.SessionOptions()
    if not optimize:
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: image})[0]


@pytest.mark.parametrize("target", ["ort-cpu", "ort-cuda", "tensorrt", "openvino"])
def test_every_target_gives_a_valid_file_close_to_the_float_one(tmp_path, prepared, frame, target):
    scheme = preset(target, QuantizationSettings(), VNNI)
    statistics = calibrated(prepared, scheme, frame)
    bounds = ranges(statistics, "minmax", percentile=100, scheme=scheme)
    made = quantize(prepared, bounds, scheme, tmp_path / "int8.onnx", provenance=MADE_OF)
    onnx.checker.check_model(str(made.path))
    expected, found = outputs(prepared.path, frame(2)), outputs(made.path, frame(2), optimize=not scheme.simulate)
    assert np.abs(found - expected).mean() < 0.15 * np.abs(expected).mean()
    assert not np.array_equal(found, expected)


def test_weights_are_int8_with_a_scale_a_channel(tmp_path, prepared, bounds, scheme):
    made = onnx.load(str(quantize(prepared, bounds, scheme, tmp_path / "int8.onnx", provenance=MADE_OF).path))
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in made.graph.initializer}
    scaled = [node for node in made.graph.node if node.op_type == "DequantizeLinear" and node.input[0] in constants]
    weights = [node for node in scaled if constants[node.input[0]].ndim == 4]
    assert len(weights) == sum(node.op_type == "Conv" for node in made.graph.node) == 8
    for node in weights:
        values, scales = constants[node.input[0]], constants[node.input[1]]
        assert values.dtype == np.int8 and scales.shape == (values.shape[0],)


def test_activation_scales_are_those_of_the_ranges(tmp_path, prepared, bounds, scheme):
    made = onnx.load(str(quantize(prepared, bounds, scheme, tmp_path / "int8.onnx", provenance=MADE_OF).path))
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in made.graph.initializer}
    seen = 0
    for node in made.graph.node:
        if node.op_type == "QuantizeLinear":
            low, high = bounds[node.input[0]]
            scale = (max(high, 0) - min(low, 0)) / 255
            assert constants[node.input[1]] == pytest.approx(scale, rel=1e-5), node.input[0]
            seen += 1
    assert seen == len(bounds)


def test_exactly_the_tensors_that_are_asked_for_are_needed(tmp_path, prepared, bounds, scheme):
    del bounds["stem"]
    with pytest.raises(ModelError, match="'stem'"):
        quantize(prepared, bounds, scheme, tmp_path / "int8.onnx", provenance=MADE_OF)
    assert not (tmp_path / "int8.onnx").exists()


def test_relu_is_folded_and_its_input_needs_no_range(prepared, scheme):
    wanted = tensors_to_observe(prepared, scheme)
    assert "left.act" in wanted and "left" not in wanted


def test_the_same_inputs_give_the_same_bytes(tmp_path, prepared, bounds, scheme):
    first = quantize(prepared, bounds, scheme, tmp_path / "a.onnx", provenance=MADE_OF)
    second = quantize(prepared, dict(reversed(bounds.items())), scheme, tmp_path / "b.onnx", provenance=MADE_OF)
    assert first.path.read_bytes() == second.path.read_bytes()
    assert first.digest == second.digest


def test_nodes_left_in_float_have_no_quantized_weights(tmp_path, prepared, bounds, scheme):
    made = quantize(prepared, bounds, scheme, tmp_path / "int8.onnx", provenance=MADE_OF, float_nodes=["Conv:head"])
    assert "Conv:head" in made.in_float and "Conv:head" not in made.quantized
    node = next(n for n in onnx.load(str(made.path)).graph.node if n.name == "Conv:head")
    assert node.input[1] == "head.weight"


def test_float_layers_are_globs_of_node_names(prepared):
    scheme = preset("ort-cpu", QuantizationSettings(float_layers=("Conv:re*",)), VNNI)
    assert list(nodes_in_float(graph_of(prepared.load()), scheme)) == ["Conv:res"]


@pytest.mark.parametrize("drift", [0.0, 0.004], ids=["as exported", "moved by training"])
def test_a_box_expectation_stays_in_float_with_the_reason(tmp_path, drift):
    net = NetworkBuilder()
    net.conv("image", "boxes", (3, 16))
    net.op("Softmax", ["boxes"], "spread", axis=1)
    net.constant("steps", (np.arange(16, dtype=np.float32) + np.float32(drift)).reshape(1, 16, 1, 1))
    net.op("Conv", ["spread", "steps"], "output")
    onnx.save(net.model(["output"]), str(tmp_path / "dfl.onnx"))
    made = prepare_model(tmp_path / "dfl.onnx", tmp_path / "prepared.onnx")
    kept = nodes_in_float(graph_of(made.load()), preset("ort-cpu", QuantizationSettings(), VNNI))
    assert list(kept) == ["Conv:output"] and "expectation" in kept["Conv:output"]


def test_products_of_two_activations_stay_in_float(tmp_path):
    net = NetworkBuilder()
    net.conv("image", "a", (3, 4))
    net.op("Transpose", ["a"], "b", perm=[0, 1, 3, 2])
    net.op("MatMul", ["a", "b"], "output")
    onnx.save(net.model(["output"]), str(tmp_path / "attention.onnx"))
    made = prepare_model(tmp_path / "attention.onnx", tmp_path / "prepared.onnx")
    kept = nodes_in_float(graph_of(made.load()), preset("ort-cpu", QuantizationSettings(), VNNI))
    assert kept == {"MatMul:output": "its weights are computed, not constant"}


def test_nothing_left_to_quantize_is_an_error(tmp_path, prepared, bounds):
    scheme = preset("ort-cpu", QuantizationSettings(float_layers=("*",)), VNNI)
    with pytest.raises(ModelError, match="left to quantize"):
        quantize(prepared, bounds, scheme, tmp_path / "int8.onnx", provenance=MADE_OF)


def test_provenance_is_in_the_file_and_beside_it(tmp_path, prepared, bounds, scheme):
    made = quantize(prepared, bounds, scheme, tmp_path / "int8.onnx", provenance=MADE_OF)
    stamp = read_stamp(onnx.load(str(made.path)))
    assert stamp["set"] == "sha256:0123" and stamp["calibrator"] == "percentile"
    assert stamp["float_model"] == prepared.source_digest
    assert set(json.loads(stamp["versions"])) == {"calibtui", "numpy", "onnx", "onnxruntime"}
    record = json.loads((tmp_path / "int8.provenance.json").read_text())
    assert record["digest"] == made.digest and record["options"] == {"percentile": 99.999}
    assert set(record["ranges"]) == set(bounds)


def test_metadata_of_the_float_model_is_kept(tmp_path, network, scheme, frame):
    model = network.model(["output"])
    model.metadata_props.add(key="names", value="{0: 'pit'}")
    onnx.save(model, str(tmp_path / "float.onnx"))
    made = prepare_model(tmp_path / "float.onnx", tmp_path / "prepared.onnx")
    bounds = ranges(calibrated(made, scheme, frame), "minmax", percentile=100, scheme=scheme)
    done = quantize(made, bounds, scheme, tmp_path / "int8.onnx", provenance=MADE_OF)
    assert ("names", "{0: 'pit'}") in [(e.key, e.value) for e in onnx.load(str(done.path)).metadata_props]


def test_the_twin_computes_the_same_on_every_machine_and_differs_from_float(tmp_path, prepared, statistics, frame):
    twin = simulated_twin(prepared, statistics, tmp_path / "twin.onnx")
    found, expected = outputs(twin.path, frame(1), optimize=False), outputs(prepared.path, frame(1))
    assert twin.scheme.simulate
    assert 0 < np.abs(found - expected).mean() < 0.1 * np.abs(expected).mean()


def test_calibrated_once_a_model_is_quantized_many_times(tmp_path, prepared, statistics, scheme):
    digests = set()
    for calibrator in ("minmax", "percentile", "entropy", "mse"):
        bounds = ranges(statistics, calibrator, percentile=99.9, scheme=scheme)
        digests.add(quantize(prepared, bounds, scheme, tmp_path / f"{calibrator}.onnx", provenance=MADE_OF).digest)
    assert len(digests) == 4


@pytest.mark.shared
@pytest.mark.parametrize("file", ["coco128/nanodet_m_320.onnx", "deeppcb/pcb_tiny_320.onnx"])
def test_real_detectors_become_valid_per_channel_files(tmp_path, shared_data, file):
    prepared = prepare_model(shared_data / file, tmp_path / "prepared.onnx")
    scheme = preset("ort-cpu", QuantizationSettings(), CpuFeatures("x86"))
    calibrator = Calibrator(prepared, tensors_to_observe(prepared, scheme))
    side = int(file.rsplit("_", 1)[1].removesuffix(".onnx"))
    for number in range(2):
        image = np.random.default_rng(number).random((1, 3, side, side), dtype=np.float32)
        calibrator.observe(f"{number}", image)
    bounds = ranges(calibrator.statistics, "percentile", percentile=99.999, scheme=scheme)
    made = quantize(prepared, bounds, scheme, tmp_path / "int8.onnx", provenance=MADE_OF)
    assert made.path.stat().st_size < 0.5 * prepared.path.stat().st_size
    assert np.isfinite(outputs(made.path, image)).all()


@pytest.mark.parametrize("target", ["ort-cpu", "tensorrt"])
def test_convolutions_that_share_weights_and_bias_are_quantized(tmp_path, empty_network, frame, target):
    """A head that all strides share, or equal constants that an exporter stored once."""
    net = empty_network
    stem = net.op("Relu", [net.conv("image", "stem", (3, 8))], "stem.act")
    net.conv(stem, "fine", (8, 8))
    net.op("MaxPool", [stem], "coarse.in", kernel_shape=[2, 2], strides=[2, 2])
    net.op("Conv", ["coarse.in", "fine.weight", "fine.bias"], "coarse", pads=[1] * 4)
    onnx.save(net.model(["fine", "coarse"]), str(tmp_path / "shared.onnx"))
    prepared = prepare_model(tmp_path / "shared.onnx", tmp_path / "prepared.onnx")
    scheme = preset(target, QuantizationSettings(), VNNI)
    found = ranges(calibrated(prepared, scheme, frame), "minmax", percentile=100, scheme=scheme)
    made = quantize(prepared, found, scheme, tmp_path / "int8.onnx", provenance=MADE_OF)
    assert {"Conv:fine", "Conv:coarse"} <= set(made.quantized)
    assert outputs(made.path, frame(1)).shape == (1, 8, 32, 32)
