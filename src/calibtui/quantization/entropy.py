"""Ranges that lose the least information, after the method of TensorRT's INT8 calibrator.

Source: S. Migacz, "8-bit Inference with TensorRT", GPU Technology Conference 2017: over candidates for the clipping
threshold, compare the clipped distribution P, its outliers gathered in the last bin, with Q, what the quantizer's
levels can express of the unclipped part, and take the threshold with the smallest Kullback–Leibler divergence of Q
from P.

There activations are symmetric or begin at 0. Here the same search also serves tensors with both signs and asymmetric
levels: the threshold bounds |x|, and a side that is shorter than the threshold is kept whole.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from calibtui.quantization.histogram import Histogram
from calibtui.quantization.linear_bins import rebinned

# Sixteen bins a level over the whole range, and no threshold under one bin a level: both as in the source.
BINS = 4096
CANDIDATES = 128
_SMALLEST = 1 / 16
_FLOOR = 1e-9

Range = tuple[float, float]


def entropy_range(histogram: Histogram, extremes: Range, levels: int, *, symmetric: bool) -> Range:
    """The range among the candidates with the smallest divergence; `levels` values can be expressed in it."""
    low, high = extremes
    furthest = max(abs(low), abs(high))
    if furthest == 0 or low == high:
        return low, high
    if symmetric:
        low, high = -furthest, furthest
    elements = _without_spikes(rebinned(histogram, low, high, BINS), levels)
    width = (high - low) / BINS
    best, chosen = np.inf, (low, high)
    for threshold in furthest * np.geomspace(1, _SMALLEST, CANDIDATES):
        first = round((max(low, -threshold) - low) / width)
        last = max(round((min(high, threshold) - low) / width), first + 1)
        if last - first < levels:
            break
        divergence = _divergence(elements, first, last, levels)
        if divergence < best:
            best, chosen = divergence, (low + first * width, low + last * width)
    return max(chosen[0], low), min(chosen[1], high)


def _without_spikes(elements: NDArray[np.float64], levels: int) -> NDArray[np.float64]:
    """Cuts bins that tower over their surroundings down to them.

    Zeros of a Relu and the flat areas of a picture put much of a tensor on single values. A level expresses a single
    value well, but the divergence sees only that the level spreads it over its bins, and flees to thresholds that
    clip nearly everything. Implementations of the method leave the bin of zero out for this reason; flat areas have
    theirs anywhere.
    """
    # Heavy to import, and only this calibrator needs it.
    from scipy.ndimage import median_filter

    around: NDArray[np.float64] = median_filter(elements, 2 * BINS // levels + 1, mode="nearest")
    tallest: NDArray[np.float64] = np.maximum(2 * around, elements.sum() / BINS)
    return np.minimum(elements, tallest)


def _divergence(elements: NDArray[np.float64], first: int, last: int, levels: int) -> float:
    """KL(P ‖ Q) of clipping to the bins [first, last)."""
    inside = elements[first:last]
    clipped = inside.copy()
    clipped[0] += elements[:first].sum()
    clipped[-1] += elements[last:].sum()
    starts = (np.arange(levels) * len(inside)) // levels
    lengths = np.diff(np.append(starts, len(inside)))
    occupied = inside > 0
    shared = np.add.reduceat(inside, starts) / np.maximum(np.add.reduceat(occupied.astype(np.float64), starts), 1)
    expressed = np.where(occupied, np.repeat(shared, lengths), 0.0)
    total_p, total_q = clipped.sum(), expressed.sum()
    if total_p == 0 or total_q == 0:
        return np.inf
    p, q = clipped / total_p, np.maximum(expressed / total_q, _FLOOR)
    held = p > 0
    return float(np.sum(p[held] * np.log(p[held] / q[held])))
