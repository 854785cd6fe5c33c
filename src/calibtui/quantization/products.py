"""Convolutions in INT8 whose results aren't rounded, because they are written as products of matrices.

onnxruntime's CPU kernel for a convolution on integers rounds what it gives to 8 bits, also where only float nodes read
it: a SiLU's, a sum's, a detector's answers. Its product of integer matrices (MatMulIntegerToFloat) gives floats and
takes as long, and a convolution with a 1×1 kernel is such a product. With a larger kernel it is one over the input's
shifted copies, which cost as much as they are: worth it for a stem, which reads few channels.

Channels are its last axis, so that the weights, whose scale a channel the kernel takes, are packed once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import product as pairs_of
from typing import Any, Literal

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from calibtui.quantization.graph import Graph, attribute, bias_of, graph_of, text_attribute
from calibtui.quantization.integer_readers import in_integers, kept_on_integers, read_by_integers
from calibtui.quantization.prepare import WEIGHTED
from calibtui.quantization.schemes import Scheme

STEM_CHANNELS = 16
"""A picture's channels, also where they hold 2×2 pixels, up to which its copies are cheap."""

Kind = Literal["pointwise", "stem"]
KINDS: tuple[Kind, ...] = ("pointwise", "stem")
_END = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True)
class Product:
    """A convolution to be written as a product: `kernel`, `strides` and `pads` (top, left, bottom, right) in pixels,
    its `bias` (O,)."""

    node: str
    kernel: tuple[int, int]
    strides: tuple[int, int]
    pads: tuple[int, int, int, int]
    bias: NDArray[np.float32]

    @property
    def pointwise(self) -> bool:
        """Whether it reads its input as it is."""
        return self.kernel == (1, 1) and self.strides == (1, 1) and not any(self.pads)


def products(
    graph: Graph, scheme: Scheme, kinds: Collection[Kind], in_float: Collection[str] = ()
) -> dict[str, Product]:
    """By the tensor they make, those of the convolutions outside `in_float` whose results need no rounding, because
    nodes in float read them: "pointwise", those with a 1×1 kernel, unless what stands behind them is computed on
    integers too; "stem", one with a larger kernel that reads the picture.

    Empty for a scheme that doesn't round results, or with signed activations.
    """
    if not (kinds and scheme.quantize_outputs) or scheme.activations != "uint8":
        return {}
    quantized = in_integers(scheme, in_float)
    pictures = _pictures(graph)
    found = {}
    for node in graph.model.graph.node:
        result = node.output[0]
        if node.op_type != "Conv" or not quantized(node) or read_by_integers(graph, result, quantized):
            continue
        made = _product(graph, node)
        if made is None:
            continue
        if _kind(graph, node, made, pictures, kept_on_integers(graph, result, quantized)) in kinds:
            found[result] = made
    return found


def write_products(made: onnx.ModelProto, found: Collection[Product]) -> None:
    """Puts the products `found` in the place of their convolutions in the Q/DQ model `made`, and takes the rounding
    behind them out."""
    by_node = {each.node: each for each in found}
    writer = _Writer(made)
    ordered: list[onnx.NodeProto] = []
    for node in made.graph.node:
        wanted = by_node.get(node.name)
        ordered += writer.written(node, wanted) if wanted and writer.on_integers(node) else [node]
    kept = [node for node in ordered if not writer.gone.intersection([*node.input, *node.output])]
    del made.graph.node[:]
    made.graph.node.extend(kept)
    _drop_unread(made)


def _product(graph: Graph, node: onnx.NodeProto) -> Product | None:
    weights, biased = graph.initializers.get(node.input[1]), bias_of(node)
    if weights is None or len(weights.dims) != 4 or attribute(node, "group", 1) != 1:
        return None
    bias = graph.constant(biased) if biased else np.zeros(weights.dims[0])
    if bias is None:
        return None
    if text_attribute(node, "auto_pad", "NOTSET") != "NOTSET" or set(attribute(node, "dilations", [1])) != {1}:
        return None
    top, left, bottom, right = attribute(node, "pads", [0] * 4)
    down, across = attribute(node, "strides", [1, 1])
    kernel = (weights.dims[2], weights.dims[3])
    return Product(node.name, kernel, (down, across), (top, left, bottom, right), bias.astype(np.float32))


def _kind(
    graph: Graph, node: onnx.NodeProto, product: Product, pictures: Collection[str], on_integers: bool
) -> Kind | None:
    if product.pointwise and not on_integers:
        return "pointwise"
    return "stem" if node.input[0] in pictures and _few_channels(graph, node) else None


def _few_channels(graph: Graph, node: onnx.NodeProto) -> bool:
    return bool(graph.initializers[node.input[1]].dims[1] <= STEM_CHANNELS)


def _pictures(graph: Graph) -> set[str]:
    """The model's inputs and what only rearranges or scales them."""
    found = {info.name for info in graph.model.graph.input}
    for node in graph.model.graph.node:
        if node.op_type not in WEIGHTED and found.intersection(node.input):
            found.update(node.output)
    return found


