"""Equalized channels, ranges behind SiLU, corrected biases: what each promises, on networks with the ill it is for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from calibtui.quantization.activation_ranges import rounded, through_activations
from calibtui.quantization.bias_correction import bias_corrected, corrected_inputs, rounded_weights
from calibtui.quantization.chains import chains
from calibtui.quantization.channels import channel_statistics
from calibtui.quantization.collector import Calibrator
from calibtui.quantization.equalization import chain_tensors, equalizations, equalize
from calibtui.quantization.graph import graph_of
from calibtui.quantization.prepare import prepare_model
from calibtui.quantization.ranges import ranges
from calibtui.quantization.sessions import session_of
from calibtui.quantization.simulation import simulated
from calibtui.quantization.tensors import tensors_to_observe

from .conftest import NetworkBuilder


def uneven(activation: str) -> NetworkBuilder:
    """A stem whose channels differ a hundredfold, its activation, and the depthwise convolution that reads it."""
    net = NetworkBuilder()
    net.conv("image", "stem", (3, 8))
    weights = numpy_helper.to_array(net.weights[0]) * np.geomspace(0.1, 20, 8).reshape(8, 1, 1, 1)
    net.weights[0].CopyFrom(numpy_helper.from_array(weights.astype(np.float32), "stem.weight"))
    if activation == "silu":
        acted = net.silu("stem", "stem.act")
    else:
        acted = net.op(activation, ["stem"], "stem.act")
    net.constant("depth.weight", np.random.default_rng(1).normal(0, 0.3, (8, 1, 3, 3)).astype(np.float32))
    net.constant("depth.bias", np.zeros(8, np.float32))
    net.op("Conv", [acted, "depth.weight", "depth.bias"], "depth", group=8, pads=[1, 1, 1, 1])
    net.conv(net.silu("depth", "depth.act"), "output", (8, 5), kernel=1)
    return net


@pytest.fixture(params=["silu", "Relu", "LeakyRelu"])
def uneven_model(request, tmp_path):
    source = tmp_path / "uneven.onnx"
    onnx.save(uneven(request.param).model(["output", "depth"]), str(source))
    return prepare_model(source, tmp_path / "uneven.prepared.onnx")


def channels_of(prepared, frame, tensors):
    return channel_statistics(prepared.load(), tensors, [{"image": frame(number)} for number in range(4)])


def equalized(prepared, frame, target):
    model = prepared.load()
    chosen = equalizations(model, channels_of(prepared, frame, chain_tensors(model)))
    return equalize(prepared, chosen, target), chosen


def answer(prepared, image):
    return session_of(prepared.path).run(None, {"image": image})[0]


def calibrated(prepared, scheme, frame):
    calibrator = Calibrator(prepared, tensors_to_observe(prepared, scheme))
    for number in range(4):
        calibrator.observe(f"frame{number}", frame(number))
    return calibrator.statistics


def test_equalized_channels_compute_what_the_model_computed(uneven_model, frame, tmp_path):
    made, chosen = equalized(uneven_model, frame, tmp_path / "equalized.onnx")
    assert len(chosen) == 1
    onnx.checker.check_model(str(made.path))
    expected = answer(uneven_model, frame(7))
    assert np.abs(answer(made, frame(7)) - expected).max() < 1e-4 * np.abs(expected).max()


def test_small_channels_lose_less_to_rounding_once_equalized(uneven_model, frame, scheme, tmp_path):
    made, _ = equalized(uneven_model, frame, tmp_path / "equalized.onnx")
    exact = session_of(uneven_model.path).run(["depth"], {"image": frame(8)})[0]
    errors = []
    for prepared in (uneven_model, made):
        bounds = ranges(calibrated(prepared, scheme, frame), "minmax", percentile=100, scheme=scheme)
        found = simulated(prepared.load(), bounds, scheme, ["Conv:stem", "Conv:depth"]).run(
            ["depth"], {"image": frame(8)}
        )[0]
        errors.append((np.abs(found - exact).mean((0, 2, 3)) / np.abs(exact).mean((0, 2, 3)))[:4].mean())
    assert errors[1] < 0.2 * errors[0]


def test_even_channels_are_left_alone(prepared, frame):
    model = prepared.load()
    assert equalizations(model, channels_of(prepared, frame, chain_tensors(model))) == ()


def test_weights_that_two_convolutions_share_are_no_chain(tmp_path):
    net = uneven("Relu")
    net.op("Conv", ["stem.act", "depth.weight", "depth.bias"], "again", group=8, pads=[1, 1, 1, 1])
    model = net.model(["output", "again"])
    assert "stem" not in {chain.before for chain in chains(graph_of(model))}


def test_ranges_behind_a_silu_spend_no_levels_on_what_it_drops(scheme, tmp_path, frame):
    source = tmp_path / "silu.onnx"
    net = uneven("silu")
    onnx.save(net.model(["output"]), str(source))
    prepared = prepare_model(source, tmp_path / "prepared.onnx")
    statistics = calibrated(prepared, scheme, frame)
    before = ranges(statistics, "minmax", percentile=100, scheme=scheme)
    after = through_activations(before, statistics, graph_of(prepared.load()), scheme)
    assert before["stem"][0] < -20
    assert after["stem"][0] >= -12
    assert {name for name in before if after[name] != before[name]} <= {"stem", "depth"}


def test_symmetric_activations_keep_their_ranges(scheme, prepared, frame):
    statistics = calibrated(prepared, scheme, frame)
    symmetric = replace(scheme, activations="int8", symmetric_activations=True)
    before = ranges(statistics, "minmax", percentile=100, scheme=symmetric)
    assert through_activations(before, statistics, graph_of(prepared.load()), symmetric) == before


def test_rounding_keeps_zero_and_clips_at_the_bounds():
    values = np.array([-5.0, 0.0, 0.1, 9.0])
    found = rounded(values, (-1.0, 3.0), 256)
    assert found[1] == 0
    assert found[0] == pytest.approx(-1, abs=0.02) and found[3] == pytest.approx(3, abs=0.02)


def test_a_corrected_bias_takes_back_what_rounding_moved_the_mean_by(prepared, frame, scheme):
    model = prepared.load()
    means = channels_of(prepared, frame, corrected_inputs(model)).means
    made = bias_corrected(model, means, scheme)
    shifts = [mean_shift(each, prepared, "stem", scheme, frame) for each in (model, made)]
    assert np.abs(shifts[1]).mean() < 0.5 * np.abs(shifts[0]).mean()


def mean_shift(model, prepared, result, scheme, frame):
    """(C,): how far `result` is off on average where its convolution's weights are rounded and its bias that of
    `model`."""
    exact = exposing(prepared.load(), result)
    node = next(node for node in model.graph.node if node.output[0] == result)
    weights = next(tensor for tensor in model.graph.initializer if tensor.name == node.input[1])
    values = rounded_weights(numpy_helper.to_array(weights), scheme)
    weights.CopyFrom(numpy_helper.from_array(values, weights.name))
    found = exposing(model, result)
    return np.mean([(found(frame(n)) - exact(frame(n))).mean((0, 2, 3)) for n in range(4)], axis=0)


def exposing(model, tensor):
    model.graph.output.append(helper.make_tensor_value_info(tensor, 1, None))
    session = session_of(model.SerializeToString())
    return lambda image: session.run([tensor], {"image": image})[0]


def test_nodes_in_float_keep_their_biases(prepared, frame, scheme):
    model = prepared.load()
    means = channels_of(prepared, frame, corrected_inputs(model)).means
    everything = [node.name for node in model.graph.node]
    assert bias_corrected(model, means, scheme, float_nodes=everything) == model


def test_simulating_no_node_is_the_float_model_and_all_of_them_close_to_it(prepared, frame, scheme):
    bounds = ranges(calibrated(prepared, scheme, frame), "minmax", percentile=100, scheme=scheme)
    model = prepared.load()
    expected = answer(prepared, frame(5))
    nothing = simulated(model, bounds, scheme, ()).run(None, {"image": frame(5)})[0]
    everything = simulated(model, bounds, scheme, [node.name for node in model.graph.node]).run(
        None, {"image": frame(5)}
    )[0]
    assert np.abs(nothing - expected).max() < 1e-4 * np.abs(expected).max()
    assert 0 < np.abs(everything - expected).mean() < 0.15 * np.abs(expected).mean()
