"""A command that measures something beside the five stages: one durable run around it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from calibtui.core.errors import CalibtuiError, InterruptedByUser
from calibtui.core.progress import OnProgress, StopFlag
from calibtui.core.summary import RunSummary
from calibtui.gateway.observability.event_log import open_log
from calibtui.gateway.observability.metrics import Metrics
from calibtui.gateway.observability.metrics_server import serving_metrics
from calibtui.pipeline.context import Context
from calibtui.pipeline.observation import run_began, run_crashed, run_ended
from calibtui.pipeline.run import run_name
from calibtui.store.store import Store
from calibtui.workspace.settings import Settings


@dataclass(slots=True)
class SingleRun:
    """A run under way. Whoever measures sets `summary` where stages ran for it, and `said`, the outcome in a sentence,
    with `report`, the path of the page that tells more, "" for none."""

    context: Context
    summary: RunSummary
    said: str = ""
    report: str = ""

    def told(self) -> RunSummary:
        """The summary with the notes so far."""
        return replace(self.summary, notes=tuple(self.context.notes))

    def as_json(self) -> dict[str, Any]:
        """What the store keeps of the run."""
        measured = {"measured": {"said": self.said, "report": self.report}} if self.said else {}
        return self.told().as_json() | measured


@contextlib.contextmanager
def single_run(
    settings: Settings, command: str, on_progress: OnProgress, stop: StopFlag, confirmed: bool = False
) -> Iterator[SingleRun]:
    """A run in a workspace that is opened for it alone. Raises what ended it early."""
    metrics = Metrics()
    with contextlib.ExitStack() as until_end:
        until_end.enter_context(serving_metrics(settings.metrics.listen, metrics, file=settings.file))
        store = until_end.enter_context(Store(settings.state))
        log = until_end.enter_context(contextlib.closing(open_log(settings.state)))
        run = run_name(time.time())
        context = Context(settings, store, run, on_progress, stop, confirmed, metrics=metrics, log=log)
        yield until_end.enter_context(run_within(context, command))


@contextlib.contextmanager
def run_within(context: Context, command: str, *, alone: bool = True) -> Iterator[SingleRun]:
    """A run in a workspace that is open already; it ends in the store and the log however it comes. Not `alone`: other
    runs may be going on. Raises what ended it early."""
    runs = context.store.runs
    runs.begin(context.run, command, time.time(), alone=alone)
    run_began(context, command)
    single = SingleRun(context, RunSummary(str(context.root), context.run))
    state, error = "failed", None
    try:
        yield single
        state = "done"
    except CalibtuiError as raised:
        state, error = "interrupted" if isinstance(raised, InterruptedByUser) else "failed", raised
        raise
    except Exception as raised:
        run_crashed(context, raised)
        raise
    finally:
        runs.end(context.run, state, time.time(), single.as_json())
        run_ended(context, state, single.told(), error)
