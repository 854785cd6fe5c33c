"""Weights rounded for the result: what INT8 makes of them, how much less the result is off, and what stays alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from calibtui.quantization.bias_correction import bias_corrected, corrected_inputs, rounded_weights
from calibtui.quantization.channels import channel_statistics
from calibtui.quantization.qdq import qdq_model
from calibtui.quantization.sessions import session_of
from calibtui.quantization.weight_rounding import roundings, second_moments, well_rounded

from .conftest import SIDE, NetworkBuilder

FRAMES = 6


def smooth(number):
    """A picture (1, 3, 32, 32) whose neighbouring pixels and whose channels go together, around 0.5."""
    random = np.random.default_rng(number)
    blurred = random.normal(0, 3, (1, 1, SIDE, SIDE))
    for axis in (2, 3):
        blurred = sum(np.roll(blurred, shift, axis) for shift in range(5)) / 5
    return (0.5 + blurred + random.normal(0, 0.05, (1, 3, SIDE, SIDE))).astype(np.float32)


@pytest.fixture
def model():
    """A stem with strides, a grouped and a depthwise convolution with dilation, one without a bias, a head."""
    net = NetworkBuilder()
    net.conv("image", "stem", (3, 16), stride=2)
    net.op("Relu", ["stem"], "stem.act")
    net.conv("stem.act", "grouped", (8, 12))
    net.nodes[-1].attribute.append(helper.make_attribute("group", 2))
    net.conv("grouped", "depth", (1, 12), kernel=5)
    net.nodes[-1].attribute.extend([helper.make_attribute("group", 12), helper.make_attribute("dilations", [2, 1])])
    net.conv("depth", "bare", (12, 8), kernel=1)
    del net.nodes[-1].input[2]
    net.conv("bare", "output", (8, 5), kernel=1)
    return net.model(["output"])


def feeds(first=0):
    return [{"image": smooth(first + number)} for number in range(FRAMES)]


def names(model):
    return [node.name for node in model.graph.node if node.op_type == "Conv"]


def chosen_for(model, scheme, nodes=None):
    moments = second_moments(model, nodes or names(model), feeds())
    return roundings(model, moments, scheme)


def well(model, scheme, nodes=None, **options):
    means = channel_statistics(model, corrected_inputs(model), feeds()).means
    return well_rounded(model, chosen_for(model, scheme, nodes), means, scheme, **options)


def tensors(model):
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}


def weights_of(model):
    return {name: values for name, values in tensors(model).items() if name.endswith(".weight")}


def only(before, after, result):
    """`before` with the weights and bias of one convolution from `after`."""
    made = onnx.ModelProto()
    made.CopyFrom(before)
    given = tensors(after)
    for tensor in made.graph.initializer:
        if tensor.name.startswith(f"{result}."):
            tensor.CopyFrom(numpy_helper.from_array(given[tensor.name], tensor.name))
    return made


def integers_in_int8(model, scheme):
    """By weight tensor, what onnxruntime's quantizer stores."""
    copied = onnx.ModelProto()
    copied.CopyFrom(model)
    ranges = dict.fromkeys(activations(copied), (-4.0, 4.0))
    made = qdq_model(copied, ranges, scheme, ())
    return {
        name.removesuffix("_quantized"): v for name, v in tensors(made).items() if name.endswith("weight_quantized")
    }


def activations(model):
    return ["image", *(name for node in model.graph.node for name in node.output)]


