"""Convolutions written as products: which ones, what their results lose, and what onnxruntime computes of them."""

from __future__ import annotations

import json

import numpy as np
import onnx
import onnxruntime as ort
import pytest

from calibtui.detector.session import open_session
from calibtui.quantization.collector import Calibrator
from calibtui.quantization.cpu import CpuFeatures
from calibtui.quantization.graph import graph_of
from calibtui.quantization.prepare import prepare_model
from calibtui.quantization.presets import preset
from calibtui.quantization.products import KINDS, products
from calibtui.quantization.provenance import Provenance
from calibtui.quantization.quantize import quantize
from calibtui.quantization.ranges import ranges
from calibtui.quantization.sessions import session_of
from calibtui.quantization.simulation import simulated
from calibtui.quantization.tensors import tensors_to_observe
from calibtui.workspace.settings import QuantizationSettings

from .conftest import NetworkBuilder


def prepared_of(net: NetworkBuilder, folder, outputs=("output",), **options):
    onnx.save(net.model(list(outputs), **options), str(folder / "float.onnx"))
    return prepare_model(folder / "float.onnx", folder / "prepared.onnx")


@pytest.fixture
def pointwise(empty_network: NetworkBuilder, tmp_path):
    """A stem, two convolutions of 1×1 behind SiLUs and one as the detector's answer."""
    net = empty_network
    source = net.silu(net.conv("image", "stem", (3, 12)), "stem.act")
    source = net.silu(net.conv(source, "first", (12, 16), kernel=1), "first.act")
    source = net.silu(net.conv(source, "second", (16, 16), kernel=1), "second.act")
    net.conv(source, "output", (16, 5), kernel=1)
    return prepared_of(net, tmp_path)


def ranges_of(prepared, scheme, frame):
    calibrator = Calibrator(prepared, tensors_to_observe(prepared, scheme))
    for number in range(4):
        calibrator.observe(f"frame{number}", frame(number))
    return ranges(calibrator.statistics, "minmax", percentile=100, scheme=scheme)


def written(prepared, scheme, frame, target, kinds=KINDS, float_nodes=()):
    found = ranges_of(prepared, scheme, frame)
    provenance = Provenance("set", "minmax", 4)
    return quantize(prepared, found, scheme, target, provenance=provenance, kinds=kinds, float_nodes=float_nodes)


def run_by_engine(path, folder):
    """Operators that onnxruntime runs for the file."""
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.optimized_model_filepath = str(folder / "run.onnx")
    ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return [node.op_type for node in onnx.load(str(folder / "run.onnx")).graph.node]


def error_of(path, prepared, frame):
    exact = session_of(prepared.path).run(None, {"image": frame(2)})[0]
    return np.abs(open_session(path).run(None, {"image": frame(2)})[0] - exact).mean()


def test_results_lose_less_than_rounded_ones(pointwise, scheme, frame, tmp_path):
    errors = [
        error_of(written(pointwise, scheme, frame, tmp_path / f"{len(kinds)}.onnx", kinds).path, pointwise, frame)
        for kinds in ((), ("pointwise",), KINDS)
    ]
    assert errors[1] < 0.8 * errors[0] and errors[2] < errors[1]


def test_all_of_them_are_computed_on_integers(pointwise, scheme, frame, tmp_path):
    operators = run_by_engine(written(pointwise, scheme, frame, tmp_path / "int8.onnx").path, tmp_path)
    assert operators.count("MatMulIntegerToFloat") == 4
    assert not {"Conv", "FusedConv", "MatMul", "Gemm", "QLinearConv"}.intersection(operators)


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("kernel", [1, 2, 3, 5])
def test_file_simulation_and_float_model_agree_on_a_stem(empty_network, scheme, frame, tmp_path, kernel, stride):
    net = empty_network
    net.conv(net.silu(net.conv("image", "stem", (3, 8), kernel, stride), "stem.act"), "output", (8, 5))
    prepared = prepared_of(net, tmp_path)
    found = ranges_of(prepared, scheme, frame)
    path = written(prepared, scheme, frame, tmp_path / "int8.onnx").path
    exact = session_of(prepared.path).run(None, {"image": frame(1)})[0]
    nodes = [node.name for node in prepared.load().graph.node if node.op_type == "Conv"]
    expected = simulated(prepared.load(), found, scheme, nodes, kinds=KINDS).run(None, {"image": frame(1)})[0]
    step = (found["output"][1] - found["output"][0]) / 255
    for simulate in (True, False):
        answer = open_session(path, simulate=simulate).run(None, {"image": frame(1)})[0]
        # Only the file rounds the model's own output: by a fourth of a step on average.
        assert np.abs(answer - expected).mean() < 0.3 * step
        assert np.abs(answer - exact).mean() < 0.06 * np.abs(exact).mean()


