"""Residual sums are rounded as TensorRT wants them, and nothing else is."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from tests.quantization.conftest import VNNI

from calibtui.quantization.collector import Calibrator
from calibtui.quantization.graph import graph_of
from calibtui.quantization.prepare import prepare_model
from calibtui.quantization.presets import preset
from calibtui.quantization.provenance import Provenance
from calibtui.quantization.quantize import quantize
from calibtui.quantization.ranges import ranges
from calibtui.quantization.residuals import residual_inputs
from calibtui.quantization.tensors import tensors_to_observe
from calibtui.workspace.settings import QuantizationSettings

TENSORRT = preset("tensorrt", QuantizationSettings(), VNNI)


@pytest.fixture
def residual_block(empty_network):
    """Of ResNet: two convolutions and their input, summed; a head behind."""
    net = empty_network
    stem = net.op("Relu", [net.conv("image", "stem", (3, 8))], "stem.act")
    inner = net.op("Relu", [net.conv(stem, "first", (8, 8))], "first.act")
    summed = net.op("Add", [net.conv(inner, "second", (8, 8)), stem], "summed")
    net.conv(net.op("Relu", [summed], "summed.act"), "head", (8, 4))
    return net


def rounded_inputs(model, name):
    """Which inputs of the node `name` come from a DequantizeLinear."""
    graph = graph_of(model)
    node = next(node for node in model.graph.node if node.name == name)
    makers = [graph.producers.get(tensor) for tensor in node.input]
    return [maker is not None and maker.op_type == "DequantizeLinear" for maker in makers]


def quantized(tmp_path, model, scheme, frame):
    source = tmp_path / "float.onnx"
    onnx.save(model, str(source))
    prepared = prepare_model(source, tmp_path / "prepared.onnx")
    calibrator = Calibrator(prepared, tensors_to_observe(prepared, scheme))
    for number in range(4):
        calibrator.observe(str(number), frame(number))
    bounds = ranges(calibrator.statistics, "minmax", percentile=100, scheme=scheme)
    made = quantize(prepared, bounds, scheme, tmp_path / "int8.onnx", provenance=Provenance("set", "minmax", 4))
    return onnx.load(str(made.path)), bounds


def test_the_convolution_that_is_fused_with_the_sum_stays_in_float_and_the_skip_is_rounded(
    tmp_path, residual_block, frame
):
    made, bounds = quantized(tmp_path, residual_block.model(["head"]), TENSORRT, frame)
    assert rounded_inputs(made, "Add:summed") == [False, True]
    assert "second" not in bounds
    onnx.checker.check_model(made, full_check=True)


def test_the_skip_takes_the_pair_that_its_convolution_has(tmp_path, residual_block, frame):
    made, _ = quantized(tmp_path, residual_block.model(["head"]), TENSORRT, frame)
    assert sum(node.op_type == "QuantizeLinear" and node.input[0] == "stem.act" for node in made.graph.node) == 1


def test_behind_activations_both_inputs_are_rounded_by_their_own_ranges(tmp_path, network, frame):
    made, bounds = quantized(tmp_path, network.model(["output"]), TENSORRT, frame)
    assert rounded_inputs(made, "Add:summed") == [True, True]
    pair = next(n for n in made.graph.node if n.op_type == "QuantizeLinear" and n.input[0] == "res.act")
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in made.graph.initializer}
    assert constants[pair.input[1]] == pytest.approx(np.abs(bounds["res.act"]).max() / 127, rel=1e-6)
    assert constants[pair.input[2]] == 0


def test_of_two_convolutions_the_deeper_one_is_fused(empty_network):
    net = empty_network
    stem = net.op("Relu", [net.conv("image", "stem", (3, 8))], "stem.act")
    inner = net.op("Relu", [net.conv(stem, "first", (8, 8))], "first.act")
    net.op("Add", [net.conv(stem, "down", (8, 8), 1), net.conv(inner, "second", (8, 8))], "summed")
    net.conv("summed", "head", (8, 4))
    assert residual_inputs(graph_of(net.model(["head"])), TENSORRT, ()) == {("Add:summed", 0): "down"}


def test_sums_that_are_none_of_convolutions_in_int8_stay_as_they_are(residual_block):
    model = residual_block.model(["head"])
    convolutions = [node.name for node in model.graph.node if node.op_type == "Conv"]
    assert residual_inputs(graph_of(model), TENSORRT, convolutions) == {}


def test_a_sum_that_is_an_answer_and_a_constant_are_no_residuals(empty_network):
    net = empty_network
    stem = net.conv("image", "stem", (3, 8))
    net.constant("shift", np.ones((1, 8, 1, 1), np.float32))
    net.op("Add", [stem, "shift"], "shifted")
    net.op("Add", ["shifted", net.conv("shifted", "box", (8, 8))], "answer")
    assert residual_inputs(graph_of(net.model(["answer"])), TENSORRT, ()) == {}


@pytest.mark.parametrize("target", ["ort-cuda", "openvino"])
def test_other_targets_round_no_tensor_for_a_sum_alone(tmp_path, network, frame, target):
    scheme = preset(target, QuantizationSettings(), VNNI)
    made, bounds = quantized(tmp_path, network.model(["output"]), scheme, frame)
    assert rounded_inputs(made, "Add:summed") == [True, False], "what a convolution reads as well is rounded for it"
    assert "res.act" not in bounds
