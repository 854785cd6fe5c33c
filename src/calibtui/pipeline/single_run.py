"""A command that measures something beside the five stages: one durable run around it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

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


@contextlib.contextmanager
def single_run(settings: Settings, command: str, on_progress: OnProgress, stop: StopFlag) -> Iterator[Context]:
    """An open context whose run ends in the store and the log however it comes. Raises what ended it early."""
    started = time.time()
    metrics = Metrics()
    with contextlib.ExitStack() as until_end:
        until_end.enter_context(serving_metrics(settings.metrics.listen, metrics, file=settings.file))
        store = until_end.enter_context(Store(settings.state))
        log = until_end.enter_context(contextlib.closing(open_log(settings.state)))
        context = Context(settings, store, run_name(started), on_progress, stop, metrics=metrics, log=log)
        store.runs.begin(context.run, command, started)
        run_began(context, command)
        state, error = "failed", None
        try:
            yield context
            state = "done"
        except CalibtuiError as raised:
            state, error = "interrupted" if isinstance(raised, InterruptedByUser) else "failed", raised
            raise
        except Exception as raised:
            run_crashed(context, raised)
            raise
        finally:
            summary = RunSummary(str(context.root), context.run, notes=tuple(context.notes))
            store.runs.end(context.run, state, time.time(), summary.as_json())
            run_ended(context, state, summary, error)
