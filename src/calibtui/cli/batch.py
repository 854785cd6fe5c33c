"""The stages, headless: `--batch`, and each stage's own command."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from calibtui.cli.arguments import STAGES
from calibtui.cli.outcome import show_error
from calibtui.cli.progress import shown_progress
from calibtui.core.errors import CalibtuiError
from calibtui.core.progress import OnProgress, StopFlag
from calibtui.core.summary import RunSummary
from calibtui.engine.client.places import Place
from calibtui.engine.client.starting import running_engine
from calibtui.pipeline.run import Outcome, run_stages
from calibtui.workspace.load import load_settings
from calibtui.workspace.settings import Settings


def run(arguments: argparse.Namespace) -> int:
    try:
        settings = load_settings(Path(arguments.dir), arguments.set)
    except CalibtuiError as error:
        return reported_outcome(Outcome(RunSummary(str(Path(arguments.dir).resolve()), ""), error), arguments.json)
    return run_workspace(settings, _stages(arguments), arguments)


def run_workspace(settings: Settings, stages: Sequence[str], arguments: argparse.Namespace) -> int:
    """Runs the stages, here or as a job of the engine that runs already, shows what came of them, and returns the exit
    code."""
    stop = StopFlag()
    command = " ".join(word for word in (arguments.command, *stages))
    place = running_engine(settings.root)
    with stopped_by_signals(stop), shown_progress() as on_progress:
        if place is not None:
            outcome = _run_attached(place, settings, stages, arguments, on_progress, stop)
        else:
            outcome = run_stages(
                settings, stages, command=command, on_progress=on_progress, stop=stop, confirmed=arguments.yes
            )
    return reported_outcome(outcome, arguments.json)


def _run_attached(
    place: Place,
    settings: Settings,
    stages: Sequence[str],
    arguments: argparse.Namespace,
    on_progress: OnProgress,
    stop: StopFlag,
) -> Outcome:
    from calibtui.cli.attached import Wish, run_attached

    print(f"The engine of this workspace runs it (process {place.pid}).", file=sys.stderr)
    wish = Wish(stages, arguments.set, arguments.yes)
    return run_attached(place, str(settings.root), wish, on_progress, stop)


def reported_outcome(outcome: Outcome, as_json: bool) -> int:
    """Prints a run's outcome: one JSON object, or tables for people; its error goes to stderr."""
    code = outcome.error.exit_code if outcome.error else 0
    if as_json:
        document = outcome.summary.as_json()
        if outcome.error:
            document["error"] = {"exit_code": code, "message": outcome.error.message, "hint": outcome.error.hint}
        sys.stdout.write(json.dumps(document, ensure_ascii=True) + "\n")
        sys.stdout.flush()
    else:
        _show(outcome.summary)
    if outcome.error:
        show_error(outcome.error)
    return code


def _show(summary: RunSummary) -> None:
    from rich.console import Console

    from calibtui.report.terminal import comparison_table, stage_lines

    console = Console(highlight=False)
    for line in stage_lines(summary):
        console.print(line)
    if summary.evaluation is not None:
        console.print(comparison_table(summary))


def _stages(arguments: argparse.Namespace) -> tuple[str, ...]:
    if arguments.command != "launch":
        return (arguments.command,)
    if arguments.only:
        return (arguments.only,)
    last = STAGES.index(arguments.until) + 1 if arguments.until else len(STAGES)
    return STAGES[:last]


@contextmanager
def stopped_by_signals(stop: StopFlag) -> Iterator[None]:
    """The first ctrl+c or TERM asks the work to stop at its next safe point; the second one ends it at once."""

    def on_signal(number: int, _: FrameType | None) -> None:
        if stop:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        stop.set()
        print("Stopping at the next safe point; once more stops at once.", file=sys.stderr, flush=True)

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
