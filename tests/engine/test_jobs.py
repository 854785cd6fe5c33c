"""Jobs: what they cost is agreed to first, they go in their order, end as they should, and leave the engine alone."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.conftest import WORKSPACE
from tests.engines import becomes_true, connected, first, following, serving

from calibtui.core.errors import EngineRefusedError
from calibtui.engine.jobs.order_of_jobs import startable
from calibtui.engine.wire.money import SetCap
from calibtui.engine.wire.runs import Cancel, JobOutcome, Pause, Rerun, Resume, Start, Stop, Task
from calibtui.engine.wire.sets import Lock
from calibtui.practice.options import PracticeOptions
from calibtui.practice.process import practice_server, read_books
from calibtui.store.jobs import JobRow

BUDGETS = WORKSPACE + '\n[budgets]\nteam = {{ eur = 50, user = "%s" }}\n'


def job(name, *stages, priority=0, at=0.0, state="queued"):
    return JobRow(name, "", name, stages, (), state, priority, "me", False, 0, at)


def all_ended(snapshot):
    return snapshot.jobs and all(each.ended_at is not None for each in snapshot.jobs)


def assert_text_stays(seen):
    """What came of a stage is told while those after it go on, and never taken back."""
    said = {}
    for snapshot in (each for each in seen if each.jobs and each.jobs[0].ended_at is None):
        running = {stage.name for stage in snapshot.stages if stage.state == "running"}
        for stage in snapshot.stages:
            assert "frames/s" not in stage.said or stage.name in running, stage
            if stage.state == "done":
                assert not said.get(stage.name) or stage.said == said[stage.name], stage
                said[stage.name] = stage.said or said.get(stage.name, "")
    assert said["pool"] and said["score"] and said["select"], said


def states(snapshot):
    return {stage.name: stage.state for stage in snapshot.stages}


_ORDER = {"done": 0, "running": 1, "queued": 2, "never": 2}


async def done(engine, **start):
    """The job's end."""
    name = (await engine.do(Start(confirmed=True, **start))).job
    await first(engine, lambda now: any(each.name == name and each.ended_at is not None for each in now.jobs))
    return await engine.ask(JobOutcome(job=name))


def test_one_scoring_and_one_computing_job_go_side_by_side_and_higher_priority_first():
    scoring = job("scoring", "score", state="running")
    assert startable([job("more", "score")], [scoring]) is None
    assert startable([job("quantizing", "quantize", at=1)], [scoring]).name == "quantizing"
    both = [job("one", "quantize", at=1), job("two", "evaluate", at=2, priority=5)]
    assert startable([both[0], job("dear", "pool", at=3, priority=1)], []).name == "dear"
    assert startable(both, [job("now", "quantize", state="running")]) is None


def test_a_job_waits_for_an_earlier_one_that_makes_what_it_is_made_of():
    assert startable([job("choosing", "select", at=1)], [job("scoring", "score", state="running")]) is None
    queued = [job("scoring", "score", at=0), job("choosing", "select", at=1, priority=9)]
    assert startable(queued, []).name == "scoring"


async def test_scoring_is_agreed_to_first_with_what_it_may_cost_and_costs_nothing_the_second_time(engine):
    with pytest.raises(EngineRefusedError) as asked:
        await engine.do(Start(stages=("score",)))
    assert asked.value.kind == "confirmation"
    assert "24 questions to practice-vlm-1" in asked.value.confirm and "at most" in asked.value.confirm
    end = await done(engine, stages=("score",))
    assert (end.job.state, end.job.exit_code) == ("done", 0)
    again = await engine.do(Start(stages=("score",)))
    last = await first(engine, lambda now: now.jobs[0].name == again.job and now.jobs[0].ended_at is not None)
    assert (last.scoring.exact_hits, last.scoring.calls) == (24, 0)


@contextlib.asynccontextmanager
async def connected_for_a_while(root):
    engine = connected(root)
    try:
        yield engine
    finally:
        await engine.close()


async def test_who_would_be_refused_is_not_asked_for_money_first(make_workspace, runtime_directory):
    root = make_workspace(document=BUDGETS % "somebody-else")
    with serving(root):
        async with connected_for_a_while(root) as engine:
            for command in (Start(stages=("score",)), Task(kind="stability")):
                with pytest.raises(EngineRefusedError, match="nothing to charge") as refused:
                    await engine.do(command)
                assert refused.value.kind != "confirmation"
                assert "user = " in refused.value.hint


