"""Which tensors onnxruntime's quantizer will ask a range for, and which nodes it must leave alone."""

from __future__ import annotations

from collections.abc import Collection
from fnmatch import fnmatchcase

import onnx

from calibtui.quantization.graph import Graph, expectation_weights, graph_of
from calibtui.quantization.prepare import WEIGHTED, PreparedModel
from calibtui.quantization.qdq import activations_quantized
from calibtui.quantization.schemes import Scheme


def tensors_to_observe(prepared: PreparedModel, scheme: Scheme, float_nodes: Collection[str] = ()) -> tuple[str, ...]:
    """Names of the activations that `quantize` needs ranges for, in graph order: found by asking the quantizer
    itself.
    """
    model = prepared.load()
    order = [info.name for info in model.graph.input] + [name for node in model.graph.node for name in node.output]
    kept = nodes_in_float(graph_of(model), scheme, float_nodes)
    wanted = activations_quantized(model, scheme, tuple(kept))
    return tuple(name for name in order if name in wanted)


def nodes_in_float(graph: Graph, scheme: Scheme, float_nodes: Collection[str] = ()) -> dict[str, str]:
    """Names of the nodes of the scheme's operators that stay in float, each with the reason."""
    kept: dict[str, str] = {}
    for node in graph.model.graph.node:
        if node.op_type not in scheme.op_types:
            continue
        reason = _reason(graph, node, scheme, float_nodes)
        maker = graph.producers.get(node.input[0])
        if not reason and node.op_type not in WEIGHTED and maker is not None and maker.name in kept:
            reason = f"what it follows, {maker.name}, is in float"
        if reason:
            kept[node.name] = reason
    return kept


def _reason(graph: Graph, node: onnx.NodeProto, scheme: Scheme, float_nodes: Collection[str]) -> str:
    if node.name in float_nodes:
        return "left in float to hold the allowed drop"
    for pattern in scheme.float_patterns:
        if fnmatchcase(node.name, pattern):
            return f"float_layers names it ({pattern})"
    if node.op_type not in WEIGHTED:
        return ""
    constants = [graph.constant(tensor) for tensor in node.input[:2]]
    if any(expectation_weights(values) for values in constants):
        return "it takes the expectation of a box edge's distribution: an INT8 step there moves every box"
    weights = constants[1] if node.op_type != "MatMul" else next((c for c in constants if c is not None), None)
    return "" if weights is not None else "its weights are computed, not constant"
