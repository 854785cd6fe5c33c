"""A scale a channel behind convolutions: what it gains, where it stands, and that file and simulation agree."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import numpy_helper

from calibtui.detector.session import open_session
from calibtui.quantization.channel_scales import channel_bounds, scaled_by_channel, steps_of
from calibtui.quantization.channels import channel_statistics
from calibtui.quantization.collector import Calibrator
from calibtui.quantization.graph import graph_of
from calibtui.quantization.prepare import prepare_model
from calibtui.quantization.provenance import Provenance
from calibtui.quantization.quantize import quantize
from calibtui.quantization.ranges import ranges
from calibtui.quantization.sessions import session_of
from calibtui.quantization.simulation import simulated
from calibtui.quantization.tensors import tensors_to_observe

from .conftest import NetworkBuilder


@pytest.fixture
def uneven(empty_network: NetworkBuilder, tmp_path):
    """A convolution whose channels differ a hundredfold, its SiLU, and a head that weighs all channels alike."""
    net = empty_network
    net.conv("image", "stem", (3, 8))
    sizes = np.geomspace(0.1, 20, 8)
    weights = numpy_helper.to_array(net.weights[0]) * sizes.reshape(8, 1, 1, 1)
    net.weights[0].CopyFrom(numpy_helper.from_array(weights.astype(np.float32), "stem.weight"))
    net.conv(net.silu("stem", "stem.act"), "output", (8, 5), kernel=1)
    source = tmp_path / "hidden.onnx"
    onnx.save(net.model(["output"]), str(source))
    return prepare_model(source, tmp_path / "prepared.onnx")


def bounds_of(prepared, scheme, frame):
    """Ranges by tensor, and bounds by channel of those that may have them."""
    calibrator = Calibrator(prepared, tensors_to_observe(prepared, scheme))
    for number in range(4):
        calibrator.observe(f"frame{number}", frame(number))
    found = ranges(calibrator.statistics, "minmax", percentile=100, scheme=scheme)
    model = prepared.load()
    tensors = list(scaled_by_channel(graph_of(model), scheme))
    channels = channel_statistics(model, tensors, [{"image": frame(number)} for number in range(4)])
    return found, channel_bounds(model, scheme, channels)


def written(prepared, scheme, frame, target, *, by_channel=True, float_nodes=()):
    found, channels = bounds_of(prepared, scheme, frame)
    return quantize(
        prepared, found, scheme, target, provenance=Provenance("set", "minmax", 4), float_nodes=float_nodes,
        by_channel=channels if by_channel else None,
    )  # fmt: skip


def test_small_channels_keep_their_levels(uneven, scheme, frame):
    found, channels = bounds_of(uneven, scheme, frame)
    model = uneven.load()
    model.graph.output.append(onnx.helper.make_tensor_value_info("stem.act", 1, None))
    exact = session_of(model.SerializeToString()).run(["stem.act"], {"image": frame(2)})[0]
    lost = []
    for by_channel in (None, channels):
        session = simulated(model, found, scheme, ["Conv:stem"], by_channel=by_channel)
        apart = np.abs(session.run(["stem.act"], {"image": frame(2)})[0] - exact)
        lost.append((apart.mean((0, 2, 3)) / np.abs(exact).mean((0, 2, 3)))[:4].mean())
    assert lost[1] < 0.2 * lost[0]


@pytest.mark.parametrize("which", ["uneven", "prepared"])
def test_the_file_computes_what_the_simulation_does(request, which, scheme, frame, tmp_path):
    model = request.getfixturevalue(which)
    found, channels = bounds_of(model, scheme, frame)
    path = written(model, scheme, frame, tmp_path / "int8.onnx").path
    nodes = [node.name for node in model.load().graph.node]
    expected = simulated(model.load(), found, scheme, nodes, by_channel=channels).run(None, {"image": frame(1)})[0]
    # Only the file rounds the model's own output: by a fourth of a step on average.
    last = "output" if "output" in found else "head"
    step = (found[last][1] - found[last][0]) / 255
    for simulate in (True, False):
        answer = open_session(path, simulate=simulate).run(None, {"image": frame(1)})[0]
        assert np.abs(answer - expected).mean() < 0.3 * step


def test_the_convolution_is_still_computed_on_integers(uneven, scheme, frame, tmp_path):
    path = written(uneven, scheme, frame, tmp_path / "int8.onnx").path
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.optimized_model_filepath = str(tmp_path / "run.onnx")
    ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    kinds = [node.op_type for node in onnx.load(str(tmp_path / "run.onnx")).graph.node]
    assert kinds.count("QLinearConv") == 2 and "Conv" not in kinds


def test_a_convolution_without_bias_gets_one(empty_network, scheme, frame, tmp_path):
    empty_network.conv("image", "stem", (3, 8))
    del empty_network.nodes[0].input[2]
    del empty_network.weights[1]
    empty_network.conv(empty_network.silu("stem", "stem.act"), "output", (8, 5), kernel=1)
    onnx.save(empty_network.model(["output"]), str(tmp_path / "float.onnx"))
    prepared = prepare_model(tmp_path / "float.onnx", tmp_path / "prepared.onnx")
    answer = open_session(written(prepared, scheme, frame, tmp_path / "int8.onnx").path).run(None, {"image": frame(1)})
    exact = session_of(prepared.path).run(None, {"image": frame(1)})[0]
    assert np.abs(answer[0] - exact).mean() < 0.05 * np.abs(exact).mean()


def test_only_what_float_nodes_alone_read_has_a_scale_a_channel(prepared, scheme):
    graph = graph_of(prepared.load())
    readers = {node.op_type for name in scaled_by_channel(graph, scheme) for node in graph.consumers[name]}
    # Relu and Clip are folded into their convolution, and what stands before them is never rounded.
    assert readers and not readers & {"Conv", "Relu", "Clip"}


def test_answers_keep_one_range_because_a_class_that_no_frame_shows_has_none(prepared, scheme):
    graph = graph_of(prepared.load())
    assert [node.op_type for node in graph.consumers["head"]] == ["Reshape"]
    assert "head" not in scaled_by_channel(graph, scheme) and "stem" in scaled_by_channel(graph, scheme)


def test_what_the_engine_computes_on_integers_stays_there(empty_network, scheme):
    empty_network.op("LeakyRelu", [empty_network.conv("image", "stem", (3, 8))], "stem.act", alpha=0.1)
    empty_network.conv("stem.act", "output", (8, 5), kernel=1)
    graph = graph_of(empty_network.model(["output"]))
    assert scaled_by_channel(graph, scheme) == {}
    assert list(scaled_by_channel(graph, scheme, ["Conv:output"])) == ["stem"]


@pytest.mark.parametrize(
    "changes",
    [{"quantize_outputs": False}, {"per_channel": False}, {"activations": "int8", "symmetric_activations": True}],
)
def test_schemes_that_have_no_use_for_it_get_none(prepared, scheme, changes):
    assert scaled_by_channel(graph_of(prepared.load()), replace(scheme, **changes)) == {}


def test_layers_in_float_are_left_as_they_are(uneven, scheme, frame, tmp_path):
    made = written(uneven, scheme, frame, tmp_path / "int8.onnx", float_nodes=["Conv:stem"])
    before, after = (
        graph_of(model).initializers["stem.weight"] for model in (uneven.load(), onnx.load(str(made.path)))
    )
    assert np.array_equal(numpy_helper.to_array(before), numpy_helper.to_array(after))


def test_zero_is_a_step_of_every_channel_and_a_dead_channel_breaks_nothing(scheme):
    low, high = np.array([-1.0, 0.0, 0.0]), np.array([3.0, 0.0, 255.0])
    steps, zeros = steps_of((low, high), scheme)
    assert steps[0] == pytest.approx(4 / 255) and zeros[0] == 64
    assert steps[1] > 0 and zeros[1] == 0 and steps[2] == 1


def test_bounds_reach_beyond_the_frames_and_spend_nothing_on_what_a_silu_drops(uneven, scheme, frame):
    channels = channel_statistics(uneven.load(), ["stem"], [{"image": frame(number)} for number in range(4)])
    low, high = channel_bounds(uneven.load(), scheme, channels)["stem"]
    assert (low >= -8).all() and (low < 0).all()
    assert (high > channels.highs["stem"]).all()


def test_the_record_says_which_tensors_have_a_scale_a_channel(uneven, scheme, frame, tmp_path):
    record = json.loads(written(uneven, scheme, frame, tmp_path / "int8.onnx").record.read_text())
    assert list(record["channel_ranges"]) == ["stem"] and len(record["channel_ranges"]["stem"][0]) == 8
    assert all(np.ndim(each) == 1 for each in record["ranges"].values())
