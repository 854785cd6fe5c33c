"""A scale a channel for what convolutions in INT8 hand to nodes in float.

A quantized convolution's result has one scale, so a channel a hundred times smaller than the widest one has next to no
levels. Where only float nodes read it, such as those of a SiLU, the integers may mean something else in every channel:
weights and bias are divided by the channel's step, which their own scale a channel takes up exactly, and a
BatchNormalization multiplies by it again and takes its offset off. In onnxruntime that is hardly measurable, while
DequantizeLinear with an axis takes three times as long as all else.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from calibtui.quantization.chains import silu_of
from calibtui.quantization.channels import ChannelStatistics
from calibtui.quantization.equalization import SILU_DEAD
from calibtui.quantization.graph import Graph, bias_of, graph_of, has_own_weights, heads
from calibtui.quantization.integer_readers import in_integers, kept_on_integers, read_by_integers
from calibtui.quantization.prepare import WEIGHTED
from calibtui.quantization.schemes import Scheme

Values = NDArray[np.float64]
ChannelBounds = tuple[Values, Values]
"""Lowest and highest value of every channel, (C,) each; 0 is between them."""
Steps = tuple[NDArray[np.float32], NDArray[np.integer]]
"""A step a channel and the integer that stands for 0, (C,) each."""
_LEVELS = 255


def scaled_by_channel(
    graph: Graph, scheme: Scheme, in_float: Collection[str] = (), unrounded: Collection[str] = ()
) -> dict[str, onnx.NodeProto]:
    """Tensors that may have a scale a channel, each with its convolution: `in_float` are nodes that INT8 leaves out,
    `unrounded` tensors that nothing rounds. Not a detector's answers: the channel of a class that the frames happen
    not to show would be clipped to nothing.

    Empty for a scheme that does not round the results of convolutions, or rounds weights with one scale.
    """
    if not (scheme.quantize_outputs and scheme.per_channel) or scheme.symmetric_activations:
        return {}

    quantized = in_integers(scheme, in_float)
    found = {}
    answers = heads(graph, WEIGHTED)
    for node in graph.model.graph.node:
        result = node.output[0]
        if result in answers or result in unrounded:
            continue
        readers = graph.consumers.get(result, [])
        if node.op_type != "Conv" or not quantized(node) or result in graph.outputs or not readers:
            continue
        if read_by_integers(graph, result, quantized) or kept_on_integers(graph, result, quantized):
            continue
        if has_own_weights(graph, node):
            found[result] = node
    return found


def channel_bounds(
    model: onnx.ModelProto, scheme: Scheme, channels: ChannelStatistics, lowest: Mapping[str, float] | None = None
) -> dict[str, ChannelBounds]:
    """Of the tensors that may have a scale a channel, as far as `channels` knows them. A SiLU makes nothing of what is
    below −8, so no level is spent on that; `lowest`: the same by tensor, where channels were equalized."""
    graph = graph_of(model)
    found = {}
    for name in scaled_by_channel(graph, scheme):
        if name not in channels.bottoms:
            continue
        dead = (lowest or {}).get(name, SILU_DEAD if silu_of(graph, name) is not None else -np.inf)
        bottom = np.minimum(np.maximum(channels.bottoms[name], dead), 0)
        found[name] = (bottom, np.maximum(channels.tops[name], 0))
    return found


def steps_of(bounds: ChannelBounds, scheme: Scheme) -> Steps:
    """Of a tensor, by the type of the scheme's activations."""
    kind = np.int8 if scheme.activations == "int8" else np.uint8
    least = int(np.iinfo(kind).min)
    low, high = bounds
    # A channel that never moves gets a step of the others' size: one of next to nothing would blow its weights up.
    widths = np.maximum(high - low, max(1e-3 * float((high - low).max(initial=0)), 1e-12))
    steps = widths / _LEVELS
    return steps.astype(np.float32), (np.clip(np.rint(-low / steps), 0, _LEVELS) + least).astype(kind)


def divide_by_steps(
    model: onnx.ModelProto,
    bounds: Mapping[str, ChannelBounds],
    scheme: Scheme,
    in_float: Collection[str],
    unrounded: Collection[str] = (),
) -> dict[str, Steps]:
    """Makes the convolutions of `model` behind which a scale a channel stands count in steps, from 0 to 255; returns
    the steps by tensor. `widen_pairs` gives them back once the model has its Q/DQ pairs."""
    graph = graph_of(model)
    found = {}
    for name, node in scaled_by_channel(graph, scheme, in_float, unrounded).items():
        if name in bounds:
            found[name] = steps_of(bounds[name], scheme)
            _divide(model, graph, node, *found[name], int(np.iinfo(found[name][1].dtype).min))
    return found


def counted_range() -> tuple[float, float]:
    """Of a tensor that counts in steps."""
    return 0.0, float(_LEVELS)


def widen_pairs(made: onnx.ModelProto, steps: Mapping[str, Steps]) -> None:
    """Gives the tensors of `made` that count in steps their size back, behind where they are made floats again."""
    integers = {node.output[0]: node.input[0] for node in made.graph.node if node.op_type == "QuantizeLinear"}
    ordered: list[onnx.NodeProto] = []
    for node in made.graph.node:
        ordered.append(node)
        name = integers.get(node.input[0], "") if node.op_type == "DequantizeLinear" else ""
        if name in steps:
            ordered.append(_widening(made, node, name, steps[name]))
    del made.graph.node[:]
    made.graph.node.extend(ordered)


def _widening(made: onnx.ModelProto, back: onnx.NodeProto, name: str, steps: Steps) -> onnx.NodeProto:
    """The node behind `back` whose result takes the place of that one's."""
    sizes, zeros = steps
    offsets = -(zeros.astype(np.float32) - np.iinfo(zeros.dtype).min) * sizes
    constants = {"steps": sizes, "offsets": offsets, "means": np.zeros_like(sizes), "variances": np.ones_like(sizes)}
    made.graph.initializer.extend(numpy_helper.from_array(each, f"{name}.{what}") for what, each in constants.items())
    result, counted = back.output[0], f"{name}.counted"
    back.output[0] = counted
    inputs = [counted, *(f"{name}.{what}" for what in constants)]
    return helper.make_node("BatchNormalization", inputs, [result], name=f"{name}.widened", epsilon=0.0)


def _divide(
    model: onnx.ModelProto,
    graph: Graph,
    conv: onnx.NodeProto,
    steps: NDArray[np.float32],
    zeros: NDArray[np.integer],
    least: int,
) -> None:
    weights = numpy_helper.to_array(graph.initializers[conv.input[1]])
    size = steps.astype(np.float64)
    scaled = weights / size.reshape(-1, *[1] * (weights.ndim - 1))
    graph.initializers[conv.input[1]].CopyFrom(numpy_helper.from_array(scaled.astype(np.float32), conv.input[1]))
    offset = zeros.astype(np.float64) - least
    if name := bias_of(conv):
        offset = offset + numpy_helper.to_array(graph.initializers[name]) / size
        graph.initializers[name].CopyFrom(numpy_helper.from_array(offset.astype(np.float32), name))
        return
    bias = numpy_helper.from_array(offset.astype(np.float32), f"{conv.output[0]}.offset")
    model.graph.initializer.append(bias)
    del conv.input[2:]
    conv.input.append(bias.name)
