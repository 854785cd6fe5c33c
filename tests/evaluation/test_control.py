"""A way of choosing frames is judged beside random sets, with the chance of frames and of seeds in the interval."""

from __future__ import annotations

import math

import numpy as np
import pytest

from calibtui.evaluation.control import Difference, Seen, beside_control, difference_in_words, holm


def models(random: np.random.Generator, mean: float, seeds: int, between: float, frames: np.ndarray) -> list[Seen]:
    """Models whose mAP varies by seed around `mean` and, all alike, by the frames drawn."""
    maps = mean + between * random.standard_normal(seeds)
    return [Seen(float(value), value + frames) for value in maps]


def test_what_all_models_share_over_the_frames_cancels_out() -> None:
    frames = 0.05 * np.random.default_rng(0).standard_normal(1000)
    found = beside_control([Seen(0.52, 0.52 + frames)], [Seen(0.50, 0.50 + frames)] * 5, seed=0)
    assert found.points == pytest.approx(2.0)
    assert (found.low, found.high) == (pytest.approx(2.0), pytest.approx(2.0))


def test_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    random = np.random.default_rng(1)
    held = 0
    for trial in range(300):
        frames = 0.002 * random.standard_normal(400)
        treated, control = (models(random, 0.5, 8, 0.01, frames) for _ in range(2))
        found = beside_control(treated, control, seed=trial)
        held += found.low <= 0 <= found.high
    assert 0.88 <= held / 300 <= 0.99


def test_one_set_for_all_seeds_stands_alone_against_seeds_that_scatter() -> None:
    frames = np.zeros(1000)
    control = [Seen(value, value + frames) for value in (0.48, 0.49, 0.50, 0.51, 0.52)]
    found = beside_control([Seen(0.51, 0.51 + frames)], control, seed=0)
    assert found.points == pytest.approx(1.0)
    assert found.low < 1.0 < found.high
    assert found.p > 0.05


def test_holm_takes_the_smallest_times_all_and_never_goes_down() -> None:
    assert holm([0.01, 0.04, 0.03, 0.5]) == pytest.approx([0.04, 0.09, 0.09, 0.5])
    assert holm([0.9, 0.8]) == pytest.approx([1.0, 1.0])
    adjusted = holm([0.01, math.nan])
    assert adjusted[0] == pytest.approx(0.01)
    assert math.isnan(adjusted[1])


@pytest.mark.parametrize(
    ("difference", "sentence"),
    [
        (Difference(0.8, 0.3, 1.2, 0.002, 0.01), "better than random by 0.8 points [0.3, 1.2]"),
        (Difference(-4.05, -6.67, -1.89, 0.002, 0.01), "worse than random by 4.0 points [1.9, 6.7]"),
        (Difference(0.8, 0.1, 1.5, 0.03, 0.2), "no measurable difference from random (+0.8 points [+0.1, +1.5])"),
        (Difference(-0.04, -1, 1, 0.9, 0.9), "no measurable difference from random (+0.0 points [-1.0, +1.0])"),
        (Difference(0.1, math.nan, math.nan, math.nan), "no comparison: too few evaluation frames show an object"),
    ],
)
def test_the_verdict_is_a_sentence_and_may_be_that_there_is_none(difference: Difference, sentence: str) -> None:
    assert difference_in_words(difference) == sentence


def test_an_empty_side_is_refused() -> None:
    with pytest.raises(ValueError, match="either side"):
        beside_control([], [Seen(0.5, np.zeros(3))], seed=0)
