"""Element-wise functions of one tensor: what a histogram becomes under them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray

from calibtui.quantization.graph import Graph, attribute
from calibtui.quantization.histogram import Histogram, ranks_of

Values = NDArray[np.float64]
# x · sigmoid(x) is lowest here; the function falls before it and rises behind it.
_SILU_TURN = -1.2784645427610738
_HARD_SWISH_TURN = -1.5


@dataclass(frozen=True, slots=True)
class ElementWise:
    """y = f(x). `exact`: the bin of y follows from the bin of x alone. `turn`: the x of the one minimum inside, None
    for rising f.
    """

    name: str
    parameters: tuple[float, ...] = ()
    exact: bool = False
    turn: float | None = None

    def __call__(self, values: Values) -> Values:
        return _FORMULAS[self.name](values, self.parameters)

    def histogram(self, source: Histogram) -> Histogram:
        """Of y, every element of `source` moved to the bin of f at the middle of its own (exact where `exact`)."""
        return Histogram.of_ranks(ranks_of(self(source.centres())), source.counts)

    def extremes(self, low: NDArray[np.float32], high: NDArray[np.float32]) -> tuple[NDArray[np.float32], ...]:
        """Bounds of y from the extremes of x: reached exactly by a rising f, by a f that turns to within the nearest
        element.
        """
        ends = self(low.astype(np.float64)), self(high.astype(np.float64))
        lowest = np.minimum(*ends)
        if self.turn is not None:
            lowest = np.where((low < self.turn) & (high > self.turn), self(np.array([self.turn]))[0], lowest)
        return lowest.astype(np.float32), np.maximum(*ends).astype(np.float32)


def _sigmoid(x: Values, _: tuple[float, ...]) -> Values:
    return 0.5 * (1 + np.tanh(0.5 * x))


def _leaky(x: Values, p: tuple[float, ...]) -> Values:
    return np.where(x < 0, p[0] * x, x)


_FORMULAS: dict[str, Callable[[Values, tuple[float, ...]], Values]] = {
    "relu": lambda x, _: np.maximum(x, 0),
    "clip": lambda x, p: np.clip(x, p[0], p[1]),
    "leaky_relu": _leaky,
    "sigmoid": _sigmoid,
    "tanh": lambda x, _: np.tanh(x),
    "silu": lambda x, p: x * _sigmoid(x, p),
    "hard_swish": lambda x, _: x * np.clip(x / 6 + 0.5, 0, 1),
    "hard_sigmoid": lambda x, p: np.clip(p[0] * x + p[1], 0, 1),
}


def element_wise(graph: Graph, tensor: str) -> tuple[str, ElementWise] | None:
    """The tensor that `tensor` is an element-wise function of, and the function; None where none is known."""
    node = graph.producers.get(tensor)
    if node is None or not node.input:
        return None
    if node.op_type == "Mul":
        return _silu(graph, node)
    function = _of_node(graph, node)
    return None if function is None else (node.input[0], function)


def _of_node(graph: Graph, node: onnx.NodeProto) -> ElementWise | None:
    match node.op_type:
        case "Relu":
            return ElementWise("relu", exact=True)
        case "Clip":
            return _clip(graph, node)
        case "LeakyRelu":
            alpha = float(attribute(node, "alpha", 0.01))
            return ElementWise("leaky_relu", (alpha,)) if alpha > 0 else None
        case "Sigmoid":
            return ElementWise("sigmoid")
        case "Tanh":
            return ElementWise("tanh")
        case "HardSwish":
            return ElementWise("hard_swish", turn=_HARD_SWISH_TURN)
        case "HardSigmoid":
            alpha, beta = float(attribute(node, "alpha", 0.2)), float(attribute(node, "beta", 0.5))
            return ElementWise("hard_sigmoid", (alpha, beta)) if alpha > 0 else None
    return None


def _clip(graph: Graph, node: onnx.NodeProto) -> ElementWise | None:
    bounds = []
    for place, absent in ((1, -np.inf), (2, np.inf)):
        given = len(node.input) > place and node.input[place]
        value = graph.scalar(node.input[place]) if given else absent
        if value is None:
            return None
        bounds.append(value)
    return ElementWise("clip", (bounds[0], bounds[1]), exact=True)


def _silu(graph: Graph, node: onnx.NodeProto) -> tuple[str, ElementWise] | None:
    for x, gate in (tuple(node.input), tuple(node.input)[::-1]):
        maker = graph.producers.get(gate)
        if maker is not None and maker.op_type == "Sigmoid" and maker.input[0] == x:
            return x, ElementWise("silu", turn=_SILU_TURN)
    return None
