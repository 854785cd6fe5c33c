"""The inner loop of calibration: counters[code] += 1 for every element of an activation.

numpy's bincount converts to 64 bits, finds the extremes, and allocates all bins at every call; on activations of a
few ten thousand elements that costs more than the counting. scipy's column-indexing kernel begins with the bare loop,
in place; with no rows and no columns it does nothing else. It is not a documented interface, so it is tried on a
known input first, and bincount takes over wherever it is missing or answers differently.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from calibtui.quantization.histogram import BINS

# A block, its codes and the bins in use stay in the second-level cache together; smaller ones cost more calls than
# they save.
BLOCK = 1 << 17

CountKernel = Callable[[NDArray[np.int32], NDArray[np.int32]], None]


class CodeCounter:
    """Counts float32 arrays by their upper 16 bits into (65536,) int32 counters, in place, without a copy."""

    def __init__(self, kernel: CountKernel | None = None) -> None:
        self._codes = np.empty(BLOCK, np.uint32)
        self._kernel = kernel or fastest_kernel()

    def count(self, values: NDArray[np.float32], counters: NDArray[np.int32]) -> tuple[np.float32, np.float32]:
        """Adds `values` (N,) contiguous to `counters`; returns their exact extremes, NaN where one is NaN."""
        bits = values.view(np.uint32)
        if len(bits) <= BLOCK:
            return self._count_block(values, bits, counters)
        starts = range(0, len(bits), BLOCK)
        found = [self._count_block(values[i : i + BLOCK], bits[i : i + BLOCK], counters) for i in starts]
        lowest, highest = zip(*found, strict=True)
        return np.minimum.reduce(lowest), np.maximum.reduce(highest)

    def _count_block(
        self, values: NDArray[np.float32], bits: NDArray[np.uint32], counters: NDArray[np.int32]
    ) -> tuple[np.float32, np.float32]:
        codes = self._codes[: len(bits)]
        np.right_shift(bits, 16, out=codes)
        self._kernel(codes.view(np.int32), counters)
        return np.minimum.reduce(values), np.maximum.reduce(values)


def extremes(values: NDArray[np.float32]) -> tuple[np.float32, np.float32]:
    """Exact minimum and maximum of (N,) values; NaN where one is NaN."""
    return np.minimum.reduce(values), np.maximum.reduce(values)


@functools.cache
def fastest_kernel() -> CountKernel:
    """The in-place loop where it proves itself on a known input, else bincount."""
    loop = _scipy_loop()
    return loop if loop is not None and _counts_right(loop) else bincount_kernel


def bincount_kernel(codes: NDArray[np.int32], counters: NDArray[np.int32]) -> None:
    """counters[code] += 1 with numpy alone."""
    counters += np.bincount(codes, minlength=BINS).astype(np.int32)


def _scipy_loop() -> CountKernel | None:
    try:
        from scipy.sparse import _sparsetools

        loop = _sparsetools.csr_column_index1
    except (ImportError, AttributeError):
        return None
    nothing, pointer = np.zeros(1, np.int32), np.zeros(1, np.int32)

    def kernel(codes: NDArray[np.int32], counters: NDArray[np.int32]) -> None:
        loop(len(codes), codes, 0, 0, nothing, nothing, counters, pointer)

    return kernel


def _counts_right(kernel: CountKernel) -> bool:
    codes = np.array([0, 1, 1, 0x7F80, 0xFFFF, 0xFFFF, 0xFFFF], np.int32)
    expected = np.bincount(codes, minlength=BINS)
    counters = np.zeros(BINS, np.int32)
    try:
        kernel(codes, counters)
        kernel(codes, counters)
    except Exception:  # whatever another version of scipy makes of the call, the slower way is right
        return False
    return np.array_equal(counters, 2 * expected)
