"""The stages, or a measurement, as a job of the engine that runs already: the same progress, the same outcome, the
same exit codes."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from calibtui.cli.engines import with_engine
from calibtui.core.errors import CalibtuiError, EngineGoneError
from calibtui.core.progress import OnProgress, Progress, StopFlag
from calibtui.core.summary import RunSummary
from calibtui.engine.client.places import Place
from calibtui.engine.client.socket import SocketEngine
from calibtui.engine.wire.runs import Cancel, JobEnd, JobOutcome, Start, Task
from calibtui.engine.wire.snapshot import Job, Snapshot
from calibtui.pipeline.run import Outcome

WATCH_S = 0.1
_LIVE = ("queued", "running", "paused")


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be run. `confirmed`: spend what there is, whatever the forecast."""

    stages: Sequence[str]
    overrides: Sequence[str]
    confirmed: bool


class EndedElsewhereError(CalibtuiError):
    """The error that ended a job in the engine, with the exit code that it had there."""

    def __init__(self, message: str, hint: str, exit_code: int) -> None:
        super().__init__(message, hint)
        self.exit_code = exit_code


def run_attached(place: Place, workspace: str, wish: Wish, on_progress: OnProgress, stop: StopFlag) -> Outcome:
    """Queues the job and follows it to its end; `stop` cancels it. An error is in the outcome."""

    start = Start(
        stages=tuple(wish.stages), overrides=tuple(wish.overrides), confirmed=True, careful=not wish.confirmed
    )

    async def work(engine: SocketEngine) -> Outcome:
        return _outcome(await _followed(engine, start, on_progress, stop))

    try:
        return with_engine(place, work)
    except EngineGoneError as error:
        hint = "Run the same command again, or `calibtui launch`: the job goes on with the next engine."
        return Outcome(RunSummary(workspace, ""), EngineGoneError(error.message, hint))
    except CalibtuiError as error:
        return Outcome(RunSummary(workspace, ""), error)


def measured_attached(place: Place, task: Task, on_progress: OnProgress, stop: StopFlag) -> str:
    """Queues it, follows it to its end, and returns its result; `stop` cancels it. Raises what ended it early."""

    async def work(engine: SocketEngine) -> JobEnd:
        return await _followed(engine, task, on_progress, stop)

    end = with_engine(place, work)
    if end.job.exit_code:
        raise _ended_early(end.job)
    return end.result


async def _followed(engine: SocketEngine, start: Start | Task, on_progress: OnProgress, stop: StopFlag) -> JobEnd:
    job = (await engine.do(start)).job or ""
    cancelling = asyncio.create_task(_cancelling(engine, job, stop))
    try:
        async with contextlib.aclosing(engine.snapshots()) as snapshots:  # type: ignore[type-var]
            async for snapshot in snapshots:
                found = next((each for each in snapshot.jobs if each.name == job), None)
                if found is None or found.state not in _LIVE:
                    break
                _tell(snapshot, found, on_progress)
    finally:
        cancelling.cancel()
    return await engine.ask(JobOutcome(job=job))


async def _cancelling(engine: SocketEngine, job: str, stop: StopFlag) -> None:
    """A flag that a signal handler sets can't wake a loop by itself."""
    while not stop:  # noqa: ASYNC110
        await asyncio.sleep(WATCH_S)
    await engine.do(Cancel(job=job))


def _tell(snapshot: Snapshot, job: Job, on_progress: OnProgress) -> None:
    if snapshot.paused:
        on_progress(Progress("paused", 0, 0, f"by {snapshot.paused_by}; it goes on once somebody resumes"))
    elif job.state == "queued":
        ahead = sum(other.state == "running" for other in snapshot.jobs)
        on_progress(Progress("queued", 0, 0, f"behind {ahead} running"))
    if job.kind and job.said:
        name, _, note = job.said.partition(": ")
        on_progress(Progress(name, job.done, job.total, note))
    for stage in snapshot.stages:
        if stage.state == "running" and stage.name in ("pool", *job.stages) and (stage.total or stage.said):
            on_progress(Progress(stage.name, stage.done, stage.total, stage.said))


def _outcome(end: JobEnd) -> Outcome:
    job = end.job
    summary = msgspec.convert(json.loads(end.summary), RunSummary) if end.summary else RunSummary("", job.run)
    if not job.exit_code:
        return Outcome(summary)
    return Outcome(summary, _ended_early(job))


def _ended_early(job: Job) -> EndedElsewhereError:
    return EndedElsewhereError(job.error or f"{job.title} was {job.state}.", job.hint, job.exit_code or 1)
