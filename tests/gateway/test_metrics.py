"""What the registry shows of calls, frames, budgets and the run."""

from __future__ import annotations

from dataclasses import replace

import pytest
from prometheus_client import REGISTRY, generate_latest

from calibtui.core.progress import Progress
from calibtui.core.scores import CallRecord, FailedScore, Score
from calibtui.core.summary import BudgetLine
from calibtui.gateway.observability.metric_labels import LONGEST, MOST, BoundedLabel
from calibtui.gateway.observability.metrics import Metrics

CALL = CallRecord("c-1", "d1", "openai", "gpt-4o", "gpt-4o-2024", "id", "ok", 1, 1200, 40, True, 3128, 850.0, 0.0)
SCORE = Score("f.jpg", "d1", 0.5, (), "p@1", "pd", "gpt-4o", "gpt-4o-2024", "openai", 1, None, 1, 1, 1, None, 1.0, 0.0)
FAILED = FailedScore("f.jpg", "d1", "upstream", "")
MODEL = {"provider": "openai", "model": "gpt-4o"}


def test_a_call_counts_its_cost_in_eur_its_tokens_and_its_duration_in_seconds() -> None:
    metrics = Metrics()
    metrics.calls.observe_call(CALL)
    metrics.calls.observe_call(CALL)
    value = metrics.registry.get_sample_value
    assert value("calibtui_calls_total", {**MODEL, "status": "ok"}) == 2
    assert value("calibtui_cost_eur_total", MODEL) == pytest.approx(0.006256)
    assert value("calibtui_tokens_total", {**MODEL, "direction": "input"}) == 2400
    assert value("calibtui_tokens_total", {**MODEL, "direction": "output"}) == 80
    assert value("calibtui_call_duration_seconds_sum", MODEL) == pytest.approx(1.7)
    assert value("calibtui_call_duration_seconds_bucket", {**MODEL, "le": "0.75"}) == 0
    assert value("calibtui_call_duration_seconds_bucket", {**MODEL, "le": "1.0"}) == 2
    assert value("calibtui_answers_total", {**MODEL, "answered": "gpt-4o-2024"}) == 2


def test_a_failed_call_has_a_cost_and_a_status_but_no_answer_and_no_duration() -> None:
    metrics = Metrics()
    metrics.calls.observe_call(replace(CALL, status="upstream", answered_model="", measured=False))
    value = metrics.registry.get_sample_value
    assert value("calibtui_calls_total", {**MODEL, "status": "upstream"}) == 1
    assert value("calibtui_cost_eur_total", MODEL) == pytest.approx(0.003128)
    assert value("calibtui_unmeasured_calls_total", MODEL) == 1
    assert value("calibtui_call_duration_seconds_count", MODEL) == 0
    assert "calibtui_answers_total{" not in generate_latest(metrics.registry).decode()


def test_retries_are_every_request_of_a_frame_beyond_its_first() -> None:
    metrics = Metrics()
    lost = replace(CALL, status="upstream", attempts=2)
    metrics.calls.observe([CALL, SCORE])
    metrics.calls.observe([lost, replace(CALL, attempts=3), SCORE, replace(CALL, attempts=2), SCORE])
    metrics.calls.observe([replace(lost, digest="d7"), replace(lost, digest="d8"), FAILED])
    assert metrics.registry.get_sample_value("calibtui_retries_total") == (0) + (4 + 1) + (1 + 1)


def test_frames_are_counted_by_their_verdict_and_the_class_of_their_error() -> None:
    metrics = Metrics()
    metrics.calls.observe([CALL, SCORE, FAILED, replace(FAILED, error="refused"), FAILED])
    value = metrics.registry.get_sample_value
    assert value("calibtui_frames_scored_total") == 1
    assert value("calibtui_frames_failed_total", {"class": "upstream"}) == 2
    assert value("calibtui_frames_failed_total", {"class": "refused"}) == 1


def test_cache_hits_are_there_by_kind_before_the_first_one() -> None:
    metrics = Metrics()
    metrics.calls.observe_hits("similar", 3)
    value = metrics.registry.get_sample_value
    assert value("calibtui_cache_hits_total", {"kind": "exact"}) == 0
    assert value("calibtui_cache_hits_total", {"kind": "similar"}) == 3


