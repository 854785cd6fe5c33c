"""What rounding the weights moves every channel by on average, taken off its bias.

Source: Nagel et al., Data-Free Quantization Through Weight Equalization and Bias Correction (2019), with means of
real frames in place of those that batch normalization implies.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from calibtui.quantization.graph import Graph, attribute, bias_of, graph_of, has_own_weights
from calibtui.quantization.schemes import Scheme

Values = NDArray[np.float64]


def corrected_inputs(model: onnx.ModelProto) -> tuple[str, ...]:
    """The activations whose channel means `bias_corrected` wants to know."""
    graph = graph_of(model)
    return tuple(dict.fromkeys(node.input[0] for node in graph.model.graph.node if _correctable(graph, node)))


def bias_corrected(
    model: onnx.ModelProto, means: Mapping[str, Values], scheme: Scheme, float_nodes: Collection[str] = ()
) -> onnx.ModelProto:
    """A copy of `model` with biases that make up for the rounding of their weights under `scheme`.

    `means`: (C,) by tensor. Not for `float_nodes`, whose weights nobody rounds. The result is good for nothing but
    quantization: in float it is off by as much as rounding was.
    """
    made = onnx.ModelProto()
    made.CopyFrom(model)
    graph = graph_of(made)
    for node in made.graph.node:
        if _correctable(graph, node) and node.input[0] in means and node.name not in float_nodes:
            _correct(graph, node, means[node.input[0]], scheme)
    return made


def rounded_weights(weights: NDArray[np.float32], scheme: Scheme) -> NDArray[np.float32]:
    """(O, I, ...) as symmetric integers stand for them: one scale an output channel, or one for all."""
    levels = scheme.weight_steps
    axes = tuple(range(1, weights.ndim)) if scheme.per_channel else tuple(range(weights.ndim))
    largest = np.abs(weights).max(axis=axes, keepdims=True)
    scale = np.where(largest > 0, largest / levels, 1)
    return (np.clip(np.rint(weights / scale), -levels, levels) * scale).astype(np.float32)


def _correctable(graph: Graph, node: onnx.NodeProto) -> bool:
    return node.op_type == "Conv" and bool(bias_of(node)) and has_own_weights(graph, node)


def _correct(graph: Graph, node: onnx.NodeProto, means: Values, scheme: Scheme) -> None:
    weights, bias = (numpy_helper.to_array(graph.initializers[name]) for name in node.input[1:3])
    off = (rounded_weights(weights, scheme) - weights).reshape(*weights.shape[:2], -1).sum(axis=2)
    outputs, inputs = off.shape
    first = np.arange(outputs) // (outputs // attribute(node, "group", 1)) * inputs
    shift = (off * means[first[:, None] + np.arange(inputs)]).sum(axis=1)
    corrected = numpy_helper.from_array((bias - shift).astype(np.float32), node.input[2])
    graph.initializers[node.input[2]].CopyFrom(corrected)
