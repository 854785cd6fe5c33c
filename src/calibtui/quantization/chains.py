"""Chains of a convolution, its activation function and the convolutions that alone read the result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import onnx

from calibtui.quantization.graph import Graph, attribute, has_own_weights

Activation = Literal["none", "relu", "leaky", "silu"]
_HOMOGENEOUS: dict[str, Activation] = {"Relu": "relu", "LeakyRelu": "leaky"}


@dataclass(frozen=True, slots=True)
class Chain:
    """`conv` makes `before` (1, C, H, W), `activation` makes `after` of it, and only `readers` read that.

    `gate` is the Sigmoid node of a SiLU, "" for other functions. All weights are constants.
    """

    conv: str
    before: str
    after: str
    activation: Activation
    gate: str
    readers: tuple[str, ...]


def chains(graph: Graph) -> tuple[Chain, ...]:
    """All of a model, in graph order."""
    found = (_chain(graph, node) for node in graph.model.graph.node if node.op_type == "Conv")
    return tuple(chain for chain in found if chain is not None)


def depthwise(graph: Graph, node: onnx.NodeProto) -> bool:
    """Whether every channel of the convolution has weights of its own alone."""
    dims = graph.initializers[node.input[1]].dims
    return bool(dims[1] == 1 and attribute(node, "group", 1) == dims[0])


def silu_of(graph: Graph, tensor: str) -> tuple[onnx.NodeProto, str] | None:
    """The Sigmoid node and the result, where x · sigmoid(x) is all that becomes of `tensor`."""
    if tensor in graph.outputs:
        return None
    readers: Sequence[onnx.NodeProto] = graph.consumers.get(tensor, [])
    if sorted(node.op_type for node in readers) != ["Mul", "Sigmoid"]:
        return None
    product, gate = sorted(readers, key=lambda node: node.op_type)
    alone = len(graph.consumers.get(gate.output[0], [])) == 1 and gate.output[0] not in graph.outputs
    return (gate, product.output[0]) if alone and gate.output[0] in product.input else None


def _chain(graph: Graph, conv: onnx.NodeProto) -> Chain | None:
    before = conv.output[0]
    if before in graph.outputs or not has_own_weights(graph, conv):
        return None
    after, gate = before, ""
    activation: Activation = "none"
    readers = graph.consumers.get(before, [])
    silu = silu_of(graph, before)
    if silu is not None:
        after, activation, gate = silu[1], "silu", silu[0].name
    elif len(readers) == 1 and readers[0].op_type in _HOMOGENEOUS:
        after, activation = readers[0].output[0], _HOMOGENEOUS[readers[0].op_type]
    ends = graph.consumers.get(after, [])
    if after in graph.outputs or not ends or not all(_reads(graph, node, after) for node in ends):
        return None
    return Chain(conv.name, before, after, activation, gate, tuple(node.name for node in ends))


def _reads(graph: Graph, node: onnx.NodeProto, tensor: str) -> bool:
    return node.op_type == "Conv" and node.input[0] == tensor and has_own_weights(graph, node)