def test_a_server_that_answers_with_a_new_model_each_time_makes_few_and_short_labels() -> None:
    metrics = Metrics()
    for number in range(500):
        metrics.calls.observe_call(replace(CALL, answered_model=f'{number}"}}\n\x1b[31m\ud800' + "x" * 10_000))
    samples = [s for family in metrics.registry.collect() for s in family.samples if s.name == "calibtui_answers_total"]
    assert len(samples) == MOST + 1
    assert all(len(s.labels["answered"]) <= LONGEST and s.labels["answered"].isprintable() for s in samples)
    assert sum(s.value for s in samples) == 500
    assert next(s.value for s in samples if s.labels["answered"] == "other") == 500 - MOST
    generate_latest(metrics.registry)


def test_an_empty_label_is_unknown_and_a_known_one_stays_after_the_bound_is_reached() -> None:
    label = BoundedLabel(most=2)
    assert [label(value) for value in ("", "a", "b", "c", "a", " ")] == [
        "unknown", "a", "b", "other", "a", "unknown"
    ]  # fmt: skip


def test_tokens_beyond_any_sense_are_bounded_and_break_nothing() -> None:
    metrics = Metrics()
    metrics.calls.observe_call(replace(CALL, input_tokens=10**400, output_tokens=-5))
    value = metrics.registry.get_sample_value
    assert value("calibtui_tokens_total", {**MODEL, "direction": "input"}) == 2**53
    assert value("calibtui_tokens_total", {**MODEL, "direction": "output"}) == 0


def test_budgets_are_eur_by_node_and_a_node_that_is_gone_is_not_exported() -> None:
    metrics = Metrics()
    value = metrics.registry.get_sample_value
    metrics.budgets.set([BudgetLine("team", 600_000_000, 12_500_000, 500_000), BudgetLine("team/marco", 1, 0, 0)])
    assert value("calibtui_budget_cap_eur", {"node": "team"}) == 600
    assert value("calibtui_budget_spent_eur", {"node": "team"}) == 12.5
    assert value("calibtui_budget_held_eur", {"node": "team"}) == 0.5
    assert value("calibtui_budget_remaining_eur", {"node": "team"}) == 587
    metrics.budgets.set([BudgetLine("team", 10_000_000, 12_500_000, 0)])
    assert value("calibtui_budget_remaining_eur", {"node": "team"}) == -2.5
    assert value("calibtui_budget_cap_eur", {"node": "team/marco"}) is None


def test_run_and_stage_are_in_exactly_one_state() -> None:
    run = (metrics := Metrics()).run
    value = metrics.registry.get_sample_value
    run.began()
    run.stage_began("score")
    assert value("calibtui_run_state", {"state": "running"}) == 1
    assert value("calibtui_stage_state", {"stage": "score", "state": "running"}) == 1
    run.stage_ended("score", "failed")
    run.ended("failed")
    assert value("calibtui_stage_state", {"stage": "score", "state": "running"}) == 0
    assert value("calibtui_stage_state", {"stage": "score", "state": "failed"}) == 1
    assert value("calibtui_run_state", {"state": "running"}) == 0
    assert value("calibtui_run_state", {"state": "failed"}) == 1
    assert value("calibtui_runs_total", {"state": "failed"}) == 1
    run.began()
    assert value("calibtui_stage_state", {"stage": "score", "state": "failed"}) is None


def test_only_scoring_tells_of_frames_remaining_and_each_stage_of_its_share() -> None:
    run = (metrics := Metrics()).run
    value = metrics.registry.get_sample_value
    run.began()
    run.progress(Progress("score", 30, 120))
    run.progress(Progress("evaluate", 1, 4))
    run.progress(Progress("pool", 5, 0))
    assert value("calibtui_frames_remaining") == 90
    assert value("calibtui_stage_progress_ratio", {"stage": "score"}) == 0.25
    assert value("calibtui_stage_progress_ratio", {"stage": "evaluate"}) == 0.25
    assert value("calibtui_stage_progress_ratio", {"stage": "pool"}) is None


def test_telling_the_same_again_is_no_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    run = (metrics := Metrics()).run
    now = 1000.0
    monkeypatch.setattr("calibtui.gateway.observability.run_metrics.time.time", lambda: now)
    run.began()
    run.progress(Progress("score", 1, 9))
    now = 2000.0
    run.progress(Progress("score", 1, 9, "still waiting"))
    assert metrics.registry.get_sample_value("calibtui_last_progress_timestamp_seconds") == 1000
    run.progress(Progress("score", 2, 9))
    assert metrics.registry.get_sample_value("calibtui_last_progress_timestamp_seconds") == 2000


def test_two_registries_never_meet_and_the_process_wide_one_is_left_alone() -> None:
    one, other = Metrics(), Metrics()
    one.calls.observe_call(CALL)
    assert other.registry.get_sample_value("calibtui_cost_eur_total", MODEL) is None
    assert b"calibtui_" not in generate_latest(REGISTRY)
