"""Weights rounded so that a convolution's result is off by least, instead of each weight to its nearest integer.

A weight's rounding error is made up for by the weights that are not rounded yet, as far as their inputs go together.
Sources: Frantar et al., GPTQ: Accurate Post-Training Quantization for Generative Pre-trained Transformers (2022), after
Frantar and Alistarh, Optimal Brain Compression (2022). What rounding moves a channel by on average comes off its bias
(Nagel et al. 2019), so what counts is the inputs' covariance.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, numpy_helper

from calibtui.quantization.bias_correction import bias_corrected
from calibtui.quantization.graph import Graph, attribute, bias_of, graph_of, has_own_weights, text_attribute
from calibtui.quantization.prepare import PreparedModel
from calibtui.quantization.schemes import Scheme
from calibtui.quantization.sessions import session_exposing

Feeds = Mapping[str, NDArray[Any]]
Values = NDArray[np.float64]
WIDEST = 1152
"""Weights a result, such as 128 channels in a 3×3 kernel: the time for one layer grows with their cube, and a few
thousand pixels say little about as many inputs."""
PIXELS = 1024
"""Of a frame's, evenly drawn: neighbours tell the same."""
DAMPING = 0.01
"""Of an input's mean variance, added to every variance: a few frames don't know the directions in which inputs hardly
vary, and rounding the inputs makes them vary there."""


@dataclass(frozen=True)
class InputMoments:
    """Of what a convolution multiplies its weights with, for G groups of K = I · ky · kx weights: `means` (G, K),
    `covariances` (G, K, K)."""

    means: Values
    covariances: Values

    @property
    def seconds(self) -> Values:
        """E[x · xᵀ], (G, K, K)."""
        return self.covariances + self.means[:, :, None] * self.means[:, None, :]


@dataclass(frozen=True)
class Rounding:
    """Of one convolution: its `weights` (O, I, ky, kx), multiples of their channel's step, and what they move the
    channels by on average, `shifts` (O,); zeros where there is no bias to take that off."""

    weights: NDArray[np.float32]
    shifts: Values


def second_moments(
    model: onnx.ModelProto, nodes: Collection[str], frames: Iterable[Feeds], threads: int = 1
) -> dict[str, InputMoments]:
    """By node, of those convolutions among `nodes` of the float `model` that can be rounded this way: over pictures,
    with constant weights that are theirs alone and no more than WIDEST a result."""
    graph = graph_of(model)
    convolutions = [node for node in model.graph.node if node.name in nodes and _within_reach(graph, node)]
    inputs = dict.fromkeys(node.input[0] for node in convolutions)
    computed = [name for name in inputs if name in graph.producers]
    session = session_exposing(model, computed, threads)
    sums = {node.name: _Sums() for node in convolutions}
    for number, feeds in enumerate(frames):
        found = dict(zip(computed, session.run(computed, dict(feeds)), strict=True)) if computed else {}
        for node in convolutions:
            values = np.asarray(found.get(node.input[0], feeds.get(node.input[0])), np.float32)
            sums[node.name].add(_columns(graph, node, values[0], number))
    return {name: each.moments() for name, each in sums.items() if each.count}


def roundings(model: onnx.ModelProto, moments: Mapping[str, InputMoments], scheme: Scheme) -> dict[str, Rounding]:
    """By node, of the convolutions in `moments`. None of them is worse than rounding to nearest by the measure it
    minimizes: the variance of the error of every channel's result over the frames of `moments`."""
    graph = graph_of(model)
    nodes = (node for node in model.graph.node if node.name in moments)
    return {node.name: _rounding(graph, node, moments[node.name], scheme) for node in nodes}


def round_well(
    prepared: PreparedModel,
    chosen: Mapping[str, Rounding],
    means: Mapping[str, Values],
    scheme: Scheme,
    target: Path,
    *,
    float_nodes: Collection[str] = (),
) -> PreparedModel:
    """Writes `prepared` as `well_rounded` makes it to `target`. Raises WorkspaceUnwritableError."""
    model = well_rounded(prepared.load(), chosen, means, scheme, float_nodes)
    return prepared.rewritten(model, target)


def well_rounded(
    model: onnx.ModelProto,
    chosen: Mapping[str, Rounding],
    means: Mapping[str, Values],
    scheme: Scheme,
    float_nodes: Collection[str] = (),
) -> onnx.ModelProto:
    """A copy of `model` with the weights `chosen` and the biases that go with them; convolutions without a choice get
    theirs corrected by `bias_corrected` with the channel `means`. Those of `float_nodes` stay as they are.

    The largest weight of a channel is as many steps as the scheme has levels, so rounding to nearest reproduces the
    integers, also behind a factor a channel.
    """
    made = bias_corrected(model, means, scheme, {*float_nodes, *chosen})
    graph = graph_of(made)
    for node in made.graph.node:
        if node.name in chosen and node.name not in float_nodes:
            _put(graph, node.input[1], chosen[node.name].weights)
            if name := bias_of(node):
                bias = numpy_helper.to_array(graph.initializers[name])
                _put(graph, name, (bias - chosen[node.name].shifts).astype(np.float32))
    return made


class _Sums:
    """Over the columns of one convolution."""

    def __init__(self) -> None:
        self.count = 0
        self._first: Any = 0.0
        self._second: Any = 0.0

    def add(self, columns: NDArray[np.float32]) -> None:
        self.count += columns.shape[1]
        self._first = self._first + columns.sum(axis=1, dtype=np.float64)
        self._second = self._second + np.matmul(columns.transpose(0, 2, 1), columns).astype(np.float64)

    def moments(self) -> InputMoments:
        means = self._first / self.count
        return InputMoments(means, self._second / self.count - means[:, :, None] * means[:, None, :])