def test_pictures_of_any_size_and_number_are_taken(pointwise, scheme, frame, tmp_path):
    path = written(pointwise, scheme, frame, tmp_path / "int8.onnx").path
    model = onnx.load(str(path))
    for info in (*model.graph.input, *model.graph.output):
        for place, side in ((0, "n"), (2, "h"), (3, "w")):
            info.type.tensor_type.shape.dim[place].dim_param = side
    del model.graph.value_info[:]
    opened = session_of(model.SerializeToString())
    single = open_session(path).run(None, {"image": frame(1)})[0]
    both = opened.run(None, {"image": np.concatenate([frame(1), frame(2)])})[0]
    assert np.array_equal(both[:1], single)
    wide = opened.run(None, {"image": np.concatenate([frame(1), frame(2)], axis=3)})[0]
    assert wide.shape == (1, 5, 32, 64) and np.array_equal(wide[..., :28], single[..., :28])


def test_a_convolution_without_bias_is_one_too(empty_network, scheme, frame, tmp_path):
    net = empty_network
    net.conv("image", "stem", (3, 8))
    del net.nodes[0].input[2]
    del net.weights[1]
    net.conv(net.silu("stem", "stem.act"), "output", (8, 5), kernel=1)
    prepared = prepared_of(net, tmp_path)
    path = written(prepared, scheme, frame, tmp_path / "int8.onnx").path
    exact = session_of(prepared.path).run(None, {"image": frame(2)})[0]
    assert error_of(path, prepared, frame) < 0.06 * np.abs(exact).mean()


def test_nothing_is_left_that_only_the_convolution_read(pointwise, scheme, frame, tmp_path):
    model = onnx.load(str(written(pointwise, scheme, frame, tmp_path / "int8.onnx").path))
    read = {name for node in model.graph.node for name in node.input}
    made = {name for node in model.graph.node for name in node.output}
    assert {tensor.name for tensor in model.graph.initializer} <= read
    assert made - read == {"output"}


def test_what_is_folded_read_on_integers_or_has_more_than_one_tap_is_none(prepared, scheme):
    graph = graph_of(prepared.load())
    assert set(products(graph, scheme, KINDS)) == {"stem", "head"}
    assert set(products(graph, scheme, ("pointwise",))) == {"head"}
    assert set(products(graph, scheme, KINDS, {"Conv:head"})) == {"stem"}


def test_behind_a_function_that_stays_on_integers_there_is_none(empty_network, scheme, tmp_path):
    net = empty_network
    source = net.silu(net.conv("image", "stem", (3, 32)), "stem.act")
    leaky = net.op("LeakyRelu", [net.conv(source, "narrow", (32, 8), kernel=1)], "narrow.act", alpha=0.1)
    net.conv(leaky, "output", (8, 5))
    graph = graph_of(prepared_of(net, tmp_path).load())
    assert not products(graph, scheme, ("pointwise",))
    # With the reader in float, the function is computed in float as well.
    assert set(products(graph, scheme, ("pointwise",), {"Conv:output"})) == {"narrow"}


def test_targets_that_round_no_results_have_none(pointwise):
    graph = graph_of(pointwise.load())
    cpu = CpuFeatures("x86", avx2=True, avx512=True, vnni=True)
    for target in ("tensorrt", "openvino", "ort-cuda"):
        assert not products(graph, preset(target, QuantizationSettings(), cpu), KINDS)


def test_the_record_names_them(pointwise, scheme, frame, tmp_path):
    made = written(pointwise, scheme, frame, tmp_path / "int8.onnx", ("pointwise",))
    assert json.loads(made.record.read_text())["products"] == ["Conv:first", "Conv:output", "Conv:second"]