async def test_free_work_needs_no_agreement(engine):
    assert (await engine.do(Start(stages=("pool",)))).job
    free = ('providers.practice.models."practice-vlm-1".eur_per_million_input=0', "selection.size=4")
    free = (*free, 'providers.practice.models."practice-vlm-1".eur_per_million_output=0')
    assert (await engine.do(Start(stages=("score",), overrides=free))).job


async def test_the_whole_pipeline_is_told_as_it_goes_and_what_came_of_it(engine):
    async with following(engine) as seen:
        end = await done(engine, stages=("pool", "score", "select", "quantize", "evaluate"))
        await becomes_true(lambda: bool(seen[-1].outcome))
        last = seen[-1]
    assert end.job.state == "done", end.job.error
    assert set(states(last).values()) == {"done"}
    assert all(stage.said for stage in last.stages)
    assert last.next_step == ""
    assert_text_stays(seen)
    scoring = [each.scoring for each in seen if each.scoring is not None]
    assert [each.done for each in scoring] == sorted(each.done for each in scoring)
    assert (scoring[-1].done, scoring[-1].total, scoring[-1].calls) == (24, 24, 24)
    assert scoring[-1].spent > 0
    assert json.loads(end.summary)["evaluation"]["drop"] == pytest.approx(last.outcome.drop)
    assert last.notices[-1].text.startswith("The whole pipeline is done")
    for each in seen:
        told = [_ORDER[state] for state in states(each).values()]
        assert told == sorted(told), f"stages out of the job's own order: {states(each)}"
    numbers = [each.number for each in seen]
    assert numbers == sorted(set(numbers))


async def test_a_stage_whose_source_changed_is_outdated(engine):
    await done(engine, stages=("score", "select", "quantize"))
    end = await done(engine, stages=("select",), overrides=("selection.size=5",))
    assert end.job.state == "done"
    last = await first(engine, lambda now: states(now)["quantize"] == "outdated")
    assert states(last)["select"] == "done"
    assert "quantize" in last.next_step


async def test_a_set_that_was_locked_by_hand_counts_as_chosen_and_its_model_as_made_of_the_newest_set(engine):
    await done(engine, stages=("score",))
    await engine.do(Lock(name="release-7"))
    locked = await first(engine, lambda now: states(now)["select"] == "done")
    assert locked.next_step == "Quantize the model with the set."
    await done(engine, stages=("quantize", "evaluate"))
    last = await first(engine, lambda now: states(now)["evaluate"] not in ("running", "never"))
    assert states(last) == dict.fromkeys(states(last), "done")
    assert last.next_step == ""


async def test_a_wrong_setting_fails_the_job_with_the_exit_code_and_the_words_of_the_headless_command(engine):
    end = await done(engine, stages=("score",), overrides=('scoring.prompt="nothing@7"',))
    assert (end.job.state, end.job.exit_code) == ("failed", 2)
    assert "nothing@7" in end.job.error


async def test_a_worker_that_dies_fails_its_job_and_nothing_else(make_workspace, runtime_directory):
    with practice_server(PracticeOptions(latency_ms=200)) as url:
        root = make_workspace(pool=40, url=url)
        with serving(root) as service:
            engine = connected(root)
            await engine.do(Start(stages=("score",), confirmed=True))
            await first(engine, lambda now: now.scoring is not None and now.scoring.done)
            (running,) = service.jobs._running.values()
            os.kill(running.worker.pid, signal.SIGKILL)
            last = await first(engine, all_ended)
            assert last.jobs[0].state == "failed" and "SIGKILL" in last.jobs[0].error
            assert states(last)["score"] == "interrupted"
            end = await done(engine, stages=("score",))
            assert end.job.state == "done"
            await engine.close()
        assert read_books(url)["requests"] <= 40 + 4


async def test_cancelling_ends_what_runs_and_takes_out_what_waits(make_workspace, runtime_directory):
    with practice_server(PracticeOptions(latency_ms=200)) as url:
        root = make_workspace(pool=60, url=url)
        with serving(root):
            engine = connected(root)
            one = (await engine.do(Start(stages=("score",), confirmed=True))).job
            two = (await engine.do(Start(stages=("score", "select"), confirmed=True))).job
            await first(engine, lambda now: now.scoring is not None and now.scoring.done)
            await engine.do(Cancel(job=two))
            await engine.do(Cancel(job=one))
            last = await first(engine, all_ended)
            assert {(each.name, each.state, each.exit_code) for each in last.jobs} == {
                (one, "cancelled", 130),
                (two, "cancelled", 130),
            }
            await engine.close()


