"""Some nodes of a model rounded as INT8 would round them, the rest in float: what each part of a model costs.

Built in milliseconds, where onnxruntime's quantizer takes seconds: good for ordering, not for handing over.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import onnx
import onnxruntime as ort
from onnx import numpy_helper

from calibtui.quantization.bias_correction import rounded_weights
from calibtui.quantization.channel_scales import ChannelBounds, Steps, scaled_by_channel, steps_of
from calibtui.quantization.float_layers import Place, exact_inputs
from calibtui.quantization.graph import Graph, graph_of
from calibtui.quantization.pairs import channel_pair, pair
from calibtui.quantization.products import Kind, products
from calibtui.quantization.schemes import Scheme
from calibtui.quantization.sessions import session_of
from calibtui.quantization.tensors import nodes_in_float

Range = tuple[float, float]


def simulated(
    model: onnx.ModelProto,
    ranges: Mapping[str, Range],
    scheme: Scheme,
    nodes: Collection[str],
    threads: int = 1,
    by_channel: Mapping[str, ChannelBounds] | None = None,
    kinds: Collection[Kind] = (),
) -> ort.InferenceSession:
    """A session of `model` (left as it is) in which the weights, inputs and, where `scheme` has it so, outputs of the
    convolutions and products `nodes` are rounded. Tensors without a range stay as they are; those of
    `by_channel` that may have one get a scale a channel. Results of the `products` of these `kinds` stay as they are.
    """
    made = onnx.ModelProto()
    made.CopyFrom(model)
    graph = graph_of(made)
    in_float = nodes_in_float(graph, scheme, {node.name for node in made.graph.node} - set(nodes))
    unrounded = products(graph, scheme, kinds, in_float)
    rounded: dict[str, None] = {}
    for node in made.graph.node:
        if node.name not in nodes:
            continue
        rounded |= dict.fromkeys([node.input[0], *_results(graph, node, scheme, unrounded)])
        if len(node.input) > 1 and node.op_type == "Conv" and node.input[1] in graph.initializers:
            tensor = graph.initializers[node.input[1]]
            values = rounded_weights(numpy_helper.to_array(tensor), scheme)
            tensor.CopyFrom(numpy_helper.from_array(values, node.input[1]))
    bounds = {name: ranges[name] for name in rounded if name in ranges and name not in graph.outputs}
    scaled = scaled_by_channel(graph, scheme, in_float, unrounded) if by_channel else {}
    steps = {name: steps_of(each, scheme) for name, each in (by_channel or {}).items() if name in scaled}
    _round(made, bounds, steps, scheme, exact_inputs(graph, scheme, in_float, unrounded))
    # The engine's optimizer moves Q/DQ pairs of such a graph to places where they don't belong.
    return session_of(made.SerializeToString(), threads, optimize=False)


def _results(graph: Graph, node: onnx.NodeProto, scheme: Scheme, unrounded: Collection[str]) -> tuple[str, ...]:
    """The tensor that is rounded behind a node, if any: behind the Relu or Clip that the engine folds into it."""
    if not scheme.quantize_outputs or node.output[0] in unrounded:
        return ()
    readers = graph.consumers.get(node.output[0], [])
    if len(readers) == 1 and readers[0].op_type in ("Relu", "Clip"):
        return (str(readers[0].output[0]),)
    return (str(node.output[0]),)


def _round(
    model: onnx.ModelProto,
    bounds: Mapping[str, Range],
    steps: Mapping[str, Steps],
    scheme: Scheme,
    exact: Collection[Place],
) -> None:
    renamed: dict[str, str] = {}
    nodes = list(model.graph.node)

    def pair_of(name: str) -> tuple[onnx.NodeProto, onnx.NodeProto]:
        made = channel_pair(name, steps[name]) if name in steps else pair(name, bounds[name], scheme)
        model.graph.initializer.extend(made.constants)
        renamed[name] = made.output
        return made.nodes

    ordered = [made for info in model.graph.input if info.name in bounds for made in pair_of(info.name)]
    for node in nodes:
        for place, name in enumerate(node.input):
            if (node.name, place) not in exact:
                node.input[place] = renamed.get(name, name)
        ordered.append(node)
        for name in node.output:
            if name in bounds:
                ordered += pair_of(name)
    del model.graph.node[:]
    model.graph.node.extend(ordered)
