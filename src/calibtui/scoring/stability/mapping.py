"""One model's scores on another's scale, learnt from anchor frames that both have scored.

Two models' difficulties never mix raw: one is kinder, one uses only half of the scale. The map is an isotonic
regression (Barlow, Bartholomew, Bremner and Brunk, Statistical Inference under Order Restrictions, 1972): the
non-decreasing function with the least squared error over the anchors. It takes no shape for granted and keeps the
order of the frames. Quantile matching would keep the other model's spread, but it looks only at the two distributions
and so would map as confidently where the two models disagree on every frame; this one then becomes flat, and says so.

Between the centres of its steps the map is a straight line, so that different scores stay different; beyond the first
and the last it stays at their value: nothing is extrapolated. Its error is measured on anchors that it wasn't fitted
to.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from calibtui.core.errors import ConfigurationError

ANCHORS = 200
"""Anchors to ask for: about 20 for each tenth of the scale."""
FEWEST_ANCHORS = 20
_FOLDS = 10

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ScoreMapping:
    """A non-decreasing, piecewise linear map: score `knots[i]` becomes `values[i]`.

    `residual_sd` and `residual95`: the root mean square and the 95th percentile of the absolute error, each anchor
    predicted by a map fitted to nine tenths of the others. `raw_sd`: the root mean square difference without any map.
    `spread`: standard deviation of the mapped anchors over that of the scores they stand for, in [0, 1]; well under 1
    the two models disagree, and mapped frames crowd in the middle of the other's scale.
    """

    anchors: int
    knots: tuple[float, ...]
    values: tuple[float, ...]
    residual_sd: float
    residual95: float
    raw_sd: float
    spread: float

    def __call__(self, scores: ArrayLike) -> Values:
        """Difficulties of the one model, any shape, on the other's scale."""
        return np.interp(np.asarray(scores, np.float64), self.knots, self.values)

    @property
    def sentence(self) -> str:
        """The map in words."""
        gain = f"within {self.residual_sd:.2f} (root mean square), {self.raw_sd:.2f} without it"
        warning = (
            f"; the two disagree on much, so mapped scores keep only {self.spread:.0%} of the spread"
            if self.spread < 0.5
            else ""
        )
        return (
            f"Mapped through {self.anchors} anchor frames, one model's difficulty predicts the other's {gain}{warning}."
        )


def fitted_mapping(source: ArrayLike, target: ArrayLike) -> ScoreMapping:
    """The map from `source` to `target`, (N,) difficulties that the two models gave the same anchor frames.

    Raises ConfigurationError for different lengths, fewer than 20 anchors, or a difficulty that is no number.
    """
    x, y = np.asarray(source, np.float64), np.asarray(target, np.float64)
    _check(x, y)
    knots, values = _isotonic(x, y)
    errors = np.abs(_held_out(x, y) - y)
    mapped, wanted = np.interp(x, knots, values).std(), y.std()
    return ScoreMapping(
        anchors=len(x),
        knots=tuple(knots.tolist()),
        values=tuple(values.tolist()),
        residual_sd=float(np.sqrt(np.mean(errors**2))),
        residual95=float(np.quantile(errors, 0.95)),
        raw_sd=float(np.sqrt(np.mean((x - y) ** 2))),
        spread=min(1.0, float(mapped / wanted)) if wanted > 0 else 1.0,
    )


def _isotonic(x: Values, y: Values) -> tuple[Values, Values]:
    """Centres and heights of the steps. Anchors of one score are one point with their number as its weight, else their
    order would matter."""
    # Heavy to import, and few runs have two judges.
    from scipy.optimize import isotonic_regression

    points, inverse, counts = np.unique(x, return_inverse=True, return_counts=True)
    means = np.bincount(inverse, y) / counts
    steps = isotonic_regression(means, weights=counts.astype(np.float64)).blocks
    centres = [np.average(points[a:b], weights=counts[a:b]) for a, b in pairwise(steps)]
    heights = [np.average(means[a:b], weights=counts[a:b]) for a, b in pairwise(steps)]
    return np.array(centres), np.array(heights)


def _held_out(x: Values, y: Values) -> Values:
    """(N,): each anchor predicted without it. Every tenth in order of the source's score makes a fold, so each fold
    covers the scale."""
    fold = np.empty(len(x), np.int64)
    fold[np.lexsort((y, x))] = np.arange(len(x)) % _FOLDS
    predicted = np.empty(len(x))
    for number in range(_FOLDS):
        left_out = fold == number
        predicted[left_out] = np.interp(x[left_out], *_isotonic(x[~left_out], y[~left_out]))
    return predicted


def _check(x: Values, y: Values) -> None:
    if x.ndim != 1 or x.shape != y.shape:
        raise ConfigurationError(
            f"{x.size} and {y.size} scores can't be anchors of each other.", "Score the same frames with both models."
        )
    if len(x) < FEWEST_ANCHORS:
        raise ConfigurationError(
            f"{len(x)} anchor frames are too few to map scores.", f"Score {ANCHORS} frames with both models."
        )
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise ConfigurationError("An anchor's difficulty is no number.", "Leave out the frames that failed.")
