"""Whether a set reaches the activation ranges of its pool: what would clip, by how much, and which frames would fix
it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from calibtui.selection.range_cover import CRAZY, UNITS, PoolRanges, greedy_cover, pool_ranges

State = Literal["good", "thin", "poor"]
CLIPS = 0.1
"""Share of a range's width that must be missing for the tensor to count as one that clips: less is lost to every
percentile."""
POOR_REACHED, POOR_MISSING = 0.8, 0.5
"""A set is poor where it reaches less of the pool's ranges, or misses more of one: clipping then shows in mAP."""
FIXES = 10


@dataclass(frozen=True, slots=True)
class TensorCoverage:
    """One activation: the set's range and the pool's (all but a hundredth of its frames), zero included. `missing`:
    what
    the set lacks, over the pool's width. `frames`: share of the pool's frames that would lose more than a tenth of the
    width."""

    tensor: str
    set_low: float
    set_high: float
    pool_low: float
    pool_high: float
    missing: float
    frames: float

    @property
    def clips(self) -> bool:
        return self.missing > CLIPS


@dataclass(frozen=True, slots=True)
class RangeCoverage:
    """`tensors` by what is missing, the most first. `fixes`: frames (indices) to add, best first; `clipping_after`:
    tensors that would still clip with all of them. `stretching`: (index, times) of set frames that reach furthest past
    the pool's ranges, the width with it over the pool's, worst first."""

    frames: int
    pool_frames: int
    tensors: tuple[TensorCoverage, ...]
    fixes: tuple[int, ...]
    clipping_after: int
    stretching: tuple[tuple[int, float], ...]

    @property
    def clipping(self) -> tuple[TensorCoverage, ...]:
        """The tensors that clip."""
        return tuple(each for each in self.tensors if each.clips)

    @property
    def reached(self) -> float:
        """Share of the pool's ranges that the set reaches, the mean over tensors."""
        return 1 - float(np.mean([each.missing for each in self.tensors])) if self.tensors else 1.0

    @property
    def state(self) -> State:
        clipping = self.clipping
        if not clipping and not self.stretching:
            return "good"
        lost = any(each.missing > POOR_MISSING for each in clipping)
        return "poor" if lost or self.reached < POOR_REACHED else "thin"

    @property
    def sentence(self) -> str:
        """The verdict."""
        clipping, all_ = self.clipping, len(self.tensors)
        begun = {"good": "The set is good", "thin": "The set is thin", "poor": "The set is poor"}[self.state]
        said = f"{begun}: it reaches {100 * self.reached:.1f} % of the pool's activation ranges"
        if clipping:
            worst = clipping[0]
            said += (
                f"; {len(clipping)} of {all_} tensors would clip, the worst, {worst.tensor}, by "
                f"{100 * worst.missing:.0f} % of its range, on {100 * worst.frames:.0f} % of the pool's frames"
            )
        else:
            said += f", and none of {all_} tensors would clip"
        if self.stretching:
            count, times = len(self.stretching), self.stretching[0][1]
            said += f"; {count} of its frames stretch{'es' if count == 1 else ''} ranges, up to {times:.1f}×"
        return f"{said}."


def range_coverage(
    tensors: Sequence[str], lows: NDArray[np.floating], highs: NDArray[np.floating], of_set: NDArray[np.int64]
) -> RangeCoverage:
    """Of the set `of_set` (indices) in a pool with bounds (N, T), nan where not measured; the set's must be known.

    Raises ValueError for an empty set.
    """
    if not len(of_set):
        raise ValueError("an empty set covers nothing")
    pool = pool_ranges(lows, highs)
    low, high = pool.reached(of_set)
    found = [
        _tensor(pool, name, column, int(low[column]), int(high[column]))
        for column, name in enumerate(tensors)
        if pool.kept[column]
    ]
    free = np.ones(len(lows), bool)
    free[of_set] = False
    fixes = tuple(position for position, _ in greedy_cover(pool, free, of_set, FIXES))
    after_low, after_high = pool.reached(np.concatenate([of_set, np.array(fixes, np.int64)]))
    lacking = (np.maximum(UNITS - after_high, 0) + np.maximum(after_low, 0))[pool.kept]
    return RangeCoverage(
        len(of_set),
        int(pool.measured.sum()),
        tuple(sorted(found, key=lambda each: (-each.missing, each.tensor))),
        fixes if any(each.clips for each in found) else (),
        int((lacking > CLIPS * UNITS).sum()),
        _stretching(pool, of_set),
    )


def _tensor(pool: PoolRanges, name: str, column: int, low: int, high: int) -> TensorCoverage:
    missing = max(0, UNITS - high) + max(0, low)
    lost = np.maximum(pool.high[:, column] - high, 0) + np.maximum(low - pool.low[:, column], 0)
    width = pool.target_high[column] - pool.target_low[column]
    return TensorCoverage(
        tensor=name,
        set_low=float(pool.target_low[column] + low * width / UNITS),
        set_high=float(pool.target_low[column] + high * width / UNITS),
        pool_low=float(pool.target_low[column]),
        pool_high=float(pool.target_high[column]),
        missing=missing / UNITS,
        frames=float((lost[pool.measured] > CLIPS * UNITS).mean()),
    )


def _stretching(pool: PoolRanges, of_set: NDArray[np.int64]) -> tuple[tuple[int, float], ...]:
    past = np.maximum(pool.high[of_set] - UNITS, -pool.low[of_set])[:, pool.kept].max(axis=1, initial=0)
    rows = [(int(index), 1 + float(each) / UNITS) for index, each in zip(of_set, past, strict=True) if each > CRAZY]
    return tuple(sorted(rows, key=lambda row: (-row[1], row[0])))
