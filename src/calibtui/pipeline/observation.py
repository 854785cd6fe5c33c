"""What a run tells those who watch it from outside: Prometheus by its metrics, people and collectors by its log."""

from __future__ import annotations

import os
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from calibtui import __version__
from calibtui.core.errors import CalibtuiError
from calibtui.core.money import eur
from calibtui.core.summary import RunSummary
from calibtui.gateway.money.ledger import BudgetWarning
from calibtui.gateway.money.virtual_keys import VARIABLE
from calibtui.gateway.secrets import Secret
from calibtui.pipeline.context import Context
from calibtui.workspace.settings import Settings


def run_began(context: Context, command: str) -> None:
    """Before anything else is logged: from here on no line can hold a key that the settings name."""
    context.log.hide(named_secrets(context.settings, os.environ))
    context.metrics.run.began()
    workspace = str(context.root)
    context.log.event("run_started", run=context.run, command=command, workspace=workspace, version=__version__)


def run_ended(context: Context, state: str, summary: RunSummary, error: CalibtuiError | None) -> None:
    context.metrics.run.ended(state)
    fields: dict[str, Any] = {"run": context.run, "state": state, "notes": summary.notes}
    if scoring := summary.scoring:
        fields |= {"scored": scoring.scored, "failed": scoring.failed, "remaining": scoring.remaining}
        fields |= {"calls": scoring.calls, "retries": scoring.retries, "spent_eur": eur(scoring.spent)}
    if error is None:
        context.log.event("run_ended", **fields)
    else:
        context.log.error("run_ended", error, exit_code=error.exit_code, **fields)


def run_crashed(context: Context, error: Exception) -> None:
    """An exception that nobody foresaw: where it was raised is what its finder needs."""
    context.metrics.run.ended("failed")
    frames = traceback.extract_tb(error.__traceback__)
    where = [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames]
    context.log.event("run_crashed", run=context.run, error=type(error).__name__, message=str(error), where=where)


def stage_began(context: Context, stage: str) -> None:
    context.metrics.run.stage_began(stage)
    context.log.event("stage_started", run=context.run, stage=stage)


def stage_ended(context: Context, stage: str, state: str, seconds: float, error: CalibtuiError | None) -> None:
    """`seconds` that the stage took."""
    context.metrics.run.stage_ended(stage, state)
    fields = {"run": context.run, "stage": stage, "state": state, "seconds": round(seconds, 3)}
    if error is None:
        context.log.event("stage_ended", **fields)
    else:
        context.log.error("stage_ended", error, **fields)


def budget_warned(context: Context, warning: BudgetWarning) -> None:
    """A ledger's on_warning."""
    money = {"cap_eur": eur(warning.cap), "spent_eur": eur(warning.spent)}
    context.log.event("budget_warning", run=context.run, node=warning.node, percent=warning.percent, **money)


def named_secrets(settings: Settings, environ: Mapping[str, str]) -> list[Secret]:
    """What the environment has of them: our own virtual key, and of every provider, used in this run or not, what its
    keys and headers name."""
    return [Secret(name, environ[name].strip()) for name in _variables(settings) if environ.get(name)]


def _variables(settings: Settings) -> Iterator[str]:
    yield VARIABLE
    for provider in settings.providers.values():
        yield from (key.env for key in provider.keys)
        values = provider.headers.values()
        yield from (value.removeprefix("env:") for value in values if value.startswith("env:"))
