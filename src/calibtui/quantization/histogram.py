"""Exact counts of float32 values in fixed bins: the upper 16 bits of the number's own code.

A bin is as wide as bfloat16's spacing, 0.4–0.8 % of the value, at every magnitude. No range has to be known
beforehand, so histograms of different frames and processes merge by adding integers, in any order. Bins are named by
rank, their place in the order of values: 0x8000 + code for positive codes, 0xFFFF − code for negative ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BINS = 1 << 16
_ZERO = 0x8000
_CODES = np.arange(BINS)
_RANK_OF_CODE = np.where(_CODES < _ZERO, _CODES + _ZERO, 0xFFFF - _CODES).astype(np.int32)
_CODE_OF_RANK = np.argsort(_RANK_OF_CODE).astype(np.int64)


@dataclass(frozen=True, slots=True)
class Histogram:
    """Bins that hold something: `ranks` (K,) int32, ascending in value; `counts` (K,) int64, all > 0."""

    ranks: NDArray[np.int32]
    counts: NDArray[np.int64]

    @property
    def total(self) -> int:
        """Elements counted."""
        return int(self.counts.sum())

    @classmethod
    def empty(cls) -> Histogram:
        return cls(np.zeros(0, np.int32), np.zeros(0, np.int64))

    @classmethod
    def of_counters(cls, counters: NDArray[np.integer]) -> Histogram:
        """From (65536,) counts by code. −0.0 counts as 0.0: the two are one value to a quantizer."""
        by_rank = counters[_CODE_OF_RANK].astype(np.int64)
        by_rank[_ZERO] += by_rank[_ZERO - 1]
        by_rank[_ZERO - 1] = 0
        ranks = np.flatnonzero(by_rank)
        return cls(ranks.astype(np.int32), by_rank[ranks])

    @classmethod
    def of_ranks(cls, ranks: NDArray[np.integer], counts: NDArray[np.int64]) -> Histogram:
        """From (K,) ranks in any order, repeated or not, with their counts."""
        kept, inverse = np.unique(ranks, return_inverse=True)
        summed = np.zeros(len(kept), np.int64)
        np.add.at(summed, inverse, counts)
        return cls(kept.astype(np.int32), summed)

    def counters(self) -> NDArray[np.int64]:
        """(65536,) counts by code."""
        dense = np.zeros(BINS, np.int64)
        dense[_CODE_OF_RANK[self.ranks]] = self.counts
        return dense

    def times(self, factor: int) -> Histogram:
        """Every element `factor` times."""
        return Histogram(self.ranks, self.counts * factor)

    def edges(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Lower and upper edge of each bin, (K,) each."""
        return edges_of(self.ranks)

    def centres(self) -> NDArray[np.float64]:
        """(K,) middles of the bins; 0 for the bin of zero, whose elements are zeros and not the tiny numbers beside
        it.
        """
        low, high = self.edges()
        return np.where(self.ranks == _ZERO, 0.0, (low + high) / 2)


def merged(parts: list[Histogram]) -> Histogram:
    """The histogram of all elements of `parts` together."""
    if not parts:
        return Histogram.empty()
    return Histogram.of_ranks(np.concatenate([part.ranks for part in parts]), np.concatenate([p.counts for p in parts]))


def ranks_of(values: NDArray[np.floating]) -> NDArray[np.int32]:
    """The rank of each value's bin; −0.0 as 0.0."""
    exact = np.ascontiguousarray(values, np.float32) + np.float32(0)
    ranks = _RANK_OF_CODE[exact.view(np.uint32) >> 16]
    return np.where(ranks == _ZERO - 1, _ZERO, ranks).astype(np.int32)


def edges_of(ranks: NDArray[np.integer]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Lower and upper edges of bins by rank, (K,) float64 each."""
    wide = np.asarray(ranks, np.int64)
    negative = wide < _ZERO
    magnitude = np.where(negative, 0xFFFF - wide - _ZERO, wide - _ZERO)
    near, far = _value_of_code(magnitude), _value_of_code(magnitude + 1)
    return np.where(negative, -far, near), np.where(negative, -near, far)


def _value_of_code(codes: NDArray[np.int64]) -> NDArray[np.float64]:
    with np.errstate(over="ignore"):
        return (codes.astype(np.uint32) << 16).view(np.float32).astype(np.float64)