def _columns(graph: Graph, node: onnx.NodeProto, values: NDArray[np.float32], number: int) -> NDArray[np.float32]:
    """(G, P, K): what the weights meet at P pixels of the input `values` (C, H, W). Every frame's grid begins
    elsewhere."""
    groups = attribute(node, "group", 1)
    kernel = graph.initializers[node.input[1]].dims[2:]
    top, left, bottom, right = attribute(node, "pads", [0] * 4)
    apart, along = attribute(node, "strides", [1, 1]), attribute(node, "dilations", [1, 1])
    padded = np.pad(values, ((0, 0), (top, bottom), (left, right)))
    channels, *sides = padded.shape
    places = [np.arange(0, sides[i] - along[i] * (kernel[i] - 1), apart[i]) for i in (0, 1)]
    every = int(np.ceil(np.sqrt(len(places[0]) * len(places[1]) / PIXELS)))
    down, across = places[0][number % every :: every], places[1][number // every % every :: every]
    rows = down[:, None, None, None] + along[0] * np.arange(kernel[0])[:, None]
    columns = across[:, None, None] + along[1] * np.arange(kernel[1])
    taken = padded[:, rows, columns].reshape(groups, channels // groups, len(down) * len(across), -1)
    return taken.transpose(0, 2, 1, 3).reshape(groups, len(down) * len(across), -1)


def _within_reach(graph: Graph, node: onnx.NodeProto) -> bool:
    if node.op_type != "Conv" or not has_own_weights(graph, node):
        return False
    weights = graph.initializers[node.input[1]]
    pictures = len(weights.dims) == 4 and weights.data_type == TensorProto.FLOAT
    plain = text_attribute(node, "auto_pad", "NOTSET") == "NOTSET"
    return pictures and plain and int(np.prod(weights.dims[1:])) <= WIDEST


def _rounding(graph: Graph, node: onnx.NodeProto, moments: InputMoments, scheme: Scheme) -> Rounding:
    given = numpy_helper.to_array(graph.initializers[node.input[1]])
    groups, _ = moments.means.shape
    weights = given.astype(np.float64).reshape(groups, len(given) // groups, -1)
    biased = bool(bias_of(node))
    measure = moments.covariances if biased else moments.seconds
    made = _rounded(weights, measure, scheme)
    shifts = np.einsum("gok,gk->go", made - weights, moments.means).reshape(-1)
    return Rounding(made.reshape(given.shape).astype(np.float32), shifts if biased else np.zeros_like(shifts))


def _rounded(weights: Values, measure: Values, scheme: Scheme) -> Values:
    """(G, O, K) with error feedback by `measure` (G, K, K), or to nearest where that is better."""
    levels = scheme.weight_steps
    sizes = np.abs(weights).max(axis=2 if scheme.per_channel else None, keepdims=True)
    steps = np.broadcast_to(np.where(sizes > 0, sizes / levels, 1), (*weights.shape[:2], 1))
    # What sets the step must stay as large as it is, else the step would be another one.
    pinned = np.abs(weights) == sizes
    bounds = np.where(pinned, np.sign(weights) * levels, -levels), np.where(pinned, np.sign(weights) * levels, levels)
    nearest = np.clip(np.rint(weights / steps), -levels, levels) * steps
    fed_back = _fed_back(weights / steps, measure, bounds) * steps
    better = _errors(fed_back - weights, measure) < _errors(nearest - weights, measure)
    found: Values = np.where(better[..., None], fed_back, nearest)
    return found


def _fed_back(counts: Values, measure: Values, bounds: tuple[Values, Values]) -> Values:
    """Integers (G, O, K) within `bounds` for weights that are `counts` steps: those of the input that varies most
    first, each one's error spread over the weights that follow."""
    order = np.argsort(-np.einsum("gkk->gk", measure), axis=1, kind="stable")
    factors = _factors(measure, order)
    places = np.broadcast_to(order[:, None, :], counts.shape)
    left, low, high = (np.take_along_axis(each, places, axis=2) for each in (counts, *bounds))
    found = np.empty_like(left)
    for k in range(left.shape[2]):
        found[..., k] = np.clip(np.rint(left[..., k]), low[..., k], high[..., k])
        off = (left[..., k] - found[..., k]) / factors[:, None, k, k]
        left[..., k + 1 :] -= off[..., None] * factors[:, None, k, k + 1 :]
    made = np.empty_like(found)
    np.put_along_axis(made, places, found, axis=2)
    return made


def _factors(measure: Values, order: NDArray[np.intp]) -> Values:
    """The upper Cholesky factors (G, K, K) of the damped and ordered measures' inverses."""
    groups = np.arange(len(order))[:, None, None]
    ordered = measure[groups, order[:, :, None], order[:, None, :]]
    damping = DAMPING * np.einsum("gkk->gk", ordered).mean(axis=1)
    # Inputs that never vary put up with any rounding; the measure must only stay invertible.
    damping = np.where(damping > 0, damping, 1)
    inverses = np.linalg.inv(ordered + damping[:, None, None] * np.eye(order.shape[1]))
    return np.linalg.cholesky(inverses).transpose(0, 2, 1)


def _errors(off: Values, measure: Values) -> Values:
    """(G, O)"""
    found: Values = np.einsum("gok,gok->go", off @ measure, off)
    return found


def _put(graph: Graph, name: str, values: NDArray[np.float32]) -> None:
    graph.initializers[name].CopyFrom(numpy_helper.from_array(values, name))
