"""Residual sums in integers, as TensorRT's recipe has them (developer guide, "Q/DQ layer-placement recommendations").

TensorRT fuses a convolution with the sum behind it, in the precision of the sum's other input: so the other input, the
residual, is rounded, and the convolution's own result is not, since a pair between the two would part them. Where
activations stand between convolution and sum nothing can be fused, and a sum in integers wants both inputs rounded.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import onnx

from calibtui.quantization.graph import Graph, heads
from calibtui.quantization.pairs import pair
from calibtui.quantization.schemes import Scheme

Range = tuple[float, float]
Edge = tuple[str, int]
"""A node's name and the place of one of its inputs."""

CONVOLUTIONS = ("Conv", "ConvTranspose")
ACTIVATIONS = frozenset(
    ("Relu", "LeakyRelu", "Clip", "Sigmoid", "HardSigmoid", "HardSwish", "Mul", "Elu", "PRelu", "Softplus", "Tanh")
)


def residual_inputs(graph: Graph, scheme: Scheme, float_nodes: Collection[str]) -> dict[Edge, str]:
    """The inputs of residual sums that are rounded, with their tensors: sums of two computed tensors at least one of
    which comes from a convolution in INT8, through nothing but activations. A detector's answers are left alone."""
    answers = heads(graph, CONVOLUTIONS)
    depth = _depths(graph)
    found: dict[Edge, str] = {}
    for node in graph.model.graph.node:
        if node.op_type != "Add" or node.output[0] in answers:
            continue
        if any(graph.constant(name) is not None for name in node.input):
            continue
        makers = [_convolution_behind(graph, name) for name in node.input]
        if not any(made and made.op_type in scheme.op_types and made.name not in float_nodes for made in makers):
            continue
        fused = _fused_input(graph, node, depth, float_nodes)
        found |= {(node.name, place): name for place, name in enumerate(node.input) if place != fused}
    return found


def round_residuals(
    model: onnx.ModelProto, edges: Mapping[Edge, str], bounds: Mapping[str, Range], scheme: Scheme
) -> None:
    """Puts Q/DQ pairs on `edges` of `model`, the pair that is there already where a tensor has one. Nodes come last and
    want sorting."""
    rounded = _pairs_there(model)
    nodes = {node.name: node for node in model.graph.node}
    for (name, place), tensor in edges.items():
        if tensor not in rounded:
            made = pair(tensor, bounds[tensor], scheme)
            model.graph.initializer.extend(made.constants)
            model.graph.node.extend(made.nodes)
            rounded[tensor] = made.output
        nodes[name].input[place] = rounded[tensor]


def _fused_input(graph: Graph, node: onnx.NodeProto, depth: Mapping[str, int], float_nodes: Collection[str]) -> int:
    """The place of the convolution that the sum is fused with, -1 for none: of two the one with more behind it."""
    direct = [
        place
        for place, name in enumerate(node.input)
        if (maker := graph.producers.get(name)) is not None
        and maker.op_type in CONVOLUTIONS
        and maker.name not in float_nodes
        and len(graph.consumers[name]) == 1
    ]
    return max(direct, key=lambda place: (depth[node.input[place]], -place), default=-1)


def _convolution_behind(graph: Graph, name: str) -> onnx.NodeProto | None:
    """The first convolution upstream that only activations part from the tensor `name`."""
    waiting, seen = [name], set()
    while waiting:
        maker = graph.producers.get(waiting.pop())
        if maker is None or maker.name in seen:
            continue
        if maker.op_type in CONVOLUTIONS:
            return maker
        seen.add(maker.name)
        if maker.op_type in ACTIVATIONS:
            waiting.extend(maker.input)
    return None


def _depths(graph: Graph) -> dict[str, int]:
    """By tensor: the most convolutions on a way to it."""
    depth: dict[str, int] = {}
    for node in graph.model.graph.node:
        before = max((depth.get(name, 0) for name in node.input), default=0)
        depth |= dict.fromkeys(node.output, before + (node.op_type in CONVOLUTIONS))
    return depth


def _pairs_there(model: onnx.ModelProto) -> dict[str, str]:
    """By tensor: what a pair makes of it."""
    back = {node.input[0]: node.output[0] for node in model.graph.node if node.op_type == "DequantizeLinear"}
    return {
        node.input[0]: back[node.output[0]]
        for node in model.graph.node
        if node.op_type == "QuantizeLinear" and node.output[0] in back
    }
