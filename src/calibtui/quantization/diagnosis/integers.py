"""What a Q/DQ file rounds, and how: read from the file itself, so that it holds for whatever made it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from calibtui.quantization.graph import Graph, attribute

# onnxruntime's quantizer gives a graph output's name to what leaves the last DequantizeLinear.
_RENAMED = "_QuantizeLinear_Input"
# Taken out of the graph where the integer range of the tensor before them clips just as they would.
_FOLDED = ("Relu", "Clip")


@dataclass(frozen=True, slots=True)
class RoundedTensor:
    """An activation that is rounded to `bottom` … `top` steps of `scale` around `zero_point`.

    `name` is the tensor of the float model that the result stands for; `rounded` what carries the result in the Q/DQ
    graph.
    """

    name: str
    rounded: str
    scale: float
    zero_point: int
    bottom: int
    top: int

    @property
    def low(self) -> float:
        """The smallest value there is."""
        return (self.bottom - self.zero_point) * self.scale

    @property
    def high(self) -> float:
        """The largest value there is."""
        return (self.top - self.zero_point) * self.scale

    def steps(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """The whole numbers that `values` become, before they are cut to `bottom` … `top`."""
        steps: NDArray[np.float32] = np.rint(values * np.float32(1 / self.scale)) + np.float32(self.zero_point)
        return steps

    def rounding(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """What `values` come out as."""
        kept = np.clip(self.steps(values), self.bottom, self.top)
        result: NDArray[np.float32] = (kept - np.float32(self.zero_point)) * np.float32(self.scale)
        return result


def rounded_activations(quantized: onnx.ModelProto, float_graph: Graph) -> dict[str, RoundedTensor]:
    """Every activation that has Q/DQ in `quantized`, by the name of the tensor in the float model, in graph order."""
    constants = {tensor.name: tensor for tensor in quantized.graph.initializer}
    restored = {node.input[0]: node.output[0] for node in quantized.graph.node if node.op_type == "DequantizeLinear"}
    present = {node.name for node in quantized.graph.node}
    found: dict[str, RoundedTensor] = {}
    for node in quantized.graph.node:
        if node.op_type != "QuantizeLinear" or node.input[0] in constants or node.output[0] not in restored:
            continue
        name = _float_name(node.input[0].removesuffix(_RENAMED), float_graph, present)
        if name not in float_graph.floats:
            continue
        scale, zero = (numpy_helper.to_array(constants[each]) for each in node.input[1:3])
        limits = np.iinfo(zero.dtype)
        found[name] = RoundedTensor(
            name, restored[node.output[0]], float(scale.reshape(-1)[0]), int(zero.reshape(-1)[0]),
            int(limits.min), int(limits.max),
        )  # fmt: skip
    return found


def rounded_weights(quantized: onnx.ModelProto) -> dict[str, NDArray[np.float32]]:
    """By node name: the second input of nodes whose second input is a rounded constant, as the node computes with
    it."""
    constants = {tensor.name: tensor for tensor in quantized.graph.initializer}
    restored = {node.output[0]: node for node in quantized.graph.node if node.op_type == "DequantizeLinear"}
    found: dict[str, NDArray[np.float32]] = {}
    for node in quantized.graph.node:
        source = restored.get(node.input[1]) if len(node.input) > 1 else None
        if source is not None and source.input[0] in constants:
            found[node.name] = _restored(source, constants)
    return found


def _restored(node: onnx.NodeProto, constants: Mapping[str, onnx.TensorProto]) -> NDArray[np.float32]:
    steps = numpy_helper.to_array(constants[node.input[0]]).astype(np.float32)
    scale, zero = (numpy_helper.to_array(constants[each]).astype(np.float32) for each in node.input[1:3])
    if scale.size > 1:
        shape = [1] * steps.ndim
        shape[attribute(node, "axis", 1)] = -1
        scale, zero = scale.reshape(shape), zero.reshape(shape)
    return (steps - zero) * scale


def _float_name(name: str, graph: Graph, present: set[str]) -> str:
    """The tensor that the rounded one stands for: what leaves an activation function that rounding took over."""
    readers = graph.consumers.get(name, [])
    if len(readers) == 1 and readers[0].op_type in _FOLDED and readers[0].name not in present:
        return str(readers[0].output[0])
    return name
