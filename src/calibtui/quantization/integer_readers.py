"""Who reads a tensor on integers, so that it must have been rounded by then."""

from __future__ import annotations

from collections.abc import Callable, Collection

import onnx

from calibtui.quantization.graph import Graph
from calibtui.quantization.schemes import Scheme

FUSED = ("AveragePool", "GlobalAveragePool", "LeakyRelu", "MaxPool", "Reshape", "Resize", "Sigmoid", "Transpose")
"""What onnxruntime's CPU kernels compute on integers between two Q/DQ pairs."""

Asked = Callable[[onnx.NodeProto], bool]


def in_integers(scheme: Scheme, in_float: Collection[str]) -> Asked:
    """Whether a node is one that the scheme quantizes; `in_float`: names of those that INT8 leaves out."""
    return lambda node: node.op_type in scheme.op_types and node.name not in in_float


def read_by_integers(graph: Graph, tensor: str, quantized: Asked) -> bool:
    """Whether one that is `quantized` reads the tensor itself: also a Relu, which is folded into what makes it."""
    return any(quantized(reader) for reader in graph.consumers.get(tensor, []))


def kept_on_integers(graph: Graph, tensor: str, quantized: Asked) -> bool:
    """Whether a node without weights reads it and onnxruntime computes that on integers too, because its result is
    rounded again: handed a float, it would have to be computed in float, which takes longer."""
    return any(
        reader.op_type in FUSED and read_by_integers(graph, reader.output[0], quantized)
        for reader in graph.consumers.get(tensor, [])
    )
