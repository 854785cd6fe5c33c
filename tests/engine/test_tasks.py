"""What is measured beside the stages is a job: queued, agreed to where it costs, shown as it goes, kept as a run."""

from __future__ import annotations

import json

import pytest
from tests.engine.test_jobs import done
from tests.engines import first, following

from calibtui.core.errors import EngineRefusedError
from calibtui.engine.jobs.order_of_jobs import startable
from calibtui.engine.wire.models import Sensitivity
from calibtui.engine.wire.runs import Cancel, JobOutcome, Pause, Rerun, Run, Runs, Task
from calibtui.engine.wire.sets import Draft, Turn
from calibtui.pipeline.asked import Measuring, asked_text
from calibtui.store.jobs import JobRow

SET_OF_FOUR = ("selection.size=4", 'selection.strategy="random"')


def job(name, *stages, kind="", at=0.0, state="queued"):
    row = JobRow(name, "", name, stages, (), state, 0, "me", False, 0, at)
    return (
        JobRow(**{**{field: getattr(row, field) for field in row.__slots__}, "task": asked_text(Measuring(kind))})
        if kind
        else row
    )


async def measured(engine, kind, **options):
    """The job's end."""
    name = (await engine.do(Task(kind=kind, options=options, confirmed=True))).job
    await first(engine, lambda now: any(each.name == name and each.ended_at is not None for each in now.jobs))
    return await engine.ask(JobOutcome(job=name))


def test_an_ablation_goes_alone_and_measuring_a_set_waits_for_the_one_that_is_being_chosen():
    ablation = job("ablation", kind="ablate", state="running")
    assert startable([job("scoring", "score"), job("quantizing", "quantize")], [ablation]) is None
    scoring = job("scoring", "score", state="running")
    assert startable([job("coverage", kind="coverage", at=1)], [scoring]).name == "coverage"
    assert startable([job("stability", kind="stability", at=1)], [scoring]) is None
    choosing = job("scoring", "score", "select", state="running")
    assert startable([job("diagnosis", kind="diagnose", at=1)], [choosing]) is None


async def test_a_diagnosis_and_a_coverage_are_runs_whose_outcome_the_screens_and_the_headless_command_read(engine):
    await done(engine, stages=("pool", "select"), overrides=SET_OF_FOUR)
    assert not (await engine.ask(Sensitivity())).layers
    async with following(engine) as seen:
        end = await measured(engine, "diagnose", frames="2")
        told = [each for now in seen for each in now.jobs if each.kind == "diagnose"]
    assert (end.job.state, end.job.exit_code, end.job.kind, end.job.stages) == ("done", 0, "diagnose", ())
    document = json.loads(end.result)
    assert document["layers"] and document["set"].startswith("sha256:")
    assert (await engine.ask(Sensitivity())).layers
    assert any(each.total and each.said.startswith("diagnose: ") for each in told), "how far it is"
    end = await measured(engine, "coverage")
    assert json.loads(end.result)["frames"] == 4
    assert (await engine.ask(Draft(overrides=SET_OF_FOUR))).ranges is not None
    lines = (await engine.ask(Runs())).runs
    assert [line.command for line in lines[:2]] == ["coverage", "diagnose"]
    assert [line.said for line in lines[:2]] == [json.loads(end.result)["sentence"], document["sentence"]]


async def test_the_coverage_of_the_draft_needs_no_set_that_was_chosen_before(engine):
    await done(engine, stages=("pool",))
    for text in SET_OF_FOUR:
        key, _, value = text.partition("=")
        await engine.do(Turn(key=key, value=value))
    end = await measured(engine, "coverage", set="draft")
    assert end.job.state == "done", end.job.error
    assert json.loads(end.result)["frames"] == 4
    assert (await engine.ask(Draft())).ranges is not None


async def test_what_is_missing_fails_the_job_as_the_headless_command_would(engine):
    end = await measured(engine, "coverage")
    assert (end.job.state, end.job.exit_code, end.result) == ("failed", 2, "")
    assert "no calibration set" in end.job.error


@pytest.mark.parametrize(
    ("kind", "options", "said"),
    [
        ("weigh", {}, "weigh"),
        ("coverage", {"frames": "3"}, "no option 'frames'"),
        ("diagnose", {"frames": "many"}, "no whole number"),
        ("ablate", {"strategies": "luck"}, "'luck' is not a strategy"),
        ("ablate", {"sizes": "8,x"}, "8,x"),
        ("ablate", {"seeds": "2"}, "luck"),
        ("stability", {"sample": "3"}, "too few"),
    ],
)
async def test_what_cant_be_measured_is_refused_before_it_is_queued(engine, kind, options, said):
    with pytest.raises(EngineRefusedError, match=said):
        await engine.do(Task(kind=kind, options=options, confirmed=True))


async def test_an_ablation_that_asks_a_paid_judge_is_agreed_to_first_and_its_verdict_is_in_the_runs(engine):
    plan = {"strategies": "hardest", "sizes": "4", "seeds": "5"}
    with pytest.raises(EngineRefusedError) as asked:
        await engine.do(Task(kind="ablate", options=plan))
    assert asked.value.kind == "confirmation" and "24 questions" in asked.value.confirm
    end = await measured(engine, "ablate", **plan)
    assert end.job.state == "done", end.job.error
    found = json.loads(end.result)
    detail = await engine.ask(Run(run=end.job.run))
    assert detail.line.said == found["verdict"]
    assert json.loads(detail.summary)["measured"]["report"] == found["report"]
    assert detail.line.spent > 0
    with pytest.raises(EngineRefusedError) as again:
        await engine.do(Task(kind="stability", options={"sample": "24"}))
    assert "24 questions" in again.value.confirm
    end = await measured(engine, "stability", sample="24")
    assert end.job.state == "done", end.job.error
    assert json.loads(end.result)["calls"] == 24


async def test_a_measurement_is_cancelled_and_run_again_like_any_job(engine):
    await done(engine, stages=("pool", "select"), overrides=SET_OF_FOUR)
    await engine.do(Pause())
    queued = await engine.do(Task(kind="diagnose", options={"frames": "2"}))
    await engine.do(Cancel(job=queued.job))
    assert (await engine.ask(JobOutcome(job=queued.job))).job.state == "cancelled"
    again = await engine.do(Rerun(run=queued.run))
    row = (await engine.ask(JobOutcome(job=again.job))).job
    assert (row.kind, row.state) == ("diagnose", "queued")