class _Writer:
    """`gone`: results of nodes that nothing needs once a product is written."""

    def __init__(self, made: onnx.ModelProto) -> None:
        self._graph = graph_of(made)
        self._makers, self._constants = self._graph.producers, self._graph.initializers
        self.gone: set[str] = set()

    def on_integers(self, conv: onnx.NodeProto) -> bool:
        """Whether the quantizer has rounded what the convolution reads, as it was asked to."""
        makers = (self._makers.get(name) for name in conv.input[:2])
        return all(maker is not None and maker.op_type == "DequantizeLinear" for maker in makers)

    def written(self, conv: onnx.NodeProto, product: Product) -> Iterator[onnx.NodeProto]:
        """The nodes that compute what `conv` does, up to the float that its readers read."""
        name = conv.name
        integers, scale, zero = self._makers[conv.input[0]].input
        weights, *rounding = self._weights(name, self._makers[conv.input[1]])
        bias = self._constant(f"{name}.bias", product.bias.reshape(-1, 1, 1))
        result = self._float_result(conv)
        if not product.pointwise:
            yield from self._copies(name, product, integers, zero)
            integers = f"{name}.copies"
        yield helper.make_node("Transpose", [integers], [f"{name}.rows"], name=f"{name}.rows", perm=(0, 2, 3, 1))
        yield helper.make_node("DequantizeLinear", [f"{name}.rows", scale, zero], [f"{name}.a"], name=f"{name}.a")
        yield helper.make_node("DequantizeLinear", [weights, *rounding], [f"{name}.b"], name=f"{name}.b", axis=1)
        yield helper.make_node("MatMul", [f"{name}.a", f"{name}.b"], [f"{name}.product"], name=name)
        yield helper.make_node(
            "Transpose", [f"{name}.product"], [f"{name}.sums"], name=f"{name}.sums", perm=(0, 3, 1, 2)
        )
        yield helper.make_node("Add", [f"{name}.sums", bias], [result], name=f"{name}.biased")

    def _copies(self, name: str, product: Product, integers: str, zero: str) -> Iterator[onnx.NodeProto]:
        """The input's pixels under each of the kernel's, one behind the other as channels."""
        top, left, bottom, right = product.pads
        pads = self._constant(f"{name}.pads", np.array([0, 0, top, left, 0, 0, bottom, right], np.int64))
        yield helper.make_node("Pad", [integers, pads, zero], [f"{name}.padded"], name=f"{name}.padded")
        axes = self._constant(f"{name}.axes", np.array([2, 3], np.int64))
        steps = self._constant(f"{name}.strides", np.array(product.strides, np.int64))
        copies = []
        for y, x in pairs_of(*map(range, product.kernel)):
            copies.append(f"{name}.copy{y}x{x}")
            # From the end, so that it holds for pictures of any size; 0 would be their beginning.
            ends = [place - side + 1 or _END for place, side in zip((y, x), product.kernel, strict=True)]
            bounds = [
                self._constant(f"{copies[-1]}.from", np.array([y, x], np.int64)),
                self._constant(f"{copies[-1]}.to", np.array(ends, np.int64)),
            ]
            inputs = [f"{name}.padded", *bounds, axes, steps]
            yield helper.make_node("Slice", inputs, [copies[-1]], name=copies[-1])
        yield helper.make_node("Concat", copies, [f"{name}.copies"], name=f"{name}.copies", axis=1)

    def _weights(self, name: str, back: onnx.NodeProto) -> tuple[str, str, str]:
        """Names of the weights (y × x × C, O), their scales and zeros, (O,) each."""
        values, scale, zero = (numpy_helper.to_array(self._constants[each]) for each in back.input)
        outputs = len(values)
        return (
            self._constant(f"{name}.weights", values.transpose(2, 3, 1, 0).reshape(-1, outputs)),
            self._constant(f"{name}.scales", np.broadcast_to(scale.reshape(-1), outputs)),
            self._constant(f"{name}.zeros", np.broadcast_to(zero.reshape(-1), outputs)),
        )

    def _float_result(self, conv: onnx.NodeProto) -> str:
        """The name under which the result is read in float; the pair that rounds it there is done with."""
        readers = self._graph.consumers.get(conv.output[0], [])
        if [reader.op_type for reader in readers] != ["QuantizeLinear"]:
            return str(conv.output[0])
        (back,) = self._graph.consumers[readers[0].output[0]]
        self.gone.add(readers[0].output[0])
        return str(back.output[0])

    def _constant(self, name: str, values: NDArray[Any]) -> str:
        if name not in self._constants:
            self._constants[name] = self._graph.model.graph.initializer.add()
            self._constants[name].CopyFrom(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name


def _drop_unread(made: onnx.ModelProto) -> None:
    """Takes out the dequantizers and constants that only the convolutions have read."""
    outputs = {info.name for info in made.graph.output}
    read = {name for node in made.graph.node for name in node.input} | outputs
    used = [n for n in made.graph.node if n.op_type != "DequantizeLinear" or read.intersection(n.output)]
    del made.graph.node[:]
    made.graph.node.extend(used)
    read = {name for node in used for name in node.input} | outputs
    constants = [tensor for tensor in made.graph.initializer if tensor.name in read]
    del made.graph.initializer[:]
    made.graph.initializer.extend(constants)
