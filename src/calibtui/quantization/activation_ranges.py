"""Ranges that reckon with the activation function behind a convolution.

What a convolution gives is rounded before its SiLU, and a SiLU makes nothing of numbers below −8: levels spent on
them are lost. The range is searched whose rounding shows least in the function's result, not in its input.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from calibtui.quantization.chains import silu_of
from calibtui.quantization.functions import ElementWise
from calibtui.quantization.graph import Graph
from calibtui.quantization.mse import elements
from calibtui.quantization.schemes import Scheme
from calibtui.quantization.statistics import Statistics

Range = tuple[float, float]
Values = NDArray[np.float64]
_SILU = ElementWise("silu")
_LOWS = -np.array([12, 10, 9, 8, 7, 6, 5, 4, 3.5, 3, 2.5, 2, 1.6, 1.3, 1])
_HIGHS = np.concatenate([np.linspace(1, 0.5, 11), np.geomspace(0.45, 0.05, 10)])


def through_activations(
    found: Mapping[str, Range],
    statistics: Statistics,
    graph: Graph,
    scheme: Scheme,
    lowest: Mapping[str, float] | None = None,
) -> dict[str, Range]:
    """`found` with other ranges where a SiLU alone reads the tensor; the detector's answers keep theirs.

    `lowest`: of tensors whose channels were equalized, the value below which nothing makes a difference. A scheme
    with symmetric activations keeps what it has: its two bounds are one.
    """
    changed = dict(found)
    if scheme.symmetric_activations or not statistics.histograms:
        return changed
    for name in found:
        if name in statistics.heads:
            continue
        bound = (lowest or {}).get(name, -np.inf)
        if np.isfinite(bound):
            changed[name] = (max(found[name][0], bound), found[name][1])
        elif silu_of(graph, name) is not None:
            changed[name] = _best(statistics, name, scheme.levels)
    return changed


def _best(statistics: Statistics, name: str, levels: int) -> Range:
    low, high = statistics.extremes(name)
    values, weights = elements(statistics.histograms[name])
    exact = _SILU(values)
    lows = [float(bound) for bound in _LOWS if bound > low] + [low]
    highs = [high * share for share in _HIGHS] if high > 0 else [high]

    def error(tried: Range) -> float:
        return float(np.dot(weights, np.square(_SILU(rounded(values, tried, levels)) - exact)))

    return min(((bottom, top) for bottom in lows for top in highs), key=error)


def rounded(values: Values, bounds: Range, levels: int) -> Values:
    """`values` as `levels` steps over `bounds` stand for them; 0 is one of the steps exactly, as onnxruntime lays
    them."""
    low, high = min(bounds[0], 0.0), max(bounds[1], 0.0)
    scale = (high - low) / (levels - 1)
    if scale == 0:
        return np.zeros_like(values)
    lowest = -round(-low / scale)
    return np.clip(np.rint(values / scale), lowest, lowest + levels - 1) * scale
