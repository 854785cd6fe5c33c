"""Cosine similarities that come out the same on every machine.

A float32 matrix product sums in an order that depends on the BLAS, its threads and the CPU, so its last bits do too,
and a greedy choice between two nearly equal frames would tip over with them. Here every component of a unit vector is
rounded to a whole number of steps, few enough that all partial sums stay whole numbers below 2²⁴ (Cauchy-Schwarz
bounds them by the product of the lengths). Float32 holds those exactly, so any order of summing gives the same
product. What it costs is an error of about 1e-4 in a cosine.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

EXACT = 4095
ROWS_AT_ONCE = 16_384


@dataclass(frozen=True, slots=True)
class Vectors:
    """`steps` (N, D) float32 whole numbers, one row a frame; `one` is the product that stands for a cosine of 1."""

    steps: NDArray[np.float32]
    one: float

    def __len__(self) -> int:
        return len(self.steps)

    def products(self, rows: NDArray[np.int64], columns: NDArray[np.int64]) -> NDArray[np.float32]:
        """(R, C): similarity × `one` between frames, exact."""
        product: NDArray[np.float32] = self.steps[rows] @ self.steps[columns].T
        return product

    def closest(self, columns: NDArray[np.int64]) -> NDArray[np.float32]:
        """(N,): the largest product of each frame with any of `columns`; −`one` where there are none."""
        largest = np.full(len(self), -self.one, np.float32)
        others = self.steps[columns].T
        if len(columns):
            for first in range(0, len(self), ROWS_AT_ONCE):
                rows = slice(first, first + ROWS_AT_ONCE)
                np.max(self.steps[rows] @ others, axis=1, out=largest[rows])
        return largest


def vectors(descriptors: NDArray[np.float32], order: NDArray[np.int64]) -> Vectors:
    """The rows `order` of descriptors (N, D), brought to unit length and rounded to steps. A row of zeros stays zero,
    and so resembles nothing."""
    dimensions = descriptors.shape[1]
    # Rounding lengthens a row by at most √D / 2 steps, which must not carry it past EXACT.
    unit = max(1.0, np.floor(EXACT - np.sqrt(dimensions) / 2))
    steps = np.empty((len(order), dimensions), np.float32)
    for first in range(0, len(order), ROWS_AT_ONCE):
        rows = descriptors[order[first : first + ROWS_AT_ONCE]].astype(np.float64)
        length = np.sqrt(np.einsum("nd,nd->n", rows, rows))[:, None]
        steps[first : first + ROWS_AT_ONCE] = np.rint(rows * (unit / np.where(length > 0, length, 1)))
    return Vectors(steps, float(unit * unit))
