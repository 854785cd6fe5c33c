"""How much of a difference in mAP is chance: a paired bootstrap over frames.

Source: Efron and Tibshirani, An Introduction to the Bootstrap (1993), percentile interval. Both models are weighed by
the same resample of frames, so that what is hard about a frame cancels out and only the difference between the models
is left.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibtui.evaluation.average_precision import average_precision
from calibtui.evaluation.protocol import Matches

BLOCK_BYTES = 64 << 20
BLOCK_COLUMNS = 512
FEW_UNITS = 30


@dataclass(frozen=True, slots=True)
class Drop:
    """What the other model loses against the reference, in percentage points of mAP; negative where it gains.

    `low`, `high`: the 95 % percentile interval; `probability`: the share of resamples in which the other model is
    worse (equal ones count half). All three are nan where fewer than two resampling `units` (frames, or clusters of
    them) are there.
    """

    points: float
    low: float
    high: float
    probability: float
    frames: int
    units: int
    replicates: int

    @property
    def measurable(self) -> bool:
        """Whether the interval leaves out zero, and the drop itself lies on the same side of it."""
        return (self.low > 0 and self.points > 0) or (self.high < 0 and self.points < 0)


def paired_drop(
    reference: Matches,
    other: Matches,
    *,
    seed: int,
    replicates: int = 1000,
    clusters: NDArray | None = None,  # type: ignore[type-arg]
) -> Drop:
    """The drop in mAP from `reference` to `other`, which matched the same frames, and its 95 % interval.

    Frames are drawn with replacement, the same for both. `clusters` (F,): frames with equal entries, as those of one
    sequence, are drawn together. A class that a resample does not show is left out of that resample's mean, in both.
    Raises ValueError where the two did not match the same frames and classes, or `clusters` is not one entry a frame.
    """
    if not _same_truth(reference, other):
        raise ValueError("the two models were not matched against the same frames")
    unit = _units(reference.frames, clusters)
    units = int(unit.max()) + 1 if len(unit) else 0
    once = np.ones((reference.frames, 1))
    points = 100 * float((_maps(reference, once) - _maps(other, once))[0])
    drops = np.zeros(0)
    if units > 1:
        blocks = _resamples(unit, units, seed, replicates, _columns(reference, other))
        drops = np.concatenate([100 * (_maps(reference, block) - _maps(other, block)) for block in blocks])
        drops = drops[~np.isnan(drops)]
    if not len(drops):
        return Drop(points, math.nan, math.nan, math.nan, reference.frames, units, 0)
    low, high = np.percentile(drops, [2.5, 97.5])
    probability = float(np.mean(drops > 0) + np.mean(drops == 0) / 2)
    return Drop(points, float(low), float(high), probability, reference.frames, units, len(drops))


def resampled_maps(
    matches: Matches,
    *,
    seed: int,
    replicates: int = 1000,
    clusters: NDArray | None = None,  # type: ignore[type-arg]
) -> NDArray[np.float64]:
    """(R,) mAP as fractions over resamples of the frames, nan where one shows no object: the same resamples for every
    model that matched the same frames, so that entries of two models are pairs. `clusters` as of `paired_drop`."""
    unit = _units(matches.frames, clusters)
    units = int(unit.max()) + 1 if len(unit) else 0
    if units < 2:
        return np.full(replicates, math.nan)
    blocks = _resamples(unit, units, seed, replicates, _columns(matches, matches))
    return np.concatenate([_maps(matches, block) for block in blocks])


def drop_in_words(drop: Drop, name: str = "INT8") -> str:
    """One line for people: what `name` loses or gains, or that no difference could be measured. A change is signed as
    seen from `name`: minus where it is worse."""
    if math.isnan(drop.points):
        return "no mAP: the evaluation frames show no object of the classes"
    digits = 1 if abs(drop.points) >= 0.1 else 2
    size = f"{abs(drop.points):.{digits}f} points"
    if math.isnan(drop.low):
        verb = "gains" if drop.points < 0 else "loses"
        return f"{name} {verb} {size} on {_counted(drop.units)}, too few for an interval"
    few = f", on only {_counted(drop.units)}" if drop.units < FEW_UNITS else ""
    if drop.low > 0 and drop.points > 0:
        return f"{name} loses {size} [{drop.low:.{digits}f}, {drop.high:.{digits}f}]{few}"
    if drop.high < 0 and drop.points < 0:
        return f"{name} gains {size} [{-drop.high:.{digits}f}, {-drop.low:.{digits}f}]{few}"
    point, low, high = (_signed(value, digits) for value in (-drop.points, -drop.high, -drop.low))
    return f"no measurable difference ({point} points [{low}, {high}]){few}"


def _signed(value: float, digits: int) -> str:
    """With its sign, and no minus before a zero."""
    return f"{round(value, digits) + 0.0:+.{digits}f}"


def _counted(units: int) -> str:
    return "1 frame or sequence" if units == 1 else f"{units} frames or sequences"


def _same_truth(reference: Matches, other: Matches) -> bool:
    return (
        (reference.frames, reference.classes) == (other.frames, other.classes)
        and np.array_equal(reference.truth_frame, other.truth_frame)
        and np.array_equal(reference.truth_counts, other.truth_counts)
        and np.array_equal(reference.truth_starts, other.truth_starts)
    )


def _units(frames: int, clusters: NDArray | None) -> NDArray[np.int64]:  # type: ignore[type-arg]
    """(F,): the resampling unit of each frame, counted from 0."""
    if clusters is None:
        return np.arange(frames)
    if np.shape(clusters) != (frames,):
        raise ValueError(f"{frames} frames, but clusters of shape {np.shape(clusters)}")
    return np.unique(clusters, return_inverse=True)[1].astype(np.int64, copy=False)


def _columns(reference: Matches, other: Matches) -> int:
    """How many replicates to weigh at once, so that the sums of the class with most objects stay within about
    BLOCK_BYTES: five copies of them live together, with some two detections for an object that are right at one
    threshold or another."""
    longest = max(int(np.diff(each.starts).max(initial=0)) for each in (reference, other))
    objects = int(np.diff(reference.truth_starts).max(initial=0))
    rows = 5 * min(longest, 2 * objects) + 3 * reference.frames + 1
    return max(1, min(BLOCK_COLUMNS, BLOCK_BYTES // (8 * rows)))


def _resamples(
    unit: NDArray[np.int64], units: int, seed: int, replicates: int, columns: int
) -> Iterator[NDArray[np.float64]]:
    """Blocks (F, ≤ columns): how often each frame is drawn. The draws do not depend on the size of the blocks."""
    random = np.random.default_rng(seed)
    for first in range(0, replicates, columns):
        width = min(columns, replicates - first)
        drawn = random.integers(units, size=(width, units)) + units * np.arange(width)[:, None]
        times = np.bincount(drawn.ravel(), minlength=width * units).reshape(width, units)
        yield np.ascontiguousarray(times.T[unit], np.float64)


def _maps(matches: Matches, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """mAP over all areas under each weighting (F, R): (R,), nan where no class has an object."""
    total = np.zeros(weights.shape[1])
    shown = np.zeros(weights.shape[1])
    for label in np.flatnonzero(np.diff(matches.truth_starts)):
        precision = average_precision(matches, weights, 0, int(label)).mean(axis=0)
        known = ~np.isnan(precision)
        total[known] += precision[known]
        shown += known
    with np.errstate(invalid="ignore"):
        maps: NDArray[np.float64] = total / shown
    return maps
