"""Progress for people on stderr: a bar on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator

from calibtui.core.progress import OnProgress, Progress
from calibtui.core.text import one_line

PLAIN_INTERVAL_S = 5.0


@contextlib.contextmanager
def shown_progress() -> Iterator[OnProgress]:
    """What stages tell their progress to."""
    if sys.stderr.isatty():
        with _bar() as on_progress:
            yield on_progress
    else:
        yield _PlainLines()


class _PlainLines:
    """A line when a stage begins, one every few seconds, and one when it reaches its end."""

    def __init__(self) -> None:
        self._stage = ""
        self._next = 0.0

    def __call__(self, progress: Progress) -> None:
        now = time.monotonic()
        ended = progress.total > 0 and progress.done >= progress.total
        if progress.stage == self._stage and now < self._next and not ended:
            return
        self._stage, self._next = progress.stage, now + PLAIN_INTERVAL_S
        count = f" {progress.done:,}/{progress.total:,}" if progress.total else ""
        print(one_line(f"{progress.stage}:{count} {progress.note}".rstrip()), file=sys.stderr, flush=True)


@contextlib.contextmanager
def _bar() -> Iterator[OnProgress]:
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = (
        TextColumn("[bold]{task.description:<9}"),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
    with Bars(*columns, console=Console(stderr=True), transient=True, refresh_per_second=4) as bars:
        tasks: dict[str, TaskID] = {}

        def on_progress(progress: Progress) -> None:
            note = escape(one_line(progress.note))
            if progress.stage not in tasks:
                for task in bars.task_ids:
                    bars.remove_task(task)
                tasks.clear()
                tasks[progress.stage] = bars.add_task(progress.stage, total=None, note=note)
            bars.update(tasks[progress.stage], completed=progress.done, total=progress.total or None, note=note)

        yield on_progress
