"""How sure a drop within the limit is: what a few annotated frames say of it, and what the output error does.

On some ten frames the drop in mAP of two nearly equal models is chance to a good part: its standard deviation is a
point and more, and of many trials one looks good by luck. The output error hardly varies by chance. Measured on three
families of detectors (YOLOX, NanoDet, a YOLOv8-like one) with several calibration sets, an error e goes with a loss of
about e² of the mAP, a fourth of that or twice as much for single recipes. Both are combined by their variances, so that
with many annotated frames the measured drop decides nearly alone.
"""

from __future__ import annotations

import math
from statistics import NormalDist

LOSS = 1.0
"""Of the mAP, for an output error of 1."""
SPREAD, LEAST_SPREAD = 0.8, 0.1
"""Standard deviation of that expectation: a share of it, and points that are always added."""
MARGIN = 1 / 5
"""Of the limit: the drop that the output error of a recipe should let expect at most. The rest is for what that
expectation is off by, nearly as much again, and for the chance in the drop on the report frames."""
SMALL_CHANCE = 1 / 3
"""Of the limit: the standard deviation up to which a measured drop says more than the output error."""
# A measured drop is never exact, even where a bootstrap of very few frames says so.
_LEAST_SD = 0.05


def expected_drop(error: float, reference_map: float) -> tuple[float, float]:
    """Points of mAP that an output error lets expect, and their standard deviation. `reference_map` in [0, 1]."""
    points = 100 * reference_map * min(1.0, LOSS * error**2)
    return points, SPREAD * points + LEAST_SPREAD


def error_with_margin(limit: float, reference_map: float) -> float:
    """The output error that lets expect a drop of MARGIN × `limit` points."""
    return math.sqrt(MARGIN * limit / (100 * LOSS * max(reference_map, 1e-3)))


def probability_within(
    limit: float, *, error: float, reference_map: float, drop: float | None, sd: float | None
) -> float:
    """Of a drop of at most `limit` points. `drop`: measured, with its standard deviation `sd`; None: not measured."""
    mean, spread = expected_drop(error, reference_map)
    if drop is not None and sd is not None:
        weights = 1 / spread**2, 1 / max(sd, _LEAST_SD) ** 2
        mean = (weights[0] * mean + weights[1] * drop) / sum(weights)
        spread = sum(weights) ** -0.5
    return NormalDist(mean, spread).cdf(limit)