async def test_a_pause_lets_requests_in_flight_be_answered_and_asks_no_more(make_workspace, runtime_directory):
    with practice_server(PracticeOptions(latency_ms=150)) as url:
        root = make_workspace(pool=60, url=url)
        with serving(root):
            engine = connected(root)
            await engine.do(Start(stages=("score",), confirmed=True))
            await first(engine, lambda now: now.scoring is not None and now.scoring.done)
            await engine.do(Pause())
            await asyncio.sleep(1.0)
            asked = read_books(url)["requests"]
            held = await first(engine, lambda now: now.paused and now.scoring.in_flight == 0)
            await asyncio.sleep(0.6)
            assert read_books(url)["requests"] == asked == held.scoring.done < 60
            assert states(held)["score"] == "paused" and held.jobs[0].state == "paused"
            await engine.do(Resume())
            last = await first(engine, all_ended)
            assert (last.jobs[0].state, read_books(url)["requests"]) == ("done", 60)
            await engine.close()


async def test_a_cap_that_is_changed_while_scoring_holds_from_that_moment(make_workspace, runtime_directory, os_user):
    with practice_server(PracticeOptions(latency_ms=150)) as url:
        root = make_workspace(pool=60, url=url, document=BUDGETS % os_user)
        with serving(root):
            engine = connected(root)
            await engine.do(Start(stages=("score",), confirmed=True))
            await first(engine, lambda now: now.scoring is not None and now.scoring.done)
            with pytest.raises(EngineRefusedError, match="A cap is money"):
                await engine.do(SetCap(node="team", eur="0.01", why="enough"))
            await engine.do(SetCap(node="team", eur="0.01", why="enough", confirmed=True))
            last = await first(engine, all_ended)
            assert (last.jobs[0].state, last.jobs[0].exit_code) == ("failed", 3)
            assert last.scoring.done < 60
            (node,) = last.budgets
            assert (node.node, node.cap, node.warned) == ("team", 10_000, 95)
            await engine.do(SetCap(node="team", eur="50", why="the rest", confirmed=True))
            end = await done(engine, stages=("score",))
            assert end.job.state == "done"
            await engine.close()


async def test_counters_never_go_back_when_a_worker_ends(engine):
    await done(engine, stages=("score",))
    one = _samples(await engine.metrics())
    await done(engine, stages=("score",))
    two = _samples(await engine.metrics())
    assert one["calibtui_calls_total"] == two["calibtui_calls_total"] == 24
    assert (one["calibtui_runs_total"], two["calibtui_runs_total"]) == (1, 2)
    assert two["calibtui_cache_hits_total"] == 24
    assert two.get("calibtui_requests_in_flight", 0) == 0
    assert all(two[name] >= value for name, value in one.items() if name.endswith(("_total", "_count", "_sum")))


async def test_an_earlier_run_can_be_run_again_with_its_settings(engine):
    end = await done(engine, stages=("score", "select"), overrides=("selection.size=3",))
    again = await engine.do(Rerun(run=end.job.run, confirmed=True))
    await first(engine, lambda now: now.jobs[0].name == again.job and now.jobs[0].ended_at is not None)
    assert json.loads((await engine.ask(JobOutcome(job=again.job))).summary)["selection"]["size"] == 3


async def test_stopping_a_busy_engine_is_agreed_to_and_leaves_nothing_that_starts_by_itself(
    make_workspace, runtime_directory
):
    with practice_server(PracticeOptions(latency_ms=200)) as url:
        root = make_workspace(pool=40, url=url)
        with serving(root):
            engine = connected(root)
            await engine.do(Start(stages=("score",), confirmed=True))
            await first(engine, lambda now: now.scoring is not None and now.scoring.done)
            with pytest.raises(EngineRefusedError, match="A job is running"):
                await engine.do(Stop())
            await engine.do(Stop(confirmed=True))
        with serving(root):
            now = await anext(connected(root).snapshots())
            assert [each.state for each in now.jobs] == ["interrupted"]


@pytest.fixture
def os_user():
    from calibtui.gateway.money.os_user import os_user

    return os_user()


def _samples(text):
    sums = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            sums[sample.name] = sums.get(sample.name, 0) + sample.value
    return sums
