"""Layers that stay in float compute in float, on what nobody has rounded for them.

A tensor that INT8 layers read gets one Q/DQ pair, and onnxruntime's quantizer gives what leaves it to all of its
readers. That rounds a layer's input although it is to stay in float. And where such a layer's result goes into a
QuantizeLinear as well, onnxruntime's graph optimizer takes it for one that somebody forgot: it rounds the weights, with
one scale for all channels, which is the end of a depthwise convolution.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

import onnx
from onnx import helper

from calibtui.quantization.graph import Graph, graph_of
from calibtui.quantization.integer_readers import in_integers
from calibtui.quantization.prepare import WEIGHTED
from calibtui.quantization.schemes import Scheme

Place = tuple[str, int]
"""A node's name and the place of one of its inputs."""


def exact_inputs(
    graph: Graph, scheme: Scheme, in_float: Collection[str], unrounded: Collection[str]
) -> frozenset[Place]:
    """Where weighted nodes outside INT8 read a tensor as it is, although others may read it rounded.

    Not tensors that come out of an integer kernel, which have no other form than the rounded one. `unrounded`: those
    that INT8 layers give in float.
    """
    quantized = in_integers(scheme, in_float)

    def rounded_only(name: str) -> bool:
        maker = graph.producers.get(name)
        return scheme.quantize_outputs and name not in unrounded and maker is not None and quantized(maker)

    return frozenset(
        (node.name, place)
        for node in graph.model.graph.node
        if node.op_type in WEIGHTED and not quantized(node)
        for place, name in enumerate(node.input)
        if name not in graph.initializers and not rounded_only(name)
    )


def feed_exactly(made: onnx.ModelProto, exact: Collection[Place]) -> None:
    """Gives the inputs `exact` of the Q/DQ model `made` what they have in the float model."""
    makers = graph_of(made).producers
    for node in made.graph.node:
        for place, name in enumerate(node.input):
            back = makers.get(name)
            if (node.name, place) in exact and back is not None and back.op_type == "DequantizeLinear":
                node.input[place] = makers[back.input[0]].input[0]


def keep_float(made: onnx.ModelProto, in_float: Collection[str]) -> None:
    """Keeps the engine from rounding the weights of the nodes `in_float` of the Q/DQ model `made`: where one stands
    between a rounded input and a rounding, a sum of one number, which it leaves alone, goes in between."""
    restored = {name for node in made.graph.node if node.op_type == "DequantizeLinear" for name in node.output}
    rounded = {node.input[0] for node in made.graph.node if node.op_type == "QuantizeLinear"}

    def apart(node: onnx.NodeProto) -> Iterator[onnx.NodeProto]:
        yield node
        result = node.output[0]
        if node.name not in in_float or result not in rounded or node.input[0] not in restored:
            return
        node.output[0] = f"{result}.in_float"
        yield helper.make_node("Sum", [node.output[0]], [result], name=node.output[0])

    ordered = [each for node in list(made.graph.node) for each in apart(node)]
    del made.graph.node[:]
    made.graph.node.extend(ordered)