def test_the_moments_are_those_of_what_the_weights_meet(model):
    """A convolution's mean and variance follow from them exactly, whatever its strides, groups and dilations."""
    found = second_moments(model, names(model), feeds())
    made = exposing(model, [node.output[0] for node in model.graph.node])
    session = session_of(made.SerializeToString())
    results = [output.name for output in session.get_outputs()]
    runs = [dict(zip(results, session.run(results, each), strict=True)) for each in feeds()]
    constants = tensors(model)
    for node in (node for node in model.graph.node if node.op_type == "Conv"):
        moments, groups = found[node.name], len(found[node.name].means)
        weights = constants[node.input[1]].reshape(groups, -1, moments.means.shape[1]).astype(np.float64)
        bias = constants[node.input[2]] if len(node.input) > 2 else 0
        values = np.concatenate(
            [run[node.output[0]][0].reshape(len(weights) * weights.shape[1], -1) for run in runs], 1
        )
        mean = np.einsum("gok,gk->go", weights, moments.means).reshape(-1) + bias
        variance = np.einsum("gok,gkl,gol->go", weights, moments.covariances, weights).reshape(-1)
        np.testing.assert_allclose(mean, values.mean(axis=1), atol=1e-4)
        np.testing.assert_allclose(variance, values.var(axis=1), rtol=1e-3)


def exposing(model, wanted):
    made = onnx.ModelProto()
    made.CopyFrom(model)
    have = {info.name for info in made.graph.output}
    made.graph.output.extend(onnx.ValueInfoProto(name=name) for name in wanted if name not in have)
    return onnx.shape_inference.infer_shapes(made)


def test_a_large_frame_counts_by_an_even_draw_of_its_pixels(monkeypatch, model):
    whole = second_moments(model, names(model)[:1], feeds())
    monkeypatch.setattr("calibtui.quantization.weight_rounding.PIXELS", 100)
    drawn = second_moments(model, names(model)[:1], feeds())
    (all_of, some_of) = (next(iter(each.values())).covariances for each in (whole, drawn))
    assert not np.array_equal(all_of, some_of)
    assert np.abs(some_of - all_of).max() < 0.3 * np.abs(all_of).max()


@pytest.mark.parametrize("per_channel", [True, False])
def test_rounding_the_weights_again_changes_nothing(model, scheme, per_channel):
    scheme = replace(scheme, per_channel=per_channel)
    for name, values in weights_of(well(model, scheme)).items():
        again = rounded_weights(values, scheme)
        np.testing.assert_allclose(again, values, rtol=1e-5, err_msg=name)


def steps_in(values, levels, per_channel=True):
    axes = tuple(range(1, values.ndim)) if per_channel else None
    return values / (np.abs(values).max(axis=axes, keepdims=True) / levels)


@pytest.mark.parametrize(("reduced", "levels"), [(False, 127), (True, 64)])
@pytest.mark.parametrize("factor", [1.0, 0.0137, 77.7])
def test_the_quantizer_stores_exactly_the_integers_chosen(model, scheme, reduced, levels, factor):
    """Also where channels were multiplied by a factor before it."""
    scheme = replace(scheme, reduce_range=reduced)
    made = well(model, scheme)
    chosen = {name: steps_in(values.astype(np.float64), levels) for name, values in weights_of(made).items()}
    for tensor in made.graph.initializer:
        if tensor.name.endswith(".weight"):
            values = numpy_helper.to_array(tensor) * np.float32(factor)
            tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    stored = integers_in_int8(made, scheme)
    assert stored.keys() == chosen.keys()
    for name, counts in chosen.items():
        assert np.abs(counts - np.rint(counts)).max() < 1e-3, name
        assert np.array_equal(stored[name], np.rint(counts)), name


def error_of(model, made, result):
    """Variance of a convolution's error a channel, on frames that were not looked at."""
    plain, changed = (session_of(exposing(each, [result]).SerializeToString()) for each in (model, made))
    off = [changed.run([result], each)[0] - plain.run([result], each)[0] for each in feeds(first=100)]
    return np.mean(np.square(off))


def with_nearest(model, scheme):
    means = channel_statistics(model, corrected_inputs(model), feeds()).means
    made = bias_corrected(model, means, scheme)
    for tensor in made.graph.initializer:
        if tensor.name.endswith(".weight"):
            values = rounded_weights(numpy_helper.to_array(tensor), scheme)
            tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    return made


