"""Which tensors must be counted, and how the statistics of the others follow from theirs.

A Concat's histogram is the sum of its inputs', a Reshape or Transpose keeps it, a nearest-neighbour Resize by whole
factors multiplies it, Relu and Clip move whole bins: all exact. A smooth activation function moves every bin to where
the middle of the bin lands: every element is still counted, its value is known to one bin (under 0.8 %) more.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray

from calibtui.quantization.functions import ElementWise, element_wise
from calibtui.quantization.graph import Graph, text_attribute
from calibtui.quantization.histogram import Histogram, merged

_REARRANGING = ("Reshape", "Transpose", "Flatten", "Squeeze", "Unsqueeze", "Identity", "DepthToSpace", "SpaceToDepth")


@dataclass(frozen=True, slots=True)
class Recipe:
    """A tensor's statistics from those of `sources`: their sum, `factor` times, under `function`."""

    sources: tuple[str, ...]
    factor: int = 1
    function: ElementWise | None = None


@dataclass(frozen=True, slots=True)
class ObservationPlan:
    """`observed`: tensors to count, in graph order. `recipes`: the others that are wanted, each after its sources."""

    observed: tuple[str, ...]
    recipes: Mapping[str, Recipe]

    def complete(self, histograms: Mapping[str, Histogram]) -> dict[str, Histogram]:
        """Histograms of all tensors of the plan from those of the observed ones."""
        complete = dict(histograms)
        for tensor, recipe in self.recipes.items():
            total = merged([complete[source] for source in recipe.sources]).times(recipe.factor)
            complete[tensor] = total if recipe.function is None else recipe.function.histogram(total)
        return complete

    def complete_extremes(
        self, lows: Mapping[str, NDArray[np.float32]], highs: Mapping[str, NDArray[np.float32]]
    ) -> tuple[dict[str, NDArray[np.float32]], dict[str, NDArray[np.float32]]]:
        """Extremes (F,) a frame of all tensors of the plan from those of the observed ones."""
        low, high = dict(lows), dict(highs)
        for tensor, recipe in self.recipes.items():
            lowest = np.minimum.reduce([low[source] for source in recipe.sources])
            highest = np.maximum.reduce([high[source] for source in recipe.sources])
            if recipe.function is not None:
                lowest, highest = recipe.function.extremes(lowest, highest)
            low[tensor], high[tensor] = lowest, highest
        return low, high


def observation_plan(graph: Graph, wanted: Iterable[str], *, exact: bool) -> ObservationPlan:
    """The fewest elements to count for the statistics of `wanted`; with `exact`, no bin is moved by a smooth
    function.
    """
    order = {name: place for place, name in enumerate(_in_order(graph))}
    needed = sorted(set(wanted), key=lambda name: order.get(name, -1))
    planner = _Planner(graph, exact, frozenset(needed))
    for tensor in needed:
        planner.settle(tensor)
    return ObservationPlan(tuple(sorted(planner.observed, key=lambda name: order.get(name, -1))), planner.recipes)


def _in_order(graph: Graph) -> Iterable[str]:
    yield from (info.name for info in graph.model.graph.input)
    for node in graph.model.graph.node:
        yield from node.output


class _Planner:
    """Settles tensors one by one in graph order, so that sources are settled before what follows from them."""

    def __init__(self, graph: Graph, exact: bool, wanted: frozenset[str]) -> None:
        self._graph = graph
        self._wanted = wanted
        self._exact = exact
        self.observed: list[str] = []
        self.recipes: dict[str, Recipe] = {}

    def settle(self, tensor: str) -> None:
        if self._settled(tensor):
            return
        recipe = self._recipe(tensor)
        if recipe is None:
            self.observed.append(tensor)
        else:
            self.recipes[tensor] = recipe

    def _settled(self, tensor: str) -> bool:
        return tensor in self.recipes or tensor in self.observed

    def _recipe(self, tensor: str) -> Recipe | None:
        node = self._graph.producers.get(tensor)
        if node is None:
            return None
        if not self._exact and (undone := self._before_leaky_relu(tensor)):
            return undone
        if node.op_type in _REARRANGING or node.op_type == "Resize":
            return self._same_elements(node)
        if node.op_type == "Concat":
            return self._sum(node)
        found = element_wise(self._graph, tensor)
        if found is None or not self._settled(found[0]) or (self._exact and not found[1].exact):
            return None
        return Recipe((found[0],), function=found[1])

    def _same_elements(self, node: onnx.NodeProto) -> Recipe | None:
        source = node.input[0]
        factor = 1 if node.op_type in _REARRANGING else _whole_factor(self._graph, node)
        if factor is None or source not in self._graph.floats or source in self._graph.initializers:
            return None
        self.settle(source)
        return Recipe((source,), factor)

    def _sum(self, node: onnx.NodeProto) -> Recipe | None:
        return Recipe(tuple(node.input)) if all(self._free(name) for name in node.input) else None

    def _before_leaky_relu(self, tensor: str) -> Recipe | None:
        """The input of a LeakyRelu from its output: the engine computes the two in one kernel as long as only the
        output is read.
        """
        readers = self._graph.consumers.get(tensor, [])
        if len(readers) != 1 or readers[0].op_type != "LeakyRelu" or tensor in self._graph.outputs:
            return None
        after = readers[0].output[0]
        found = element_wise(self._graph, after)
        if found is None or after not in self._wanted:
            return None
        if not self._settled(after):
            self.observed.append(after)
        return Recipe((after,), function=ElementWise("leaky_relu", (1 / found[1].parameters[0],)))

    def _free(self, tensor: str) -> bool:
        """Whether the tensor's statistics are to be had without counting anything further."""
        if self._settled(tensor):
            return True
        recipe = self._recipe_of_settled(tensor)
        if recipe is None:
            return False
        self.recipes[tensor] = recipe
        return True

    def _recipe_of_settled(self, tensor: str) -> Recipe | None:
        node = self._graph.producers.get(tensor)
        if node is None:
            return None
        if node.op_type == "Concat":
            return self._sum(node)
        if node.op_type in _REARRANGING or node.op_type == "Resize":
            return self._same_elements(node) if self._free(node.input[0]) else None
        return self._recipe(tensor)


def _whole_factor(graph: Graph, node: onnx.NodeProto) -> int | None:
    """How often a nearest-neighbour Resize repeats every element; None where not all are repeated alike."""
    before, after = graph.shapes.get(node.input[0]), graph.shapes.get(node.output[0])
    if before is None or after is None or text_attribute(node, "mode", "nearest") != "nearest":
        return None
    where = text_attribute(node, "coordinate_transformation_mode", "half_pixel")
    rounding = text_attribute(node, "nearest_mode", "round_prefer_floor")
    alike = (where == "asymmetric" and rounding == "floor") or (
        where in ("half_pixel", "pytorch_half_pixel") and rounding.startswith("round_prefer")
    )
    if not alike or len(before) != len(after) or any(a % b or a < b for a, b in zip(after, before, strict=True)):
        return None
    return int(np.prod(after)) // int(np.prod(before))
