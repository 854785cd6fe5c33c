"""Layers in float beside INT8 ones: what they read, and that the engine leaves their weights alone."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from calibtui.detector.session import open_session
from calibtui.quantization.collector import Calibrator
from calibtui.quantization.prepare import prepare_model
from calibtui.quantization.provenance import Provenance
from calibtui.quantization.quantize import quantize
from calibtui.quantization.ranges import ranges
from calibtui.quantization.simulation import simulated
from calibtui.quantization.tensors import tensors_to_observe

from .conftest import NetworkBuilder


def network(net: NetworkBuilder, before: str):
    """A depthwise convolution whose channels' weights differ a hundredfold, with nothing between it and the next one,
    behind a function that is folded into a convolution ("Relu") or computed in float ("Sigmoid")."""
    source = net.op(before, [net.conv("image", "stem", (3, 8))], "stem.act")
    net.conv(source, "beside", (8, 8))
    net.conv(source, "deep", (1, 8))
    net.nodes[-1].attribute.append(onnx.helper.make_attribute("group", 8))
    deep = next(tensor for tensor in net.weights if tensor.name == "deep.weight")
    sizes = np.geomspace(0.05, 5, 8).reshape(8, 1, 1, 1).astype(np.float32)
    deep.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(deep) * sizes, "deep.weight"))
    net.conv("deep", "after", (8, 8))
    net.constant("even", (1 / sizes.reshape(1, 8, 1, 1)).astype(np.float32))
    net.op("Mul", ["deep", "even"], "evened")
    net.op("Concat", ["after", "beside", "evened"], "output", axis=1)
    return net.model(["output"])


@pytest.fixture(params=["Relu", "Sigmoid"])
def prepared(request, empty_network, tmp_path):
    onnx.save(network(empty_network, request.param), str(tmp_path / "float.onnx"))
    return prepare_model(tmp_path / "float.onnx", tmp_path / "prepared.onnx")


@pytest.fixture
def found(prepared, scheme, frame):
    calibrator = Calibrator(prepared, tensors_to_observe(prepared, scheme))
    for number in range(4):
        calibrator.observe(f"frame{number}", frame(number))
    return ranges(calibrator.statistics, "minmax", percentile=100, scheme=scheme)


def evened(path, frame, *, simulate=False):
    """What the depthwise convolution gives, (1, 8, 32, 32), all channels of one size."""
    return open_session(path, simulate=simulate).run(None, {"image": frame(2)})[0][:, 16:]


def written(prepared, found, scheme, target, float_nodes):
    provenance = Provenance("set", "minmax", 4)
    return quantize(prepared, found, scheme, target, provenance=provenance, float_nodes=float_nodes).path


def test_the_engine_rounds_no_weights_of_a_layer_in_float(prepared, found, scheme, frame, tmp_path):
    path = written(prepared, found, scheme, tmp_path / "int8.onnx", ["Conv:deep"])
    apart = np.abs(evened(path, frame) - evened(path, frame, simulate=True))
    assert apart.mean() < 0.02 * np.abs(evened(path, frame)).mean()


def test_the_file_computes_what_the_simulation_does(prepared, found, scheme, frame, tmp_path):
    path = written(prepared, found, scheme, tmp_path / "int8.onnx", ["Conv:deep"])
    nodes = [node.name for node in prepared.load().graph.node if node.op_type == "Conv"]
    nodes.remove("Conv:deep")
    expected = simulated(prepared.load(), found, scheme, nodes).run(None, {"image": frame(2)})[0]
    answer = open_session(path).run(None, {"image": frame(2)})[0]
    assert np.abs(answer - expected).mean() < 0.01 * np.abs(expected).mean()


def test_a_layer_in_float_reads_what_is_not_rounded_for_others(empty_network, scheme, frame, tmp_path):
    onnx.save(network(empty_network, "Sigmoid"), str(tmp_path / "float.onnx"))
    prepared = prepare_model(tmp_path / "float.onnx", tmp_path / "prepared.onnx")
    calibrator = Calibrator(prepared, tensors_to_observe(prepared, scheme))
    calibrator.observe("frame", frame(2))
    found = ranges(calibrator.statistics, "minmax", percentile=100, scheme=scheme)
    path = written(prepared, found, scheme, tmp_path / "int8.onnx", ["Conv:deep", "Conv:stem"])
    model = onnx.load(str(path))
    read = {node.name: node.input[0] for node in model.graph.node}
    rounded = {node.name: node.output[0] for node in model.graph.node if node.op_type == "DequantizeLinear"}
    assert read["Conv:deep"] == "stem.act" and read["Conv:stem"] == "image"
    assert read["Conv:beside"] in rounded.values()
