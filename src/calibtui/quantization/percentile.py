"""Ranges that leave out a share of the elements."""

from __future__ import annotations

import numpy as np

from calibtui.quantization.histogram import Histogram

Range = tuple[float, float]


def percentile_range(histogram: Histogram, extremes: Range, percentile: float, *, symmetric: bool) -> Range:
    """Range that holds `percentile` percent of the elements, cut the way onnxruntime's percentile calibrator cuts.

    Symmetric: the percentile of |x|, both ways. Else half of the rest is cut at each end. Each bound is the outer
    edge of the bin the percentile falls in, so it is under 0.8 % wider than the exact one, and never outside
    `extremes`.
    """
    low, high = histogram.edges()
    if symmetric:
        magnitude = np.maximum(np.abs(low), np.abs(high))
        order = np.argsort(magnitude, kind="stable")
        bound = magnitude[order][_place(histogram.counts[order], percentile / 100)]
        bound = min(float(bound), max(abs(extremes[0]), abs(extremes[1])))
        return -bound, bound
    cut = (1 - percentile / 100) / 2
    lowest = float(low[_place(histogram.counts, cut)])
    highest = float(high[_place(histogram.counts, 1 - cut)])
    return max(lowest, extremes[0]), min(highest, extremes[1])


def _place(counts: np.ndarray, share: float) -> int:
    """The first bin up to which at least `share` of the elements lie."""
    cumulated = np.cumsum(counts)
    return min(int(np.searchsorted(cumulated, share * cumulated[-1])), len(counts) - 1)
