"""Two passes over the same frames: how much of the order, and of the hardest frames, comes back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import isnan, nan

import numpy as np
from numpy.typing import ArrayLike, NDArray

from calibtui.core.errors import ConfigurationError
from calibtui.scoring.stability.rank_measures import Values, kendall, spearman, top_overlap

FEWEST = 10
REPLICATES = 1000
_LEAST_DEFINED = 0.95
"""Share of the resamples in which a measure must exist for its interval to be one of it."""

Measure = Callable[[Values, Values], float]


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its 95 % interval. All NaN where the measure doesn't exist, such as a rank correlation with
    scores that are all equal; `low` and `high` NaN where it exists here but not in most resamples."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        if isnan(self.value):
            return "undefined"
        return f"{self.value:.2f}" if isnan(self.low) else f"{self.value:.2f} ({self.low:.2f} to {self.high:.2f})"


@dataclass(frozen=True, slots=True)
class Agreement:
    """Two passes over `frames` frames, difficulty in [0, 1].

    `top_overlap`: the share of the `top` hardest of one pass that are among those of the other. `difference`: the mean
    absolute difference; `difference95`: its 95th percentile, which is the least tolerance that makes sense wherever
    two answers are compared. `ties`: the largest share of frames that one pass gave the same difficulty.
    """

    frames: int
    top: int
    spearman: Interval
    kendall: Interval
    top_overlap: Interval
    difference: float
    difference95: float
    ties: float

    @property
    def sentence(self) -> str:
        """The agreement in words; intervals are at 95 %."""
        if isnan(self.spearman.value):
            return f"One pass gave all {self.frames} frames the same difficulty, so there is no order to agree on."
        overlap = self.top_overlap
        known = "" if isnan(overlap.low) else f" ({overlap.low:.0%} to {overlap.high:.0%})"
        return (
            f"Over {self.frames} frames two passes agree with Spearman {self.spearman} and Kendall {self.kendall}; of "
            f"the {self.top} hardest frames {overlap.value:.0%}{known} come back, and the same frame's difficulty "
            f"differs by {self.difference:.2f} on average."
        )


def agreement(
    first: ArrayLike, second: ArrayLike, *, top: int | None = None, seed: int = 0, replicates: int = REPLICATES
) -> Agreement:
    """Compares two passes, (N,) difficulties of the same frames in the same order.

    `top`: how many hardest frames count as chosen, a tenth of them if not given; for a set of S frames out of a pool
    of P, give S / P × N. The intervals are bootstrap percentiles over frames (Efron and Tibshirani, An Introduction to
    the Bootstrap, chapter 13), all measures on the same resamples; the same seed gives the same interval. A frame that
    a resample holds twice is tied with itself, which can move a whole interval a little to one side: one that leaves
    its own estimate out is widened to hold it.

    Raises ConfigurationError for different lengths, fewer than 10 frames, a difficulty that is no number, and a `top`
    outside 1 to N.
    """
    x, y = _checked(first, second)
    count = len(x)
    hardest = max(1, count // 10) if top is None else top
    if not 1 <= hardest <= count:
        raise ConfigurationError(f"The top {hardest} of {count} frames doesn't exist.", f"Ask for 1 to {count}.")

    def overlap(a: Values, b: Values) -> float:
        return top_overlap(a, b, hardest)

    rho, tau, shared = _intervals((spearman, kendall, overlap), x, y, seed, replicates)
    differences = np.abs(x - y)
    return Agreement(
        count, hardest, rho, tau, shared,
        float(differences.mean()), float(np.quantile(differences, 0.95)), max(_largest_tie(x), _largest_tie(y)),
    )  # fmt: skip


def _checked(first: ArrayLike, second: ArrayLike) -> tuple[Values, Values]:
    x, y = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if x.ndim != 1 or x.shape != y.shape:
        raise ConfigurationError(
            f"Two passes of {x.size} and {y.size} frames can't be compared.", "Give both for the same frames."
        )
    if len(x) < FEWEST:
        raise ConfigurationError(
            f"{len(x)} frames say nothing about stability.", f"Score at least {FEWEST} of them twice."
        )
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise ConfigurationError("A difficulty is no number.", "Leave out the frames that failed.")
    return x, y


def _intervals(measures: tuple[Measure, ...], x: Values, y: Values, seed: int, replicates: int) -> tuple[Interval, ...]:
    generator = np.random.default_rng(seed)
    resampled = np.empty((replicates, len(measures)))
    for row in resampled:
        drawn = generator.integers(0, len(x), len(x))
        a, b = x[drawn], y[drawn]
        row[:] = [measure(a, b) for measure in measures]
    return tuple(_interval(measure(x, y), resampled[:, column]) for column, measure in enumerate(measures))


def _interval(value: float, resampled: NDArray[np.float64]) -> Interval:
    defined = resampled[~np.isnan(resampled)]
    if isnan(value) or len(defined) < max(1, _LEAST_DEFINED * len(resampled)):
        return Interval(value, nan, nan)
    low, high = (float(edge) for edge in np.quantile(defined, (0.025, 0.975)))
    return Interval(value, min(low, value), max(high, value))


def _largest_tie(values: Values) -> float:
    return float(np.unique(values, return_counts=True)[1].max()) / len(values)
