"""Whether one way of choosing beats the control, with what chance adds through the frames and through the seeds.

Sources: Efron and Tibshirani (1993) for the two-level bootstrap; Rao and Wu, Journal of the American Statistical
Association 83 (1988), for drawing n − 1 of n seeds, without which the spread of a mean over few seeds comes out too
small; Holm, Scandinavian Journal of Statistics 6 (1979), for the correction over several comparisons.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SIGNIFICANT = 0.05
FEWEST_SEEDS = 5


@dataclass(frozen=True, slots=True)
class Seen:
    """One model: its mAP and the paired resamples of it (R,), fractions."""

    map: float
    maps: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Difference:
    """`points`: treated − control, percentage points of mAP, means over their seeds; `low`, `high`: its 95 % interval;
    `p`: two-sided, of no difference; `adjusted_p`: after Holm's correction."""

    points: float
    low: float
    high: float
    p: float
    adjusted_p: float = math.nan

    @property
    def measurable(self) -> bool:
        """Whether chance is ruled out, by the corrected p and by the interval."""
        return self.adjusted_p < SIGNIFICANT and (self.low > 0 or self.high < 0)


def beside_control(treated: Sequence[Seen], control: Sequence[Seen], *, seed: int) -> Difference:
    """The mean of `treated` (one a seed; a single one where the seed changes nothing) less that of `control`.

    Each replicate draws frames, the same for all models, and seeds of either side. Raises ValueError where a side is
    empty.
    """
    if not treated or not control:
        raise ValueError("a comparison needs a model on either side")
    points = 100 * (_mean(treated) - _mean(control))
    random = np.random.default_rng(seed)
    differences = 100 * (_drawn(treated, random) - _drawn(control, random))
    differences = differences[~np.isnan(differences)]
    if not len(differences) or math.isnan(points):
        return Difference(points, math.nan, math.nan, math.nan)
    low, high = np.percentile(differences, [2.5, 97.5])
    tail = min(int((differences <= 0).sum()), int((differences >= 0).sum()))
    return Difference(points, float(low), float(high), min(1.0, 2 * (tail + 1) / (len(differences) + 1)))


def holm(p_values: Sequence[float]) -> list[float]:
    """The p values after Holm's step-down correction, in the order given; nan stays nan and does not count."""
    known = [place for place, p in enumerate(p_values) if not math.isnan(p)]
    adjusted, highest = [math.nan] * len(p_values), 0.0
    for rank, place in enumerate(sorted(known, key=lambda place: p_values[place])):
        highest = max(highest, min(1.0, (len(known) - rank) * p_values[place]))
        adjusted[place] = highest
    return adjusted


def difference_in_words(difference: Difference, control: str = "random") -> str:
    """The verdict in one sentence."""
    if math.isnan(difference.low):
        return "no comparison: too few evaluation frames show an object"
    if difference.measurable:
        word = "better" if difference.points > 0 else "worse"
        low, high = sorted((abs(difference.low), abs(difference.high)))
        return f"{word} than {control} by {abs(difference.points):.1f} points [{low:.1f}, {high:.1f}]"
    return (
        f"no measurable difference from {control} ({_signed(difference.points)} points "
        f"[{_signed(difference.low)}, {_signed(difference.high)}])"
    )


def _mean(models: Sequence[Seen]) -> float:
    return float(np.mean([model.map for model in models]))


def _drawn(models: Sequence[Seen], random: np.random.Generator) -> NDArray[np.float64]:
    """(R,): of each replicate, the mean over seeds drawn anew."""
    maps = np.stack([model.maps for model in models])
    if len(models) == 1:
        return models[0].maps
    drawn = random.integers(len(models), size=(len(models) - 1, maps.shape[1]))
    mean: NDArray[np.float64] = np.take_along_axis(maps, drawn, axis=0).mean(axis=0)
    return mean


def _signed(value: float) -> str:
    return f"{round(value, 1) + 0.0:+.1f}"
