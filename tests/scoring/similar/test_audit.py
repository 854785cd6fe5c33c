"""The shadow audit: who is in the sample, what the bound is, and when the layer goes off."""

from __future__ import annotations

from math import nan

import numpy as np
import pytest
from scipy.stats import beta, binom

from calibtui.scoring.similar.audit import (
    AuditPolicy,
    AuditResult,
    AuditState,
    is_audited,
    lower_bound,
    replayed,
    upper_bound,
)

RIGHT, FALSE = AuditResult(0.5, 0.55), AuditResult(0.5, 0.7)


def state_of(*, right: int = 0, false: int = 0, target: float = 0.02) -> AuditState:
    return replayed([RIGHT] * right + [FALSE] * false, AuditPolicy(target))


def test_the_sample_is_a_hundredth_and_depends_on_the_pair_and_the_seed_alone() -> None:
    pairs = [(f"new {number}", f"old {number % 7}") for number in range(40_000)]
    chosen = {pair for pair in pairs if is_audited(*pair, seed=3)}
    assert 320 <= len(chosen) <= 480
    assert chosen == {pair for pair in reversed(pairs) if is_audited(*pair, seed=3)}
    assert chosen != {pair for pair in pairs if is_audited(*pair, seed=4)}


def test_a_share_of_all_audits_every_hit_and_of_none_none() -> None:
    assert all(is_audited(f"{number}", "x", share=1.0) for number in range(100))
    assert not any(is_audited(f"{number}", "x", share=0.0) for number in range(100))


@pytest.mark.parametrize(("false", "audits"), [(0, 1), (0, 59), (1, 93), (3, 40), (7, 8)])
def test_the_bounds_are_the_beta_quantiles(false: int, audits: int) -> None:
    assert upper_bound(false, audits) == pytest.approx(beta.ppf(0.95, false + 1, audits - false))
    wanted = beta.ppf(0.05, false, audits - false + 1) if false else 0
    assert lower_bound(false, audits) == pytest.approx(wanted)


def test_the_upper_bound_covers_the_truth_in_95_of_100_audits() -> None:
    """Exactly, over every outcome of 120 audits."""
    for truth in (0.01, 0.03, 0.2):
        missed = sum(binom.pmf(k, 120, truth) for k in range(121) if upper_bound(k, 120) < truth)
        assert missed <= 0.05


def test_bounds_of_nothing_and_of_everything() -> None:
    assert (lower_bound(0, 0), upper_bound(0, 0)) == (0, 1)
    assert upper_bound(5, 5) == 1
    assert lower_bound(0, 5) == 0


def test_a_hit_is_false_beyond_the_tolerance_only() -> None:
    state = AuditState().add(AuditResult(0.25, 0.34)).add(AuditResult(0.34, 0.25))
    assert (state.audits, state.false_hits) == (2, 0)
    assert state.add(AuditResult(0.25, 0.36)).false_hits == 1


def test_a_difficulty_that_is_no_number_is_a_false_hit() -> None:
    assert AuditState().add(AuditResult(0.5, nan)).false_hits == 1


@pytest.mark.parametrize("result", [RIGHT, FALSE])
def test_one_audit_never_switches_off(result: AuditResult) -> None:
    assert AuditState().add(result).on


def test_clear_evidence_switches_off_long_before_the_audits_are_enough() -> None:
    state = state_of(false=2)
    assert not state.on
    assert state.switched_off_at == 2
    assert state.lower > state.policy.target


def test_two_false_hits_among_many_are_no_clear_evidence() -> None:
    state = state_of(right=60, false=2)
    assert state.on
    assert state.lower < state.policy.target < state.rate


@pytest.mark.parametrize("target", [0.005, 0.02, 0.05, 0.2])
def test_enough_is_where_one_false_hit_still_passes(target: float) -> None:
    enough = AuditPolicy(target).enough
    assert upper_bound(1, enough) <= target < upper_bound(1, enough - 1)
    assert state_of(right=enough - 1, false=1, target=target).on
    assert not state_of(right=enough - 2, false=2, target=target).on


def test_past_enough_the_layer_goes_off_when_the_upper_bound_passes_the_target() -> None:
    policy = AuditPolicy()
    state = replayed([RIGHT] * policy.enough + [FALSE])
    assert state.on
    assert state.upper <= policy.target
    state = state.add(FALSE)
    assert state.upper > policy.target
    assert not state.on


def test_off_is_final() -> None:
    state = replayed([FALSE, FALSE] + [RIGHT] * 2000)
    assert state.upper < state.policy.target
    assert not state.on
    assert state.switched_off_at == 2


@pytest.mark.parametrize(("truth", "least", "most"), [(0.0, 0.0, 0.0), (0.1, 0.95, 1.0), (0.3, 1.0, 1.0)])
def test_bad_layers_go_off_and_perfect_ones_stay(truth: float, least: float, most: float) -> None:
    generator = np.random.default_rng(0)
    off = 0
    for _ in range(100):
        results = [FALSE if draw < truth else RIGHT for draw in generator.random(260)]
        off += not replayed(results).on
    assert least <= off / 100 <= most


def test_the_state_says_itself_in_words() -> None:
    assert state_of().sentence == "No taken-over score has been audited yet."
    assert state_of().rate is None
    assert "too few to prove the target, which takes 236" in state_of(right=10).sentence
    assert "0 of 300 audited hits were false (at most 1.0%" in state_of(right=300).sentence
    assert "asked for since audit 2" in state_of(false=2).sentence


@pytest.mark.parametrize(("target", "tolerance"), [(0, 0.1), (1, 0.1), (0.02, -0.1), (nan, 0.1), (0.02, nan)])
def test_a_policy_without_sense_is_refused(target: float, tolerance: float) -> None:
    with pytest.raises(ValueError, match="audit"):
        AuditPolicy(target, tolerance)