@pytest.mark.parametrize(("result", "most"), [("stem", 0.5), ("depth", 0.8), ("bare", 1.0), ("output", 1.0)])
def test_results_are_off_by_less_on_other_frames(model, scheme, result, most):
    """Most where inputs go together, such as the pixels of a picture."""
    nearest = error_of(model, only(model, with_nearest(model, scheme), result), result)
    assert error_of(model, only(model, well(model, scheme), result), result) < most * nearest


def test_no_channel_is_worse_than_to_nearest_by_the_moments(model, scheme):
    moments = second_moments(model, names(model), feeds())
    found = roundings(model, moments, scheme)
    constants = tensors(model)
    for node in (node for node in model.graph.node if node.op_type == "Conv"):
        measure = moments[node.name].covariances if len(node.input) > 2 else moments[node.name].seconds
        weights = constants[node.input[1]]
        errors = []
        for made in (found[node.name].weights, rounded_weights(weights, scheme)):
            off = (made - weights).astype(np.float64).reshape(len(measure), -1, measure.shape[1])
            errors.append(np.einsum("gok,gkl,gol->go", off, measure, off))
        assert (errors[0] <= errors[1] * (1 + 1e-4)).all(), node.name


def test_the_bias_takes_off_what_rounding_moves_the_mean_by(model, scheme):
    made = only(model, well(model, scheme), "stem")
    unbiased = only(model, made, "none")
    for tensor in unbiased.graph.initializer:
        if tensor.name == "stem.weight":
            tensor.CopyFrom(numpy_helper.from_array(tensors(made)["stem.weight"], tensor.name))
    shifts = [np.abs(mean_of(each) - mean_of(model)).max() for each in (made, unbiased)]
    assert shifts[0] < 1e-5 < shifts[1]


def mean_of(model):
    session = session_of(exposing(model, ["stem"]).SerializeToString())
    return np.mean([session.run(["stem"], each)[0].mean(axis=(0, 2, 3)) for each in feeds()], axis=0)


def test_nodes_in_float_keep_weights_and_biases(model, scheme):
    kept = tensors(well(model, scheme, float_nodes=names(model)))
    assert all(np.array_equal(values, kept[name]) for name, values in tensors(model).items())


def test_convolutions_out_of_reach_have_their_biases_corrected(monkeypatch, model, scheme):
    monkeypatch.setattr("calibtui.quantization.weight_rounding.WIDEST", 30)
    assert "Conv:grouped" not in chosen_for(model, scheme)
    made = tensors(well(model, scheme))
    means = channel_statistics(model, corrected_inputs(model), feeds()).means
    expected = tensors(bias_corrected(model, means, scheme))
    assert np.array_equal(made["grouped.weight"], tensors(model)["grouped.weight"])
    assert np.array_equal(made["grouped.bias"], expected["grouped.bias"])
    assert not np.array_equal(made["grouped.bias"], tensors(model)["grouped.bias"])


def test_weights_that_two_convolutions_share_are_left_alone(scheme):
    net = NetworkBuilder()
    net.conv("image", "first", (3, 3))
    net.op("Conv", ["first", "first.weight"], "output", pads=[1, 1, 1, 1])
    shared = net.model(["output"])
    assert second_moments(shared, names(shared), feeds()) == {}


def test_channels_without_weights_or_without_inputs_pass(scheme):
    """All zeros, and a picture that never changes."""
    net = NetworkBuilder()
    net.conv("image", "output", (3, 4))
    values = numpy_helper.to_array(net.weights[0]).copy()
    values[1] = 0
    net.weights[0].CopyFrom(numpy_helper.from_array(values, "output.weight"))
    model = net.model(["output"])
    black = [{"image": np.zeros((1, 3, SIDE, SIDE), np.float32)}]
    found = roundings(model, second_moments(model, names(model), black), scheme)["Conv:output"]
    np.testing.assert_allclose(found.weights, rounded_weights(values, scheme), atol=1e-6)
    assert np.isfinite(found.shifts).all()
