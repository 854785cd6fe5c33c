"""Models exported in half precision, brought back to float32: ranges, scales and biases are made from that.

Inputs and outputs keep their types, with a Cast behind and before them, so the file is fed and read as it was.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import onnx
from onnx import AttributeProto, TensorProto, helper, numpy_helper

_HALF, _FLOAT = TensorProto.FLOAT16, TensorProto.FLOAT
_TYPE_ATTRIBUTES = {"to", "dtype"}


def is_half(model: onnx.ModelProto) -> bool:
    """Whether any weight is kept in half precision."""
    return any(tensor.data_type == _HALF for graph in _graphs(model.graph) for tensor in _constants(graph))


def widen(model: onnx.ModelProto) -> None:
    """Makes every tensor of `model` that is float16 float32, in place, but for its inputs and outputs."""
    inputs = [info for info in model.graph.input if _is_half_tensor(info)]
    outputs = [info for info in model.graph.output if _is_half_tensor(info)]
    for graph in list(_graphs(model.graph)):
        _widen_graph(graph, graph is model.graph)
    before = [_cast_of_input(model.graph, info.name) for info in inputs]
    after = [_cast_of_output(model.graph, info.name) for info in outputs]
    nodes = [*before, *model.graph.node, *after]
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def _widen_graph(graph: onnx.GraphProto, top: bool) -> None:
    for tensor in _constants(graph):
        if tensor.data_type == _HALF:
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float32), tensor.name))
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == AttributeProto.INT and attribute.name in _TYPE_ATTRIBUTES and attribute.i == _HALF:
                attribute.i = _FLOAT
    for info in [*graph.value_info, *([] if top else [*graph.input, *graph.output])]:
        if _is_half_tensor(info):
            info.type.tensor_type.elem_type = _FLOAT


def _cast_of_input(graph: onnx.GraphProto, name: str) -> onnx.NodeProto:
    _rename(graph, name, f"{name}.float32", inputs=True)
    return helper.make_node("Cast", [name], [f"{name}.float32"], name=f"{name}.widened", to=_FLOAT)


def _cast_of_output(graph: onnx.GraphProto, name: str) -> onnx.NodeProto:
    _rename(graph, name, f"{name}.float32", inputs=True)
    _rename(graph, name, f"{name}.float32", inputs=False)
    return helper.make_node("Cast", [f"{name}.float32"], [name], name=f"{name}.narrowed", to=_HALF)


def _rename(graph: onnx.GraphProto, old: str, new: str, *, inputs: bool) -> None:
    """In what nodes read or make, those of subgraphs among them."""
    for part in _graphs(graph):
        for node in part.node:
            names = node.input if inputs else node.output
            for place, name in enumerate(names):
                if name == old:
                    names[place] = new


def _graphs(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    """The graph and the bodies of its If and Loop nodes, and theirs."""
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == AttributeProto.GRAPH:
                yield from _graphs(attribute.g)
            for body in attribute.graphs:
                yield from _graphs(body)


def _constants(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    """Initializers, and tensors that nodes carry."""
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == AttributeProto.TENSOR:
                yield attribute.t


def _is_half_tensor(info: onnx.ValueInfoProto) -> bool:
    return info.type.tensor_type.elem_type == _HALF
