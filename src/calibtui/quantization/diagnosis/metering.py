"""Error of one tensor, added up frame by frame: sums alone are kept, so memory doesn't grow with the frames."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibtui.quantization.diagnosis.integers import RoundedTensor

BULK = 0.999
"""The share of the elements whose steps count as used."""
EXACT = 150.0
"""dB: float32 itself holds no more."""


@dataclass(frozen=True, slots=True)
class TensorFigures:
    """One rounded activation over the sample.

    `rounding_db`: the signal over what rounding this tensor alone costs, dB; `sqnr_db`: over its whole error in the
    INT8 model, that of everything before it included. `clipped`: share of the elements outside the range;
    `used`: share of the range's steps that hold the middle 99.9 % of the elements. By channel along `axis`, (C,) each:
    `peaks` the largest magnitude, `signal` the power, `noise` that of rounding. `low`, `high`: seen; `range_low`,
    `range_high`: of the file.
    """

    name: str
    rounding_db: float
    sqnr_db: float
    clipped: float
    used: float
    low: float
    high: float
    range_low: float
    range_high: float
    axis: int
    peaks: NDArray[np.float32]
    signal: NDArray[np.float64]
    noise: NDArray[np.float64]


class TensorMeter:
    """Takes in one tensor of the float model, and the same of the INT8 model, frame by frame."""

    def __init__(self, rounded: RoundedTensor, axis: int) -> None:
        self._rounded = rounded
        self._axis = axis
        self._signal: NDArray[np.float64] | None = None
        self._own = np.zeros(0)
        self._whole = 0.0
        self._peaks = np.zeros(0, np.float32)
        self._steps: NDArray[np.int64] = np.zeros(rounded.top - rounded.bottom + 1, np.int64)
        self._clipped = 0
        self._elements = 0
        self._low, self._high = math.inf, -math.inf

    def add(self, exact: NDArray[np.float32], found: NDArray[np.float32]) -> None:
        """`exact` as the float model has it, `found` as the INT8 model does; of the same shape."""
        values = _by_channel(exact, self._axis)
        steps = self._rounded.steps(values)
        bottom, top = self._rounded.bottom, self._rounded.top
        self._clipped += int(((steps < bottom) | (steps > top)).sum())
        np.clip(steps, bottom, top, out=steps)
        self._steps += np.bincount((steps - bottom).astype(np.int64).reshape(-1), minlength=len(self._steps))
        own = values - (steps - np.float32(self._rounded.zero_point)) * np.float32(self._rounded.scale)
        whole = (exact - found).reshape(-1)
        if self._signal is None:
            self._signal, self._own = np.zeros(len(values)), np.zeros(len(values))
            self._peaks = np.zeros(len(values), np.float32)
        self._signal += _power(values)
        self._own += _power(own)
        self._whole += float(np.dot(whole, whole))
        np.maximum(self._peaks, np.abs(values).max(axis=1, initial=0), out=self._peaks)
        self._elements += values.size
        self._low = min(self._low, float(values.min(initial=math.inf)))
        self._high = max(self._high, float(values.max(initial=-math.inf)))

    @property
    def figures(self) -> TensorFigures:
        """Of all frames so far."""
        signal = np.zeros(0) if self._signal is None else self._signal
        return TensorFigures(
            name=self._rounded.name,
            rounding_db=decibel(float(signal.sum()), float(self._own.sum())),
            sqnr_db=decibel(float(signal.sum()), self._whole),
            clipped=self._clipped / max(1, self._elements),
            used=self._used(),
            low=self._low,
            high=self._high,
            range_low=self._rounded.low,
            range_high=self._rounded.high,
            axis=self._axis,
            peaks=self._peaks,
            signal=signal,
            noise=self._own,
        )

    def _used(self) -> float:
        total = self._steps.sum()
        if not total:
            return 0.0
        cumulated = np.cumsum(self._steps) / total
        first = int(np.searchsorted(cumulated, (1 - BULK) / 2, side="right"))
        last = min(int(np.searchsorted(cumulated, (1 + BULK) / 2)), len(cumulated) - 1)
        return (last - first + 1) / len(self._steps)


def decibel(signal: float, noise: float) -> float:
    """10 log10 of signal power over noise power, at most ±EXACT, which is also what no noise at all counts as."""
    if noise <= 0:
        return EXACT
    return max(-EXACT, min(EXACT, 10 * math.log10(signal / noise))) if signal > 0 else -EXACT


def _by_channel(values: NDArray[np.float32], axis: int) -> NDArray[np.float32]:
    """(C, elements)."""
    if values.ndim == 0:
        return values.reshape(1, 1)
    return np.ascontiguousarray(np.moveaxis(values, axis, 0)).reshape(values.shape[axis], -1)


def _power(values: NDArray[np.float32]) -> NDArray[np.float64]:
    power: NDArray[np.float64] = np.einsum("cn,cn->c", values, values).astype(np.float64)
    return power
