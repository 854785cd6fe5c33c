"""What the rest of a run will take, from the frames measured so far.

The frames measured must be a random draw from all of them (the run's order is shuffled by its seed); then the rest's
sum lies in the interval with the stated probability. It is the prediction interval for a sum of m further draws after
n: m·mean ± t(n − 1)·sd·√(m + m²/n), where m²/n is what the mean itself isn't known by (Hahn & Meeker, Statistical
Intervals, on the mean of future observations). It takes sums for normal. Where something rare is dear, it
promises a little much: with 5 % of the frames at twice the cost, nine in ten intervals from 50 frames hold, instead of
nineteen in twenty. No interval can foresee a change of prices or of the model.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev


@dataclass(frozen=True, slots=True)
class Spent:
    """What one frame took, retries included."""

    calls: int
    input_tokens: int
    output_tokens: int
    cost_micro_eur: int


@dataclass(frozen=True, slots=True)
class Estimate:
    """A sum over the remaining frames: expected, and the ends of its interval."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Forecast:
    """`cost_micro_eur` of the `remaining` frames; add what is spent already for the whole run."""

    remaining: int
    calls: Estimate
    input_tokens: Estimate
    output_tokens: Estimate
    cost_micro_eur: Estimate

    def passes(self, left_micro_eur: int) -> bool:
        """Whether the rest may cost more than this: the upper end counts, not the mean."""
        return self.cost_micro_eur.high > left_micro_eur


def forecast(measured: Sequence[Spent], remaining: int, *, confidence: float = 0.95) -> Forecast:
    """The rest of a run from at least two measured frames. Raises ValueError for fewer: they say nothing of spread."""
    if len(measured) < 2:
        raise ValueError(f"a forecast takes two measured frames, not {len(measured)}")
    return Forecast(
        remaining,
        calls=_sum_of([frame.calls for frame in measured], remaining, confidence),
        input_tokens=_sum_of([frame.input_tokens for frame in measured], remaining, confidence),
        output_tokens=_sum_of([frame.output_tokens for frame in measured], remaining, confidence),
        cost_micro_eur=_sum_of([frame.cost_micro_eur for frame in measured], remaining, confidence),
    )


def _sum_of(values: Sequence[int], remaining: int, confidence: float) -> Estimate:
    # Heavy to import, and only a forecast needs it.
    from scipy.special import stdtrit

    n, m = len(values), remaining
    mean = m * fmean(values)
    t = float(stdtrit(n - 1, 0.5 + confidence / 2))
    margin = t * stdev(values) * math.sqrt(m + m * m / n)
    return Estimate(mean, max(0.0, mean - margin), mean + margin)
