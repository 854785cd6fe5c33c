"""A fair sample: every level of difficulty, exact size, the same for the same frames and seed."""

from __future__ import annotations

from math import inf, nan

import numpy as np
import pytest

from calibtui.core.errors import ConfigurationError
from calibtui.scoring.stability.sample import stratified


def pool(count: int, digits: int = 6) -> dict[str, float]:
    values = np.random.default_rng(0).beta(2, 8, count).round(digits)
    return {f"frame {number}": float(value) for number, value in enumerate(values)}


@pytest.mark.parametrize("size", [1, 7, 10, 95, 200, 999, 1000])
def test_it_has_exactly_the_size_asked_for_and_no_frame_twice(size: int) -> None:
    sample = stratified(pool(1000), size)
    assert len(sample.digests) == len(set(sample.digests)) == size


def test_each_level_of_difficulty_gives_its_share() -> None:
    frames = pool(1003)
    order = sorted(frames, key=frames.__getitem__)
    chosen = set(stratified(frames, 200).digests)
    shares = [len(chosen.intersection(order[start : start + 100])) for start in range(0, 1000, 100)]
    assert all(18 <= share <= 22 for share in shares)


def test_figures_of_the_sample_are_figures_of_the_pool() -> None:
    """Closer than a plain draw of the same size would be: its mean wanders by 0.12 / √200 = 0.0085."""
    frames = pool(5000)
    means = [np.mean([frames[digest] for digest in stratified(frames, 200, seed=seed).digests]) for seed in range(20)]
    assert np.std(np.array(means)) < 0.004
    assert np.mean(means) == pytest.approx(np.mean(list(frames.values())), abs=0.003)


def test_the_order_of_the_pool_does_not_matter_and_the_seed_does() -> None:
    frames = pool(500, digits=1)
    backwards = dict(reversed(frames.items()))
    assert stratified(frames, 60, seed=1) == stratified(backwards, 60, seed=1)
    assert stratified(frames, 60, seed=1) != stratified(frames, 60, seed=2)


def test_it_comes_in_order_of_difficulty() -> None:
    frames = pool(300)
    values = [frames[digest] for digest in stratified(frames, 50).digests]
    assert values == sorted(values)


def test_a_pool_that_is_all_ties_is_drawn_from_by_lot() -> None:
    sample = stratified({f"frame {number:03}": 0.5 for number in range(200)}, 40)
    assert len(sample.digests) == 40
    assert list(sample.digests) != [f"frame {number:03}" for number in range(40)]


def test_a_small_pool_is_taken_whole() -> None:
    sample = stratified(pool(12), 200)
    assert len(sample.digests) == 12
    assert sample.sentence == "12 of 12 scored frames, drawn evenly from 10 levels of difficulty."


@pytest.mark.parametrize(("frames", "size"), [({}, 5), ({"a": 0.5}, 0), ({"a": nan}, 1), ({"a": inf}, 1)])
def test_what_cannot_be_drawn_is_named(frames: dict[str, float], size: int) -> None:
    with pytest.raises(ConfigurationError):
        stratified(frames, size)
