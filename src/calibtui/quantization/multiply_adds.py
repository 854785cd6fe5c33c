"""What a model's weighted nodes compute: how much of the work is done in integers is counted in these."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from math import prod

import onnx

from calibtui.quantization.graph import Graph, attribute, graph_of


def multiply_adds(model: onnx.ModelProto) -> dict[str, int]:
    """Multiply-adds of one frame by node name: of every Conv, ConvTranspose, Gemm and MatMul whose shapes are known.

    `model` has its shapes inferred or measured, as `prepare_model` leaves it. A batch of unknown size counts as one
    frame; a node with another unknown dimension counts 0.
    """
    graph = graph_of(model)
    counters = {"Conv": _conv, "ConvTranspose": _conv_transpose, "Gemm": _product, "MatMul": _product}
    return {node.name: counters[node.op_type](graph, node) for node in model.graph.node if node.op_type in counters}


def int8_share(counts: Mapping[str, int], in_float: Collection[str]) -> float:
    """The share in [0, 1] of `counts` that the nodes outside `in_float` do; 1 for a model that computes nothing."""
    total = sum(counts.values())
    return 1.0 if not total else 1 - sum(count for name, count in counts.items() if name in in_float) / total


def _conv(graph: Graph, node: onnx.NodeProto) -> int:
    weights, result = _shape(graph, node.input[1]), _shape(graph, node.output[0])
    return prod(result) * prod(weights[1:]) if weights and result else 0


def _conv_transpose(graph: Graph, node: onnx.NodeProto) -> int:
    weights, source = _shape(graph, node.input[1]), _shape(graph, node.input[0])
    return prod(source) * prod(weights[1:]) if weights and source else 0


def _product(graph: Graph, node: onnx.NodeProto) -> int:
    left, result = _shape(graph, node.input[0]), _shape(graph, node.output[0])
    if not left or not result:
        return 0
    inner = left[0] if node.op_type == "Gemm" and attribute(node, "transA", 0) else left[-1]
    return prod(result) * inner


def _shape(graph: Graph, name: str) -> tuple[int, ...] | None:
    """Shape of a constant or a computed tensor; a first dimension of 0, an unknown batch, as 1."""
    if name in graph.initializers:
        return tuple(graph.initializers[name].dims)
    constant = graph.constant(name)
    shape = graph.shapes.get(name) if constant is None else constant.shape
    return (max(1, shape[0]), *shape[1:]) if shape else None
