"""Frames that together reach the activation ranges of the pool: greedy set cover.

A tensor's target is the range that all but a hundredth of the pool's frames stay within, so that neither a stray
element nor one crazy frame decides. A frame is worth what of the targets it reaches that no chosen frame does, less
a fourth of what it reaches beyond them: stretching a range costs every other frame its steps. Everything is reckoned
in whole 4096ths of the target's width, so that sums come out the same in any order.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Choice = tuple[int, str]
LEFT_OUT = 0.01
"""Share of the frames, at either end, that a target leaves out; at least one of eight frames and more."""
FEWEST = 8
UNITS = 4096
LEAST = UNITS // 20
"""A frame that adds less on balance, a twentieth of one tensor's width, is not taken for its extremes."""
DEARER = 4
"""What is clipped is lost, what is stretched is only coarser: reaching beyond the targets counts a fourth."""
CRAZY = UNITS // 2
"""Half of a target's width beyond it: a frame that reaches so far stretches the range."""


@dataclass(frozen=True)
class PoolRanges:
    """Ranges in units: `low`, `high` (N, T) int64, 0 and UNITS being a target's ends; `measured` (N,), the frames whose
    ranges are known; `kept` (T,) the tensors that have a width; `target_low`, `target_high` (T,) float64."""

    low: NDArray[np.int64]
    high: NDArray[np.int64]
    measured: NDArray[np.bool_]
    kept: NDArray[np.bool_]
    target_low: NDArray[np.float64]
    target_high: NDArray[np.float64]

    def reached(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """(T,) each: lowest and highest of the frames `rows`, zero included, since every scale represents it."""
        zero = self.zero
        if not len(rows):
            return zero, zero
        return np.minimum(self.low[rows].min(axis=0), zero), np.maximum(self.high[rows].max(axis=0), zero)

    @property
    def zero(self) -> NDArray[np.int64]:
        """(T,): where the value 0 lies."""
        width = np.where(self.kept, self.target_high - self.target_low, 1)
        zero: NDArray[np.int64] = np.rint(-self.target_low * UNITS / width).astype(np.int64)
        return zero


def pool_ranges(lows: NDArray[np.floating], highs: NDArray[np.floating]) -> PoolRanges:
    """From (N, T) bounds of the pool's frames, rows of nan where a frame was not measured.

    Raises ValueError where no frame was.
    """
    measured = ~np.isnan(lows).any(axis=1) & ~np.isnan(highs).any(axis=1)
    known = int(measured.sum())
    if not known:
        raise ValueError("no frame has known ranges")
    left_out = max(1, int(LEFT_OUT * known)) if known >= FEWEST else 0
    exact_low, exact_high = lows.astype(np.float64), highs.astype(np.float64)
    target_low = np.minimum(np.sort(exact_low[measured], axis=0)[left_out], 0)
    target_high = np.maximum(np.sort(exact_high[measured], axis=0)[known - 1 - left_out], 0)
    width = target_high - target_low
    kept = width > 0
    scale = UNITS / np.where(kept, width, 1)
    limit = 1 << 30

    def units(values: NDArray[np.float64]) -> NDArray[np.int64]:
        # A frame that was not measured reaches nothing but zero.
        known_values = np.where(measured[:, None], values, 0.0)
        steps: NDArray[np.int64] = np.rint(np.clip((known_values - target_low) * scale, -limit, limit)).astype(np.int64)
        return steps

    return PoolRanges(units(exact_low), units(exact_high), measured, kept, target_low, target_high)


def gains(
    pool: PoolRanges, low: NDArray[np.int64], high: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(N,) each, for every frame beside frames that reach `low` … `high`: what of the targets it adds, and what it adds
    beyond them."""
    new_low, new_high = np.minimum(pool.low, low), np.maximum(pool.high, high)

    def inside(lows: NDArray[np.int64], highs: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.minimum(highs, UNITS) - np.maximum(lows, 0)

    def beyond(lows: NDArray[np.int64], highs: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.maximum(highs - UNITS, 0) + np.maximum(-lows, 0)

    added = (inside(new_low, new_high) - inside(low, high))[:, pool.kept].sum(axis=1)
    excess = (beyond(new_low, new_high) - beyond(low, high))[:, pool.kept].sum(axis=1)
    return added, excess


def greedy_cover(
    pool: PoolRanges, free: NDArray[np.bool_], given: NDArray[np.int64], count: int
) -> list[tuple[int, int]]:
    """Up to `count` free frames, each the one of greatest gain less excess beside `given` and those before it, as long
    as it adds anything worth having; with each what it adds, in units over all tensors. Of equal ones
    the first."""
    low, high = pool.reached(given)
    open_ = free & pool.measured
    chosen: list[tuple[int, int]] = []
    while len(chosen) < count and open_.any():
        added, excess = gains(pool, low, high)
        worth = np.where(open_, added - excess // DEARER, -1)
        best = int(np.argmax(worth))
        if worth[best] < LEAST:
            break
        chosen.append((best, int(added[best])))
        open_[best] = False
        low, high = np.minimum(low, pool.low[best]), np.maximum(high, pool.high[best])
    return chosen


def range_cover(pool: PoolRanges, free: NDArray[np.bool_], given: NDArray[np.int64], count: int) -> list[Choice]:
    """`count` free frames: a cover of the pool's ranges, then frames in their order that stay within them.

    The cover is a few dozen frames of extremes; the rest keeps the set like the pool, for calibrators that read the
    whole distribution. Frames that would stretch a range come last, those that were not measured not at all.
    """
    whole = UNITS * int(pool.kept.sum())
    cover = greedy_cover(pool, free, given, count)
    chosen: list[Choice] = [
        (position, f"range: adds {100 * added / max(1, whole):.2f} % of the pool's ranges") for position, added in cover
    ]
    taken = np.array([position for position, _ in chosen], np.int64)
    rest = free & pool.measured
    rest[taken] = False
    low, high = pool.reached(np.concatenate([given, taken]))
    stretch = np.maximum(pool.high - np.maximum(high, UNITS), np.minimum(low, 0) - pool.low)[:, pool.kept]
    calm = stretch.max(axis=1, initial=0) <= CRAZY
    within = [(int(position), "within the pool's ranges") for position in np.flatnonzero(rest & calm)]
    beyond = [(int(position), "nothing else left: it stretches a range") for position in np.flatnonzero(rest & ~calm)]
    return (chosen + within + beyond)[:count]
