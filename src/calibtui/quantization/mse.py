"""Ranges with the smallest expected squared error, rounding and clipping together."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from calibtui.quantization.histogram import Histogram

Range = tuple[float, float]
Values = NDArray[np.float64]
# A bin near the extreme is wider than a quantization step: its elements are tried at this many places inside it.
_PLACES = 4
_WIDE = 1 / 2048
# Elements this much smaller than the extreme are 0 at every range that is tried.
_TINY = 2.0**-20
_SHARES = np.concatenate([np.linspace(1, 0.5, 16), np.geomspace(0.46, 0.02, 16)])
_FINER = np.linspace(0.92, 1.08, 5)


def mse_range(histogram: Histogram, extremes: Range, levels: int, *, symmetric: bool) -> Range:
    """The range among those tried whose `levels` values stand for the elements with the smallest mean squared error.

    Symmetric: one bound, both ways. Else both bounds shrink together first, then each by itself, then finer.
    """
    low, high = extremes
    if low == high:
        return low, high
    values, weights = elements(histogram)

    def error(tried: Range) -> float:
        return squared_error(values, weights, tried, levels, symmetric=symmetric)

    if symmetric:
        bound = max(abs(low), abs(high))
        best = min(((-bound * share, bound * share) for share in _SHARES), key=error)
        return min(((best[0] * finer, best[1] * finer) for finer in _within(_FINER, best[1], bound)), key=error)
    best = min((_clipped(low, high, share, share) for share in _SHARES), key=error)
    best = min(((low * share, best[1]) for share in _SHARES), key=error, default=best) if low < 0 else best
    best = min(((best[0], high * share) for share in _SHARES), key=error, default=best) if high > 0 else best
    finer = [(best[0] * a, best[1] * b) for a in _within(_FINER, best[0], low) for b in _within(_FINER, best[1], high)]
    return min(finer, key=error)


def squared_error(values: Values, weights: Values, tried: Range, levels: int, *, symmetric: bool) -> float:
    """Σ weight · (value − what its level stands for)². Levels as onnxruntime lays them: 0 is always one of them
    exactly.
    """
    low, high = min(tried[0], 0.0), max(tried[1], 0.0)
    scale = (high - low) / (levels - 1)
    if scale == 0:
        return float(np.dot(weights, values**2))
    lowest = -(levels // 2) if symmetric else -round(-low / scale)
    quantized = np.clip(np.rint(values / scale), lowest, lowest + levels - 1) * scale
    return float(np.dot(weights, (values - quantized) ** 2))


def elements(histogram: Histogram) -> tuple[Values, Values]:
    """Values that stand for the elements, and the share of the elements at each."""
    low, high = histogram.edges()
    shares = histogram.counts / histogram.counts.sum()
    centres = histogram.centres()
    furthest = float(np.abs(centres).max())
    tiny = np.abs(centres) < _TINY * furthest
    wide = (high - low > _WIDE * furthest) & ~tiny
    narrow = ~wide & ~tiny
    inside = (np.arange(_PLACES) + 0.5) / _PLACES
    spread = (low[wide, None] + (high - low)[wide, None] * inside).reshape(-1)
    values = np.concatenate([[0.0], centres[narrow], spread])
    weights = np.concatenate([[shares[tiny].sum()], shares[narrow], np.repeat(shares[wide] / _PLACES, _PLACES)])
    return values, weights


def _clipped(low: float, high: float, low_share: float, high_share: float) -> Range:
    """Both ends towards 0: the longer by its share, the shorter only where the threshold passes it."""
    furthest = max(abs(low), abs(high))
    return max(low, -furthest * low_share), min(high, furthest * high_share)


def _within(factors: Values, bound: float, extreme: float) -> Values:
    """Factors that don't lead past the extreme: a range wider than the data only makes the steps longer."""
    return factors[np.abs(bound * factors) <= abs(extreme) * (1 + 1e-12)] if bound else np.ones(1)
