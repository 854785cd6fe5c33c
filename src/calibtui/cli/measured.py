"""A measurement beside the stages: in a workspace opened for it, or as a job of the engine that runs already."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from typing import TypeVar

import msgspec

from calibtui.cli.batch import stopped_by_signals
from calibtui.cli.progress import shown_progress
from calibtui.core.progress import OnProgress, StopFlag
from calibtui.engine.client.starting import running_engine
from calibtui.workspace.settings import Settings

Result = TypeVar("Result")


def measured(
    settings: Settings,
    arguments: argparse.Namespace,
    options: Mapping[str, str],
    kind: type[Result],
    alone: Callable[[OnProgress, StopFlag], Result],
) -> Result:
    """What `alone` measures; where an engine has the workspace, what its job of the command's name and these `options`
    comes to, read as `kind`. Raises what ended it early, with the same exit code."""
    stop = StopFlag()
    place = running_engine(settings.root)
    with stopped_by_signals(stop), shown_progress() as on_progress:
        if place is None:
            return alone(on_progress, stop)
        from calibtui.cli.attached import measured_attached
        from calibtui.engine.wire.runs import Task

        print(f"The engine of this workspace runs it (process {place.pid}).", file=sys.stderr)
        confirmed = bool(getattr(arguments, "yes", False))
        task = Task(
            kind=arguments.command,
            options=dict(options),
            overrides=tuple(arguments.set),
            confirmed=True,
            careful=not confirmed,
        )
        text = measured_attached(place, task, on_progress, stop)
    return msgspec.convert(json.loads(text), kind, str_keys=True)
