"""The range of every observed activation on every single frame, two ways: to its extremes, and without stray
elements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibtui.core.errors import ModelError
from calibtui.quantization.counting import CodeCounter
from calibtui.quantization.derivation import observation_plan
from calibtui.quantization.graph import graph_of
from calibtui.quantization.histogram import BINS
from calibtui.quantization.observation import Observer
from calibtui.quantization.prepare import PreparedModel

STRAY = 1e-4
"""Share of a frame's elements of one tensor that count as stray, half of them at each end."""
_NEGATIVE = 0x8000


@dataclass(frozen=True)
class FrameRanges:
    """`bounds` (F, 4, T) float32: of each frame of `frames` (digests) and each tensor the minimum, the maximum, and the
    lower and upper bound that leave stray elements out (outer edges of their bins, under 0.8 % wide)."""

    tensors: tuple[str, ...]
    frames: tuple[str, ...]
    bounds: NDArray[np.float32]

    @property
    def robust(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """(F, T) each: lows and highs without stray elements."""
        return self.bounds[:, 2], self.bounds[:, 3]


class FrameRangeMeter:
    """Runs the float model on one frame after another. Memory: one frame's activations, whatever their number."""

    def __init__(self, prepared: PreparedModel, tensors: Sequence[str], threads: int = 1) -> None:
        model = prepared.load()
        self.tensors = tuple(tensors)
        # Bounds follow only through monotonous functions, which is what the exact plan keeps to.
        self._plan = observation_plan(graph_of(model), tensors, exact=True)
        self._observer = Observer(model, self._plan.observed, threads)
        self._counter = CodeCounter()
        self._counts = np.zeros(BINS, np.int32)

    def measure(self, frame: str, feeds: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
        """(4, T) float32, see FrameRanges. Raises ModelError, naming tensor and frame, for NaN or infinite values."""
        found = self._observer.run(feeds)
        bounds = {name: self._bounds(frame, name, found[name]) for name in self._plan.observed}
        low, high = ({name: each[[place]] for name, each in bounds.items()} for place in (0, 1))
        stray_low, stray_high = ({name: each[[place]] for name, each in bounds.items()} for place in (2, 3))
        columns = [*self._plan.complete_extremes(low, high), *self._plan.complete_extremes(stray_low, stray_high)]
        return np.stack([np.concatenate([column[name] for name in self.tensors]) for column in columns])

    def _bounds(self, frame: str, name: str, values: NDArray[np.float32]) -> NDArray[np.float32]:
        self._counts[:] = 0
        low, high = self._counter.count(values, self._counts)
        if not (np.isfinite(low) and np.isfinite(high)):
            raise ModelError(
                f"Tensor {name!r} has NaN or infinite values on frame {frame}.",
                "Check the input's normalisation, and the model in float on this frame.",
            )
        stray = int(values.size * STRAY / 2)
        robust = lower_bound(self._counts, stray), upper_bound(self._counts, stray)
        return np.array([low, high, max(robust[0], float(low)), min(robust[1], float(high))], np.float32)


def upper_bound(counts: NDArray[np.int32], stray: int) -> float:
    """The outer edge of the highest bin with more than `stray` elements in and above it; `counts` (65536,) by code."""
    code = _beyond(counts[:_NEGATIVE][::-1], stray)
    if code is not None:
        return _edge(_NEGATIVE - 1 - code, outer=True)
    code = _beyond(counts[_NEGATIVE:], stray - int(counts[:_NEGATIVE].sum()))
    return 0.0 if code is None else -_edge(code, outer=False)


def lower_bound(counts: NDArray[np.int32], stray: int) -> float:
    """The outer edge of the lowest bin with more than `stray` elements in and below it."""
    code = _beyond(counts[_NEGATIVE:][::-1], stray)
    if code is not None:
        return -_edge(_NEGATIVE - 1 - code, outer=True)
    code = _beyond(counts[:_NEGATIVE], stray - int(counts[_NEGATIVE:].sum()))
    return 0.0 if code is None else _edge(code, outer=False)


def _beyond(counts: NDArray[np.int32], stray: int) -> int | None:
    """The first place up to which more than `stray` elements lie."""
    cumulated = np.cumsum(counts, dtype=np.int64)
    place = int(np.searchsorted(cumulated, stray, side="right"))
    return place if place < len(cumulated) else None


def _edge(magnitude: int, *, outer: bool) -> float:
    """A bin's edge away from zero, or towards it; the bin of zero itself holds zeros."""
    if magnitude == 0:
        return 0.0
    return float((np.array([magnitude + outer], np.uint32) << 16).view(np.float32)[0])
