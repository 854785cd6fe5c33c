"""Frames that stretch the range of an activation on their own.

The statistics hold every frame's exact extremes, so what the range would be without a frame is known without running
anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from calibtui.quantization.statistics import Statistics

Range = tuple[float, float]
LEAST = 1.5
FEWEST_FRAMES = 4


@dataclass(frozen=True, slots=True)
class Stretch:
    """`frame` (its digest) alone makes the ranges of tensors wider. `times`: by tensor, the width with it over that
    without; `without`: those tensors' ranges without it."""

    frame: str
    times: Mapping[str, float]
    without: Mapping[str, Range]

    @property
    def worst(self) -> float:
        return max(self.times.values())


def stretches(statistics: Statistics, ranges: Mapping[str, Range], *, least: float = LEAST) -> tuple[Stretch, ...]:
    """Frames without which a tensor's range in use would be `least` times narrower, the worst first.

    `ranges` are those in use, zero included by the quantizer: where they are narrower than the extremes, as a
    percentile's are, a frame counts only as far as they reach beyond every other frame's extremes. Sets of fewer than
    four frames have no odd one out.
    """
    if len(statistics.frames) < FEWEST_FRAMES:
        return ()
    found: dict[str, dict[str, tuple[float, Range]]] = {}
    for column, tensor in enumerate(statistics.tensors):
        if tensor not in ranges:
            continue
        low, high = min(ranges[tensor][0], 0.0), max(ranges[tensor][1], 0.0)
        lows, highs = statistics.lows[:, column], statistics.highs[:, column]
        for frame in {int(lows.argmin()), int(highs.argmax())}:
            rest = np.arange(len(lows)) != frame
            kept = max(low, min(float(lows[rest].min()), 0.0)), min(high, max(float(highs[rest].max()), 0.0))
            width = kept[1] - kept[0]
            if width > 0 and high - low >= least * width:
                found.setdefault(statistics.frames[frame], {})[tensor] = ((high - low) / width, kept)
    made = (
        Stretch(frame, {name: each[0] for name, each in rows.items()}, {name: each[1] for name, each in rows.items()})
        for frame, rows in found.items()
    )
    return tuple(sorted(made, key=lambda each: (-each.worst, each.frame)))
