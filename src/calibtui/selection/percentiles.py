"""Ranks of difficulties, of which equal ones share the middle of the places they take."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def middle_ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N,): 1 for the smallest, N for the largest; ties get the mean of their ranks."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks: NDArray[np.float64] = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    return ranks
