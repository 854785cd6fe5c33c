"""Stages in their order, one durable run around them."""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from calibtui.core.errors import CalibtuiError, InterruptedByUser
from calibtui.core.progress import OnProgress, StopFlag
from calibtui.core.summary import RunSummary
from calibtui.gateway.observability.event_log import open_log
from calibtui.gateway.observability.metrics import Metrics
from calibtui.gateway.observability.metrics_server import serving_metrics
from calibtui.pipeline.context import Context
from calibtui.pipeline.observation import run_began, run_crashed, run_ended, stage_began, stage_ended
from calibtui.pipeline.stages import StageRunner
from calibtui.store.store import Store
from calibtui.workspace.settings import Settings

OnStage = Callable[[str, str], None]
"""Told of a stage and its new state: running, done, failed or interrupted."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run did as far as it came, and the error that ended it early."""

    summary: RunSummary
    error: CalibtuiError | None = None


def run_stages(
    settings: Settings,
    stages: Sequence[str],
    *,
    command: str,
    on_progress: OnProgress,
    stop: StopFlag,
    confirmed: bool = False,
) -> Outcome:
    """Runs `stages` in the order of the pipeline, alone in the workspace. Only an unforeseen exception leaves this
    function as one."""
    run = run_name(time.time())
    metrics = Metrics()
    try:
        with contextlib.ExitStack() as open_until_end:
            open_until_end.enter_context(serving_metrics(settings.metrics.listen, metrics, file=settings.file))
            store = open_until_end.enter_context(Store(settings.state))
            log = open_until_end.enter_context(contextlib.closing(open_log(settings.state)))
            context = Context(settings, store, run, on_progress, stop, confirmed, metrics=metrics, log=log)
            return run_in(context, stages, command=command)
    except CalibtuiError as error:
        return Outcome(RunSummary(str(settings.root), run), error)


def run_in(
    context: Context,
    stages: Sequence[str],
    *,
    command: str,
    alone: bool = True,
    on_stage: OnStage = lambda _stage, _state: None,
) -> Outcome:
    """The same with a store, a log and metrics that are open already. Not `alone`: other runs may be going on in the
    workspace. Raises what the store raises."""
    runs = context.store.runs
    runs.begin(context.run, command, time.time(), alone=alone)
    run_began(context, command)
    outcome = _watched(context, stages, RunSummary(str(context.root), context.run), on_stage)
    state = _state(outcome.error)
    runs.end(context.run, state, time.time(), outcome.summary.as_json())
    run_ended(context, state, outcome.summary, outcome.error)
    return outcome


def run_name(started: float) -> str:
    """A new run's name, by when it started (UTC seconds since the epoch) and by chance."""
    return f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime(started))}-{secrets.token_hex(2)}"


def _watched(context: Context, stages: Sequence[str], summary: RunSummary, on_stage: OnStage) -> Outcome:
    try:
        return _run(context, stages, summary, on_stage)
    except Exception as error:
        run_crashed(context, error)
        raise


def _run(context: Context, stages: Sequence[str], summary: RunSummary, on_stage: OnStage) -> Outcome:
    runner = StageRunner(context, summary)
    error: CalibtuiError | None = None
    try:
        runner.check_ready(stages)
        for stage in stages:
            context.stop.raise_if_set()
            _run_stage(context, runner, stage, on_stage)
    except CalibtuiError as raised:
        error = raised
    return Outcome(replace(runner.summary, notes=tuple(context.notes)), error)


def _run_stage(context: Context, runner: StageRunner, stage: str, on_stage: OnStage) -> None:
    runs = context.store.runs
    started = time.monotonic()
    runs.begin_stage(context.run, stage, time.time())
    stage_began(context, stage)
    on_stage(stage, "running")
    try:
        runner.run(stage)
    except CalibtuiError as error:
        runs.end_stage(context.run, stage, _state(error), time.time(), {"error": error.message})
        stage_ended(context, stage, _state(error), time.monotonic() - started, error)
        on_stage(stage, _state(error))
        raise
    runs.end_stage(context.run, stage, "done", time.time(), runner.summary.as_json())
    stage_ended(context, stage, "done", time.monotonic() - started, None)
    on_stage(stage, "done")


def _state(error: CalibtuiError | None) -> str:
    if error is None:
        return "done"
    return "interrupted" if isinstance(error, InterruptedByUser) else "failed"
