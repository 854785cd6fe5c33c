"""Histograms with bins of equal width, for searches over clipping thresholds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from calibtui.quantization.histogram import Histogram


def rebinned(histogram: Histogram, low: float, high: float, bins: int) -> NDArray[np.float64]:
    """(bins,) elements in `bins` equal parts of [low, high], each source bin's elements spread evenly over its width.

    What lies outside counts in the part at that end.
    """
    left, right = histogram.edges()
    left, right = np.clip(left, low, high).astype(np.float64), np.clip(right, low, high).astype(np.float64)
    width = (high - low) / bins
    cumulated: NDArray[np.float64] = np.zeros(bins + 1)
    point = (right - left) < 1e-3 * width
    middle = np.clip(((left + right) / 2 - low) / width, 0, bins - 1).astype(np.int64)
    parts = np.bincount(middle[point], histogram.counts[point].astype(np.float64), minlength=bins)
    wide = ~point
    if wide.any():
        edges = np.linspace(low, high, bins + 1, dtype=np.float64)
        starts, ends, counts = left[wide], right[wide], histogram.counts[wide].astype(np.float64)
        cumulated = _cumulated(edges, starts, ends, counts)
    return parts + np.diff(cumulated)


def _cumulated(
    edges: NDArray[np.float64], starts: NDArray[np.float64], ends: NDArray[np.float64], counts: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Elements below each edge: source bins don't overlap, so their distribution function is piecewise linear."""
    total = np.concatenate([[0.0], np.cumsum(counts)])
    knots, values = np.empty(2 * len(starts)), np.empty(2 * len(starts))
    knots[0::2], knots[1::2] = starts, ends
    values[0::2], values[1::2] = total[:-1], total[1:]
    return np.interp(edges, knots, values)
