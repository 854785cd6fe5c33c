"""The parts of a detector, found in its graph: stem, stages of the backbone, neck, branches of the heads, attention,
squeeze-and-excitation. Names of nodes say nothing reliable; strides and what reaches what do.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import onnx

from calibtui.quantization.graph import Graph, graph_of
from calibtui.quantization.prepare import WEIGHTED

_UPSAMPLING = ("Resize", "Upsample", "ConvTranspose")


@dataclass(frozen=True, slots=True)
class Group:
    """`name` for people, such as "backbone, stride 8"; `nodes`: weighted nodes in graph order."""

    name: str
    nodes: tuple[str, ...]


def groups(model: onnx.ModelProto) -> tuple[Group, ...]:
    """Every weighted node of `model`, shapes inferred, in exactly one group; groups in the order of their first
    node."""
    graph = graph_of(model)
    members: dict[str, list[str]] = {}
    for node, name in _named(graph):
        members.setdefault(name, []).append(node.name)
    return tuple(Group(name, tuple(nodes)) for name, nodes in members.items())


def _named(graph: Graph) -> Iterator[tuple[onnx.NodeProto, str]]:
    weighted = [node for node in graph.model.graph.node if node.op_type in WEIGHTED]
    reached = _last_nodes_reached(graph)
    behind_upsampling = _behind(graph, _UPSAMPLING)
    fed = _behind(graph, WEIGHTED)
    strides = {node.name: _stride(graph, node) for node in weighted}
    last = {name for names in reached.values() for name in names}
    order = [node.name for node in weighted if node.name in last]
    for node in weighted:
        where = f", stride {strides[node.name]}" if strides[node.name] else ""
        own = reached.get(node.name, frozenset({node.name}))
        one_scale = len({strides.get(name) for name in own}) == 1
        if _attends(graph, node):
            yield node, f"attention{where}"
        elif _squeezes(graph, node):
            yield node, "squeeze and excitation"
        elif node.name not in fed and node.name not in last:
            yield node, "stem"
        elif node.name in last or (one_scale and own < last):
            yield node, f"head{where}, branch {_number(own, order)}"
        else:
            yield node, f"{'neck' if node.name in behind_upsampling else 'backbone'}{where}"


def _last_nodes_reached(graph: Graph) -> dict[str, frozenset[str]]:
    """By weighted node, the weighted nodes nearest to the outputs that it reaches; itself where it is one."""
    by_tensor: dict[str, frozenset[str]] = {}
    found: dict[str, frozenset[str]] = {}
    for node in reversed(graph.model.graph.node):
        own: frozenset[str] = frozenset().union(*(by_tensor.get(name, frozenset()) for name in node.output))
        if node.op_type in WEIGHTED:
            own = own or frozenset({node.name})
            found[node.name] = own
        for name in node.input:
            by_tensor[name] = by_tensor.get(name, frozenset()) | own
    return found


def _behind(graph: Graph, kinds: tuple[str, ...]) -> set[str]:
    """Names of nodes that something of those operators comes before."""
    tensors: set[str] = set()
    names: set[str] = set()
    for node in graph.model.graph.node:
        after = any(name in tensors for name in node.input)
        if after:
            names.add(node.name)
        if after or node.op_type in kinds:
            tensors.update(node.output)
    return names


def _stride(graph: Graph, node: onnx.NodeProto) -> int:
    """Input pixels a step of the node's result; 0 where that can't be said."""
    image = next(
        (shape for info in graph.model.graph.input if len(shape := graph.shapes.get(info.name) or ()) == 4), ()
    )
    result = graph.shapes.get(node.output[0]) or ()
    if len(image) != 4 or len(result) != 4 or not image[2] or not result[2]:
        return 0
    return max(1, round(image[2] / result[2]))


def _attends(graph: Graph, node: onnx.NodeProto) -> bool:
    return node.op_type == "MatMul" and all(graph.constant(name) is None for name in node.input)


def _squeezes(graph: Graph, node: onnx.NodeProto) -> bool:
    shape = graph.shapes.get(node.output[0]) or ()
    return node.op_type == "Conv" and len(shape) == 4 and shape[2:] == (1, 1)


def _number(own: frozenset[str], order: list[str]) -> str:
    """Branches by which of the last nodes they lead to, counted in the order of the graph."""
    return "+".join(str(1 + place) for place, name in enumerate(order) if name in own)
