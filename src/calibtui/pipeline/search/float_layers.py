"""Fine steps of a search: the order in which layers go to float, and how many of them it takes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import median

from calibtui.quantization.groups import Group

LEAST_INT8 = 0.9
"""The share of the multiply-adds that stays in INT8 whatever the drop: below it there is little left to gain."""
SPLIT_GROUPS = 8
"""Groups that are looked into layer by layer: those with the largest error."""


@dataclass(frozen=True, slots=True)
class Unit:
    """Layers that go to float together. `error` of the outputs with INT8 in them alone."""

    name: str
    nodes: tuple[str, ...]
    error: float
    multiply_adds: int


def ranked_units(
    groups: Sequence[Group],
    multiply_adds: Mapping[str, int],
    in_int8: Collection[str],
    errors: Callable[[Sequence[Collection[str]]], Iterator[float]],
    affordable: Callable[[], bool],
) -> list[Unit]:
    """All of `in_int8`, those first whose way to float takes most error off for the fewest multiply-adds.

    `errors` are taken of whole groups, then layer by layer inside those with the largest, one after the other and for
    as long as `affordable`. Layers that were not reached have an even share of their group's error, and groups that
    were not, a typical one's: among such, the smallest go first.
    """
    in_groups = {group.name: [node for node in group.nodes if node in in_int8] for group in groups}
    parts = {name: nodes for name, nodes in in_groups.items() if nodes}
    whole = dict(zip(parts, _while(affordable, errors(list(parts.values()))), strict=False))
    typical = median(whole.values()) if whole else 1.0
    worst = sorted(whole, key=lambda name: -whole[name])
    split = [name for name in worst[:SPLIT_GROUPS] if len(parts[name]) > 1]
    layers = [node for name in split for node in parts[name]]
    single = dict(zip(layers, _while(affordable, errors([[node] for node in layers])), strict=False))

    def unit(name: str, nodes: Sequence[str], error: float) -> Unit:
        return Unit(name, tuple(nodes), error, sum(multiply_adds[node] for node in nodes))

    units = []
    for name, nodes in parts.items():
        error = whole.get(name, typical)
        if name in split or name not in whole:
            units += [unit(f"{name}: {node}", [node], single.get(node, error / sqrt(len(nodes)))) for node in nodes]
        else:
            units.append(unit(name, nodes, error))
    return sorted(units, key=lambda found: (-(found.error**2) / max(1, found.multiply_adds), found.name))


def _while(affordable: Callable[[], bool], errors: Iterator[float]) -> Iterator[float]:
    while affordable() and (error := next(errors, None)) is not None:
        yield error


def path_to_float(
    units: Sequence[Unit], multiply_adds: Mapping[str, int], kept: Collection[str]
) -> list[tuple[str, ...]]:
    """Sets of layers in float, each the one before and a unit more, with at least LEAST_INT8 of the multiply-adds left
    in INT8; the first one is empty. `kept`: layers that are in float anyway. Units too large for the rest are passed
    over."""
    room = (1 - LEAST_INT8) * sum(multiply_adds.values()) - sum(multiply_adds.get(name, 0) for name in kept)
    steps: list[tuple[str, ...]] = [()]
    for unit in units:
        if unit.multiply_adds <= room and unit.error > 0:
            room -= unit.multiply_adds
            steps.append(tuple(sorted({*steps[-1], *unit.nodes})))
    return steps


def fewest_that_hold(steps: int, holds: Callable[[int], bool], affordable: Callable[[], bool]) -> int | None:
    """The smallest step of range(steps) that `holds`, by bisection; None where the last one doesn't. More layers in
    float are taken to be better, which measured mAP need not bear out step by step: the answer is a step that was
    measured to hold and whose measured predecessor didn't."""
    if holds(0):
        return 0
    low, high = 0, steps - 1
    if high == 0 or not holds(high):
        return None
    while high - low > 1 and affordable():
        middle = (low + high) // 2
        if holds(middle):
            high = middle
        else:
            low = middle
    return high
