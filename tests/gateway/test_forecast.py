"""What the rest of a run will cost is told with an interval that keeps its word."""

from __future__ import annotations

import random

import pytest

from calibtui.gateway.money.forecast import Spent, forecast


def frame(rng: random.Random, retried: float = 0.0) -> Spent:
    calls = 1 + (rng.random() < retried)
    output = max(5, round(rng.gammavariate(4, 15)))
    return Spent(calls, 1100 * calls, output, 2530 * calls + round(9.2 * output))


@pytest.mark.parametrize(("retried", "least"), [(0.0, 0.92), (0.05, 0.87)])
def test_nineteen_of_twenty_intervals_hold_what_really_came(retried, least):
    """A few less where one frame in twenty costs twice as much: 50 frames know little of what is rare."""
    rng, inside, rounds = random.Random(5), 0, 300
    for _ in range(rounds):
        measured = [frame(rng, retried) for _ in range(50)]
        rest = sum(frame(rng, retried).cost_micro_eur for _ in range(200))
        estimate = forecast(measured, 200).cost_micro_eur
        inside += estimate.low <= rest <= estimate.high
    assert least <= inside / rounds <= 0.98


def test_the_expectation_is_the_mean_times_what_remains():
    told = forecast([Spent(1, 100, 10, 30), Spent(2, 300, 30, 90)], 10)
    assert (told.calls.mean, told.input_tokens.mean, told.output_tokens.mean, told.cost_micro_eur.mean) == (
        15,
        2000,
        200,
        600,
    )
    assert told.cost_micro_eur.low >= 0


def test_frames_that_all_cost_the_same_leave_no_doubt():
    told = forecast([Spent(1, 100, 10, 30)] * 50, 1000).cost_micro_eur
    assert (told.low, told.mean, told.high) == (30_000, 30_000, 30_000)


def test_more_confidence_takes_a_wider_interval_and_more_frames_a_narrower_one():
    rng = random.Random(2)
    measured = [frame(rng) for _ in range(200)]

    def width(frames: int, confidence: float) -> float:
        estimate = forecast(measured[:frames], 1000, confidence=confidence).cost_micro_eur
        return estimate.high - estimate.low

    assert width(50, 0.8) < width(50, 0.95) < width(50, 0.99)
    assert width(200, 0.95) < width(50, 0.95)


def test_a_budget_is_passed_when_the_upper_end_passes_it():
    told = forecast([Spent(1, 1, 1, 10), Spent(1, 1, 1, 20)] * 25, 100)
    assert told.cost_micro_eur.mean < told.cost_micro_eur.high - 1
    assert told.passes(int(told.cost_micro_eur.mean))
    assert not told.passes(int(told.cost_micro_eur.high) + 1)
    assert not forecast([Spent(1, 1, 1, 10)] * 2, 0).passes(0)


def test_one_frame_says_nothing_of_spread():
    with pytest.raises(ValueError, match="two measured frames, not 1"):
        forecast([Spent(1, 1, 1, 1)], 10)
