"""Reading an ONNX graph: who makes a tensor, who reads it, what is constant, what its shape is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from calibtui.quantization.measured_shapes import is_closed, measured_shapes


@dataclass(frozen=True)
class Graph:
    """Look-ups over a model's top-level graph. `shapes`: as the file says them, or as they were measured at the
    detector's own input size; None for a tensor with an unknown dimension."""

    model: onnx.ModelProto
    producers: dict[str, onnx.NodeProto]
    consumers: dict[str, list[onnx.NodeProto]]
    initializers: dict[str, onnx.TensorProto]
    shapes: dict[str, tuple[int, ...] | None]
    floats: frozenset[str]
    outputs: frozenset[str]

    def constant(self, name: str) -> NDArray[Any] | None:
        """The values of a constant tensor, None where it is computed from the input."""
        if name in self.initializers:
            return numpy_helper.to_array(self.initializers[name])
        node = self.producers.get(name)
        if node is not None and node.op_type == "Constant":
            value = attribute(node, "value")
            return None if value is None else numpy_helper.to_array(value)
        return None

    def scalar(self, name: str) -> float | None:
        """The value of a constant with one element."""
        values = self.constant(name) if name else None
        return None if values is None or values.size != 1 else float(values.reshape(-1)[0])


def graph_of(model: onnx.ModelProto) -> Graph:
    """Look-ups over `model`, whose shapes have been inferred."""
    consumers: dict[str, list[onnx.NodeProto]] = defaultdict(list)
    for node in model.graph.node:
        for name in node.input:
            consumers[name].append(node)
    known = [*model.graph.input, *model.graph.value_info, *model.graph.output]
    return Graph(
        model,
        {name: node for node in model.graph.node for name in node.output},
        dict(consumers),
        {tensor.name: tensor for tensor in model.graph.initializer},
        {**{info.name: static_shape(info) for info in known}, **measured_shapes(model)},
        frozenset(info.name for info in known if info.type.tensor_type.elem_type == onnx.TensorProto.FLOAT),
        frozenset(info.name for info in model.graph.output),
    )


def heads(graph: Graph, weighted: Collection[str]) -> frozenset[str]:
    """Tensors from which no node of the types `weighted` is reached: a detector's answers, and what only rearranges
    them.
    """
    feeding: set[str] = set()
    for node in reversed(graph.model.graph.node):
        if node.op_type in weighted or feeding.intersection(node.output):
            feeding.update(node.input)
    return frozenset(name for node in graph.model.graph.node for name in node.output if name not in feeding)


def bias_of(node: onnx.NodeProto) -> str:
    """The name of a convolution's bias, "" where it has none."""
    return str(node.input[2]) if len(node.input) > 2 else ""


def has_own_weights(graph: Graph, node: onnx.NodeProto) -> bool:
    """Whether weights and bias are constants of this node alone: what two nodes share can't be changed for one."""
    names = [name for name in node.input[1:] if name]
    return all(name in graph.initializers and len(graph.consumers[name]) == 1 for name in names)


def static_shape(info: onnx.ValueInfoProto) -> tuple[int, ...] | None:
    """The tensor's shape, None where a dimension is unknown or symbolic."""
    return tuple(side.dim_value for side in info.type.tensor_type.shape.dim) if is_closed(info) else None


def attribute(node: onnx.NodeProto, name: str, default: Any = None) -> Any:
    """An attribute's value; `default` where the node has none of that name."""
    for candidate in node.attribute:
        if candidate.name == name:
            return onnx.helper.get_attribute_value(candidate)
    return default


def text_attribute(node: onnx.NodeProto, name: str, default: str) -> str:
    value = attribute(node, name, default)
    return value.decode() if isinstance(value, bytes) else str(value)


DRIFT = 0.05


def expectation_weights(weights: NDArray[Any] | None) -> bool:
    """Whether constant weights are 0, 1, … n − 1, but for what training or half precision moved them: the expectation
    of a distribution over n box distances (DFL), whose result is a box edge.
    """
    if weights is None or weights.size < 4 or weights.dtype != np.float32:
        return False
    return np.allclose(weights.reshape(-1), np.arange(weights.size), rtol=0, atol=DRIFT)
