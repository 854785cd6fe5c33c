"""Many statistics into one: what `Statistics.merge` gives, at the cost of one pass over the counts."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from calibtui.core.errors import ModelError
from calibtui.quantization.histogram import Histogram
from calibtui.quantization.statistics import Statistics

_RANKS = 1 << 16


def merged_statistics(parts: Iterable[Statistics]) -> Statistics:
    """Of all frames of `parts` together, bit for bit what merging them one by one gives, in whatever order they come.

    `parts` may be made as they are read: one is held at a time. Memory: 512 KiB a tensor. Raises ModelError where
    there is none, they are of different models or tensors, or a frame is in two.
    """
    first: Statistics | None = None
    counts: dict[str, NDArray[np.int64]] = {}
    rows: dict[str, tuple[NDArray[np.float32], NDArray[np.float32]]] = {}
    for part in parts:
        if first is None:
            first = part
            counts = {name: np.zeros(_RANKS, np.int64) for name in part.histograms}
        elif (part.model_digest, part.plan, part.tensors) != (first.model_digest, first.plan, first.tensors):
            raise ModelError("Statistics of different models or tensors don't merge.", "Calibrate all parts alike.")
        for name, histogram in part.histograms.items():
            counts[name][histogram.ranks] += histogram.counts
        for frame, low, high in zip(part.frames, part.lows, part.highs, strict=True):
            if frame in rows:
                raise ModelError(f"Frame {frame} is in two of the statistics.", "Give every part its own frames.")
            rows[frame] = (low, high)
    if first is None:
        raise ModelError("No frame has been calibrated yet.", "Calibrate at least one frame.")
    frames = tuple(sorted(rows))
    return Statistics(
        first.model_digest,
        first.plan,
        first.tensors,
        frames,
        {name: _histogram(dense) for name, dense in counts.items()},
        np.stack([rows[frame][0] for frame in frames]),
        np.stack([rows[frame][1] for frame in frames]),
        first.heads,
    )


def _histogram(dense: NDArray[np.int64]) -> Histogram:
    ranks = np.flatnonzero(dense)
    return Histogram(ranks.astype(np.int32), dense[ranks])
