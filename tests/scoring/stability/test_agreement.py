"""How far two passes agree, with intervals that hold what they promise."""

from __future__ import annotations

from itertools import combinations, permutations
from math import isnan, nan

import numpy as np
import pytest

from calibtui.core.errors import ConfigurationError
from calibtui.scoring.stability.agreement import agreement
from calibtui.scoring.stability.rank_measures import kendall, spearman, top_overlap


def passes(seed: int, count: int, noise: float = 0.06, digits: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    truth = generator.beta(2, 5, count)
    first, second = (np.clip(truth + generator.normal(0, noise, count), 0, 1) for _ in range(2))
    return (first, second) if digits is None else (first.round(digits), second.round(digits))


def pairs_tau_b(first: np.ndarray, second: np.ndarray) -> float:
    """Kendall's definition, pair by pair."""
    agreeing = tied_first = tied_second = 0
    for i, j in combinations(range(len(first)), 2):
        a, b = np.sign(first[i] - first[j]), np.sign(second[i] - second[j])
        agreeing += a * b
        tied_first += a == 0
        tied_second += b == 0
    pairs = len(first) * (len(first) - 1) / 2
    return agreeing / np.sqrt((pairs - tied_first) * (pairs - tied_second))


@pytest.mark.parametrize("digits", [None, 1])
def test_kendall_is_its_definition_with_and_without_ties(digits: int | None) -> None:
    first, second = passes(1, 60, digits=digits)
    assert kendall(first, second) == pytest.approx(pairs_tau_b(first, second))


def test_spearman_without_ties_is_the_classic_formula() -> None:
    generator = np.random.default_rng(2)
    first = generator.permutation(50) / 50
    second = first + generator.normal(0, 0.2, 50)
    distance = ((first.argsort().argsort() - second.argsort().argsort()) ** 2).sum()
    assert spearman(first, second) == pytest.approx(1 - 6 * distance / (50 * (50**2 - 1)))


def test_spearman_gives_ties_the_mean_of_their_places() -> None:
    first, second = np.array([1.0, 2, 2, 4]), np.array([1.0, 2, 3, 4])
    assert spearman(first, second) == pytest.approx(np.corrcoef([1, 2.5, 2.5, 4], [1, 2, 3, 4])[0, 1])


def test_the_top_is_counted() -> None:
    first = np.array([0.9, 0.8, 0.7, 0.1, 0.2])
    second = np.array([0.9, 0.1, 0.8, 0.7, 0.2])
    assert top_overlap(first, second, 3) == pytest.approx(2 / 3)


def test_ties_at_the_cut_count_as_one_shared_order_breaks_them() -> None:
    """The mean over every order that the seeded tie-break may have."""
    first = np.array([0.9, 0.5, 0.5, 0.5, 0.1])
    second = np.array([0.9, 0.8, 0.5, 0.5, 0.5])
    overlaps = []
    for order in permutations(range(5)):
        tops = [sorted(range(5), key=lambda frame: (-values[frame], order[frame]))[:2] for values in (first, second)]
        overlaps.append(len(set(tops[0]) & set(tops[1])) / 2)
    assert top_overlap(first, second, 2) == pytest.approx(np.mean(overlaps))


def test_a_pass_agrees_with_itself_whatever_its_ties() -> None:
    first, _ = passes(3, 80, digits=1)
    found = agreement(first, first, replicates=100)
    for measure in (found.spearman, found.kendall, found.top_overlap):
        assert (measure.value, measure.low, measure.high) == pytest.approx((1, 1, 1))
    assert (found.difference, found.difference95) == (0, 0)


def test_the_same_seed_gives_the_same_intervals() -> None:
    first, second = passes(4, 120)
    assert agreement(first, second, seed=5, replicates=100) == agreement(first, second, seed=5, replicates=100)
    assert agreement(first, second, seed=5, replicates=100) != agreement(first, second, seed=6, replicates=100)


def test_an_increasing_change_of_scale_changes_no_order() -> None:
    first, second = passes(5, 100)
    plain, bent = agreement(first, second, replicates=50), agreement(first, second**3, replicates=50)
    assert (plain.spearman, plain.kendall, plain.top_overlap) == (bent.spearman, bent.kendall, bent.top_overlap)


def test_the_intervals_hold_the_truth_of_the_pool() -> None:
    """95 % intervals from 40 samples of 200 frames: all but a few hold the value over 50,000."""
    truth = passes(0, 50_000)
    wanted = (spearman(*truth), top_overlap(*truth, 5000))
    held = np.zeros(2)
    for seed in range(1, 41):
        found = agreement(*passes(seed, 200), replicates=100)
        for place, (measure, value) in enumerate(zip((found.spearman, found.top_overlap), wanted, strict=True)):
            held[place] += measure.low <= value <= measure.high
    assert (held >= 34).all()


def test_more_noise_is_less_agreement_and_a_larger_tolerance() -> None:
    calm, rough = (agreement(*passes(6, 300, noise), replicates=50) for noise in (0.02, 0.15))
    assert calm.spearman.value > rough.spearman.high
    assert calm.top_overlap.value > rough.top_overlap.high
    assert calm.difference95 < rough.difference95


def test_the_largest_tie_is_told() -> None:
    first = np.array([0.5] * 6 + [0.1, 0.2, 0.3, 0.4])
    assert agreement(first, np.arange(10) / 10, replicates=50).ties == 0.6


def test_a_pass_that_is_all_ties_has_no_order_and_says_so() -> None:
    found = agreement(np.full(20, 0.5), np.arange(20) / 20, replicates=50)
    assert isnan(found.spearman.value)
    assert isnan(found.kendall.value)
    assert "no order to agree on" in found.sentence


def test_an_interval_that_most_resamples_cannot_give_is_left_out() -> None:
    """One frame that stands out: a third of the resamples miss it, and are all ties."""
    first = np.zeros(20)
    first[7] = 1
    found = agreement(first, first, replicates=200)
    assert found.spearman.value == pytest.approx(1)
    assert isnan(found.spearman.low)
    assert "nan" not in found.sentence


def test_the_sentence_has_the_figures() -> None:
    found = agreement(*passes(7, 200), top=40, replicates=100)
    assert f"Over 200 frames two passes agree with Spearman {found.spearman.value:.2f}" in found.sentence
    assert f"of the 40 hardest frames {found.top_overlap.value:.0%}" in found.sentence


@pytest.mark.parametrize(
    ("first", "second", "says"),
    [
        (np.zeros(20), np.zeros(19), "20 and 19 frames"),
        (np.zeros((10, 2)), np.zeros((10, 2)), "can't be compared"),
        (np.zeros(9), np.zeros(9), "9 frames say nothing"),
        (np.full(20, nan), np.zeros(20), "no number"),
    ],
)
def test_what_cannot_be_compared_is_named(first: np.ndarray, second: np.ndarray, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        agreement(first, second)


@pytest.mark.parametrize("top", [0, 21])
def test_a_top_that_does_not_exist_is_named(top: int) -> None:
    with pytest.raises(ConfigurationError, match=f"top {top} of 20"):
        agreement(*passes(8, 20), top=top)
