"""A network with one ailment: the diagnosis names it, and its remedy helps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from onnx import numpy_helper

from calibtui.quantization.cpu import CpuFeatures
from calibtui.quantization.presets import preset
from calibtui.quantization.twin import twin_scheme
from calibtui.workspace.settings import QuantizationSettings

AVX2 = CpuFeatures("x86", avx2=True)


def weight(network, name: str) -> np.ndarray:
    """The weights of a layer, to be changed in place and put back with `put`."""
    return next(numpy_helper.to_array(each).copy() for each in network.weights if each.name == f"{name}.weight")


def put(network, name: str, values: np.ndarray) -> None:
    place = next(i for i, each in enumerate(network.weights) if each.name == f"{name}.weight")
    network.weights[place] = numpy_helper.from_array(values, f"{name}.weight")


def first(diagnosis, kind: str):
    return next((each for each in diagnosis.findings if each.kind == kind), None)


def test_boxes_and_scores_under_one_scale_are_named_and_joining_them_in_float_cures_it(
    empty_network, frames, subject, diagnosed
):
    net = empty_network
    body = net.op("Relu", [net.conv("image", "body", (3, 8))], "body.act")
    boxes = net.op("Mul", [net.conv(body, "box", (8, 4)), net.constant("side", np.array(640, np.float32))], "boxes")
    scores = net.op("Sigmoid", [net.conv(body, "class", (8, 3))], "scores")
    net.op("Concat", [boxes, scores], "output", axis=1)
    scheme = replace(twin_scheme(), op_types=(*twin_scheme().op_types, "Concat"))
    found = diagnosed(subject(net.model(["output"]), frames, scheme), frames)
    finding = first(found, "shared scale")
    assert finding is not None
    assert set(finding.tensors) == {"output", "boxes", "scores"}
    assert finding.layers == ("Concat:output",)
    assert 'float_layers = ["Concat:output"]' in finding.remedy
    assert "scores is left with 0." in finding.sentence


def test_parts_of_like_size_may_share_a_scale(network, frames, subject, diagnosed):
    found = diagnosed(subject(network.model(["output"]), frames), frames)
    assert first(found, "shared scale") is None


def test_a_channel_that_towers_over_the_others_is_named(network, frames, subject, diagnosed):
    values = weight(network, "deep")
    values[5] *= 60
    put(network, "deep", values)
    found = diagnosed(subject(network.model(["output"]), frames), frames)
    finding = first(found, "outlier channels")
    assert finding is not None
    assert finding.tensors == ("deep.act",)
    assert finding.layers == ("Conv:res",)
    assert finding.sentence.startswith("Channel 5 of deep.act reaches ")


def test_a_frame_that_stretches_ranges_is_named_and_leaving_it_out_helps(network, frames, subject, diagnosed):
    odd = [*frames[:-1], frames[-1] * 20]
    found = diagnosed(subject(network.model(["output"]), odd), frames[:-1])
    finding = first(found, "frame")
    assert finding is not None
    assert finding.frames == ("frame 7",)
    assert 'exclude = ["frame 7"]' in finding.remedy
    assert finding.after < finding.before / 4


def test_frames_much_like_each_other_stretch_nothing(network, frames, subject, diagnosed):
    found = diagnosed(subject(network.model(["output"]), frames), frames)
    assert first(found, "frame") is None


def test_values_outside_the_range_are_named_with_the_share_that_is_cut(network, frames, subject, diagnosed):
    narrow = [frame / 10 for frame in frames]
    found = diagnosed(subject(network.model(["output"]), narrow), frames)
    finding = first(found, "clipping")
    assert finding is not None
    assert finding.after < finding.before


def test_one_scale_for_weights_that_differ_a_hundredfold_is_named(network, frames, subject, diagnosed):
    values = weight(network, "deep")
    values[::2] /= 300
    put(network, "deep", values)
    scheme = replace(twin_scheme(), per_channel=False)
    found = diagnosed(subject(network.model(["output"]), frames, scheme), frames)
    finding = first(found, "weights")
    assert finding is not None
    assert "Conv:deep" in finding.layers
    assert "per_channel = true" in finding.remedy
    assert finding.after < finding.before


def test_full_range_weights_on_a_cpu_without_vnni_are_named(network, frames, subject, diagnosed):
    settings = QuantizationSettings(reduce_range=False)
    saturating = preset("ort-cpu", settings, AVX2)
    found = diagnosed(subject(network.model(["output"]), frames, saturating), frames, AVX2)
    finding = first(found, "arithmetic")
    assert finding is not None
    assert "reduce_range = true" in finding.remedy
    safe = preset("ort-cpu", QuantizationSettings(), AVX2)
    assert first(diagnosed(subject(network.model(["output"]), frames, safe), frames, AVX2), "arithmetic") is None


@pytest.mark.parametrize("target", ["ort-cpu", "tensorrt"])
def test_the_layer_that_ruins_the_outputs_comes_first_and_leaving_it_in_float_restores_them(
    target, network, frames, subject, diagnosed
):
    values = weight(network, "neck")
    values[:, 0] *= 400
    put(network, "neck", values)
    stem = weight(network, "cap")
    stem[0] /= 400
    put(network, "cap", stem)
    scheme = preset(target, QuantizationSettings(), CpuFeatures("x86", avx2=True, vnni=True))
    found = diagnosed(subject(network.model(["output"]), frames, scheme), frames)
    culprits = found.effects.culprits
    assert culprits is not None
    assert found.effects.layers[0].layer in culprits.layers
    assert found.effects.restored(culprits) > 0.5
    assert found.remedy.startswith("float_layers = [")
