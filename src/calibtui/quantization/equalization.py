"""Channels brought to one size before a convolution, without changing what the model computes.

A tensor has one scale, so a channel a hundred times smaller than the widest one has next to no levels. Dividing a
convolution's channels by factors and multiplying the weights that read them by the same is free where those weights
have a scale per channel: in depthwise convolutions. Source: Nagel et al., Data-Free Quantization Through Weight
Equalization and Bias Correction (2019), for functions with f(s·x) = s·f(x). SiLU isn't one of them, so here its gate
is given s back: (x / s) · sigmoid(s · (x / s)) is silu(x) / s exactly.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from calibtui.quantization.chains import Chain, chains, depthwise
from calibtui.quantization.channels import ChannelStatistics
from calibtui.quantization.graph import Graph, bias_of, graph_of
from calibtui.quantization.prepare import PreparedModel

Values = NDArray[np.float64]
# Below this a SiLU gives less than 0.003 whatever comes in.
SILU_DEAD = -8.0
# Bits by which the widest channel must exceed the typical one for a chain to be worth a factor a channel.
LEAST_GAIN_BITS = 1.0


@dataclass(frozen=True, slots=True)
class Equalization:
    """A chain and its `factors` (C,). `lowest`: values of the equalized tensor below this one make no difference, −inf
    where all do."""

    chain: Chain
    factors: Values
    lowest: float


def chain_tensors(model: onnx.ModelProto) -> tuple[str, ...]:
    """The tensors whose channels `equalizations` wants to know."""
    return tuple(chain.before for chain in _free_chains(graph_of(model)))


def equalizations(model: onnx.ModelProto, channels: ChannelStatistics) -> tuple[Equalization, ...]:
    """Those of `model` that cost its weights nothing and gain a bit or more."""
    made = (_equalization(chain, channels) for chain in _free_chains(graph_of(model)))
    return tuple(each for each in made if each is not None)


def equalize(prepared: PreparedModel, chosen: Sequence[Equalization], target: Path) -> PreparedModel:
    """Writes `prepared` with the `chosen` channels brought to one size to `target`. Raises WorkspaceUnwritableError."""
    model = prepared.load()
    for each in chosen:
        _apply(model, each)
    inferred = onnx.shape_inference.infer_shapes(model)
    return prepared.rewritten(inferred, target)


def _free_chains(graph: Graph) -> Iterator[Chain]:
    nodes = {node.name: node for node in graph.model.graph.node}
    for chain in chains(graph):
        if all(depthwise(graph, nodes[reader]) for reader in chain.readers):
            yield chain


def _equalization(chain: Chain, channels: ChannelStatistics) -> Equalization | None:
    if chain.before not in channels.lows:
        return None
    low, high = channels.lows[chain.before], channels.highs[chain.before]
    if chain.activation == "silu":
        low = np.maximum(low, SILU_DEAD)
    elif chain.activation == "relu":
        low = np.zeros_like(low)
    size = np.maximum(np.abs(low), np.abs(high))
    widest = float(size.max(initial=0))
    if widest <= 0:
        return None
    size = np.maximum(size, widest * 1e-3)
    middle = float(np.exp(np.log(size).mean()))
    if np.log2(widest / middle) < LEAST_GAIN_BITS:
        return None
    factors = size / middle
    lowest = float((low / factors).min()) if chain.activation == "silu" else -np.inf
    return Equalization(chain, factors, lowest)


def _apply(model: onnx.ModelProto, each: Equalization) -> None:
    graph = graph_of(model)
    nodes = {node.name: node for node in model.graph.node}
    conv = nodes[each.chain.conv]
    _rescale(graph, conv.input[1], 1 / each.factors, axis=0)
    if bias := bias_of(conv):
        _rescale(graph, bias, 1 / each.factors, axis=0)
    for reader in each.chain.readers:
        _rescale(graph, nodes[reader].input[1], each.factors, axis=0)
    if each.chain.gate:
        _open_gate(model, nodes[each.chain.gate], each.factors)


def _rescale(graph: Graph, name: str, factors: Values, axis: int) -> None:
    tensor = graph.initializers[name]
    values = numpy_helper.to_array(tensor)
    shape = [-1 if place == axis else 1 for place in range(values.ndim)]
    tensor.CopyFrom(numpy_helper.from_array((values * factors.reshape(shape)).astype(np.float32), name))


def _open_gate(model: onnx.ModelProto, gate: onnx.NodeProto, factors: Values) -> None:
    """Gives the sigmoid its input at full size again."""
    constant, scaled = f"{gate.input[0]}.factors", f"{gate.input[0]}.unscaled"
    model.graph.initializer.append(numpy_helper.from_array(factors.reshape(1, -1, 1, 1).astype(np.float32), constant))
    node = helper.make_node("Mul", [gate.input[0], constant], [scaled], name=f"{gate.name}.unscaled")
    place = next(place for place, other in enumerate(model.graph.node) if other.name == gate.name)
    model.graph.node.insert(place, node)
    model.graph.node[place + 1].input[0] = scaled
