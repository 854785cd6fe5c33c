"""One model's scores on another's scale: in order, inside the anchors, with an honest error."""

from __future__ import annotations

from math import nan

import numpy as np
import pytest

from calibtui.core.errors import ConfigurationError
from calibtui.scoring.stability.mapping import fitted_mapping


def anchors(seed: int, count: int = 200, noise: float = 0.05) -> tuple[np.ndarray, np.ndarray]:
    """A kind model and a strict one: the second is about the square root of the first."""
    generator = np.random.default_rng(seed)
    truth = generator.random(count)
    source = truth**2 + generator.normal(0, noise / 2, count)
    return np.clip(source, 0, 1), np.clip(truth + generator.normal(0, noise, count), 0, 1)


def test_it_learns_the_other_scale() -> None:
    mapping = fitted_mapping(*anchors(1))
    scores = np.array([0.1, 0.3, 0.5, 0.8])
    assert mapping(scores) == pytest.approx(np.sqrt(scores), abs=0.06)


def test_it_keeps_the_order_whatever_the_anchors_say() -> None:
    generator = np.random.default_rng(2)
    mapping = fitted_mapping(generator.random(60), generator.random(60))
    assert (np.diff(mapping(np.linspace(-0.5, 1.5, 2001))) >= 0).all()


def test_it_keeps_different_scores_different_between_its_knots() -> None:
    mapping = fitted_mapping(*anchors(3))
    inner = np.linspace(mapping.knots[0], mapping.knots[-1], 400)
    assert (np.diff(mapping(inner)) > 0).all()


def test_nothing_is_extrapolated() -> None:
    source, target = anchors(4)
    mapping = fitted_mapping(0.2 + 0.5 * source, target)
    assert mapping([0.0, 1.0]).tolist() == [mapping.values[0], mapping.values[-1]]
    assert target.min() <= mapping.values[0] <= mapping.values[-1] <= target.max()


def test_a_model_mapped_onto_itself_stays_as_it_is() -> None:
    scores = np.random.default_rng(5).random(200)
    mapping = fitted_mapping(scores, scores)
    assert mapping(scores) == pytest.approx(scores)
    assert mapping.spread == pytest.approx(1)
    assert mapping.residual_sd < 0.01


def test_the_error_is_that_on_frames_the_map_has_not_seen() -> None:
    """Over 30 fits the promised error is the error on fresh frames; that on its own anchors would be smaller."""
    promised, fresh, own = [], [], []
    for seed in range(30):
        source, target = anchors(seed, 100, noise=0.1)
        mapping = fitted_mapping(source, target)
        more, wanted = anchors(seed + 1000, 2000, noise=0.1)
        promised.append(mapping.residual_sd**2)
        fresh.append(np.mean((mapping(more) - wanted) ** 2))
        own.append(np.mean((mapping(source) - target) ** 2))
    assert np.mean(promised) == pytest.approx(np.mean(fresh), rel=0.1)
    assert np.mean(own) < 0.95 * np.mean(promised)


def test_a_map_is_better_than_none_and_says_by_how_much() -> None:
    source, target = anchors(6)
    mapping = fitted_mapping(source, target)
    assert mapping.raw_sd == pytest.approx(np.sqrt(np.mean((source - target) ** 2)))
    assert mapping.residual_sd < 0.5 * mapping.raw_sd
    assert f"within {mapping.residual_sd:.2f}" in mapping.sentence
    assert "disagree" not in mapping.sentence


def test_models_that_disagree_give_a_flat_map_that_says_so() -> None:
    generator = np.random.default_rng(7)
    mapping = fitted_mapping(generator.random(200), generator.random(200))
    assert mapping.spread < 0.5
    assert "disagree" in mapping.sentence


def test_the_order_of_the_anchors_does_not_matter_even_with_ties() -> None:
    source, target = (values.round(1) for values in anchors(8))
    shuffled = np.random.default_rng(0).permutation(len(source))
    a, b = fitted_mapping(source, target), fitted_mapping(source[shuffled], target[shuffled])
    assert a.knots == pytest.approx(b.knots)
    assert a.values == pytest.approx(b.values)
    assert a.residual_sd == pytest.approx(b.residual_sd)


def test_tied_anchors_weigh_as_many_as_they_are() -> None:
    """Score 0.5 nine times: the step is nearer to its mean than to the one anchor beside it."""
    source = np.array([0.0] * 10 + [0.5] * 9 + [0.6] + [1.0] * 10)
    target = np.array([0.0] * 10 + [0.4] * 9 + [0.3] + [1.0] * 10)
    assert fitted_mapping(source, target)([0.51])[0] == pytest.approx(0.39)


def test_many_tied_anchors_outweigh_one_that_contradicts_them() -> None:
    """One anchor at 0.4 gives way to nine at 0.1, so their step stays below the 0.2 beside it."""
    source = np.array([0.0] * 5 + [0.4] + [0.5] * 9 + [0.6] + [1.0] * 5)
    target = np.array([0.0] * 5 + [0.4] + [0.1] * 9 + [0.2] + [1.0] * 5)
    assert fitted_mapping(source, target)([0.6])[0] == pytest.approx(0.2)


def test_a_target_that_is_one_value_maps_everything_to_it() -> None:
    mapping = fitted_mapping(np.random.default_rng(9).random(30), np.full(30, 0.4))
    assert mapping([0, 0.5, 1]) == pytest.approx([0.4, 0.4, 0.4])
    assert mapping.residual_sd == pytest.approx(0)


def test_any_shape_is_mapped() -> None:
    mapping = fitted_mapping(*anchors(10))
    assert mapping(np.zeros((2, 3))).shape == (2, 3)


@pytest.mark.parametrize(
    ("source", "target", "says"),
    [
        (np.zeros(30), np.zeros(29), "30 and 29"),
        (np.zeros(19), np.zeros(19), "19 anchor frames are too few"),
        (np.full(30, nan), np.zeros(30), "no number"),
    ],
)
def test_what_cannot_be_anchors_is_named(source: np.ndarray, target: np.ndarray, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        fitted_mapping(source, target)
