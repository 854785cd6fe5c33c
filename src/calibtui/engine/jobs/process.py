"""The worker process: `python -m calibtui.engine.jobs.process DESCRIPTOR`.

It runs the stages of one job, or what it measures, and ends with the engine, however that ends: by the parent-death
signal where the kernel
sends it, by the end of the socket everywhere else.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

from calibtui.core.errors import CalibtuiError
from calibtui.core.progress import StopFlag
from calibtui.core.summary import RunSummary
from calibtui.engine.jobs.messages import Assignment, CapOrder, Channel, Ended, LogLine, Order, Reply, StageMoved
from calibtui.engine.jobs.remote_store import RemoteStore
from calibtui.engine.jobs.reporter import Reporter
from calibtui.engine.jobs.watched_metrics import WatchedMetrics
from calibtui.gateway.observability.event_log import Log
from calibtui.pipeline.asked import Measuring
from calibtui.pipeline.context import Context
from calibtui.pipeline.run import Outcome, run_in
from calibtui.workspace.load import load_settings

PR_SET_PDEATHSIG = 1
LOW_PRIORITY = 10
HEAVY = ("select", "quantize", "evaluate")
"""Stages that keep every core busy; scoring waits for answers most of the time, and its answers cost money."""


def main(descriptor: int) -> int:
    """Carries out the assignment that comes first on the socket."""
    _end_with_parent()
    channel = Channel(descriptor)
    assignment = channel.receive()
    assert isinstance(assignment, Assignment)
    worker = _Worker(channel, assignment)
    Thread(target=worker.listen, name="engine", daemon=True).start()
    channel.send(worker.work())
    return 0


class _Worker:
    def __init__(self, channel: Channel, assignment: Assignment) -> None:
        self._channel = channel
        self._assignment = assignment
        self._stop = StopFlag()
        self._store = RemoteStore(channel)
        self._metrics = WatchedMetrics()
        self._context: Context | None = None
        if assignment.paused:
            self._stop.pause()

    def work(self) -> Ended:
        """Runs the stages; whatever goes wrong is told, not raised."""
        assignment = self._assignment
        nothing = RunSummary(str(assignment.root), assignment.run)
        if "score" not in assignment.stages:
            _lower_priority()
        try:
            if assignment.asked is not None:
                return self._measured(assignment, assignment.asked)
            outcome = self._run(assignment)
        except CalibtuiError as error:
            return Ended(nothing, error.exit_code, error.message, error.hint)
        except Exception as error:
            traceback.print_exc()
            said = f"The run failed where it should not: {type(error).__name__}: {error}"
            return Ended(nothing, 1, said, "calibtui.log in .calibtui tells where. What was finished is kept.")
        if outcome.error is None:
            return Ended(outcome.summary, 0)
        return Ended(outcome.summary, outcome.error.exit_code, outcome.error.message, outcome.error.hint)

    def listen(self) -> None:
        """In a thread of its own, as long as the engine lives."""
        with contextlib.suppress(EOFError, OSError):
            while True:
                self._take(self._channel.receive())
        os._exit(1)

    def _run(self, assignment: Assignment) -> Outcome:
        with self._reporting(assignment) as context:
            return run_in(context, assignment.stages, command=assignment.command, alone=False, on_stage=self._moved)

    def _measured(self, assignment: Assignment, asked: Measuring) -> Ended:
        # What the stages need is loaded sooner without all this.
        from calibtui.pipeline.measuring import measured_in

        with self._reporting(assignment) as context:
            run, result = measured_in(context, asked)
        return Ended(run.told(), 0, result=result)

    @contextlib.contextmanager
    def _reporting(self, assignment: Assignment) -> Iterator[Context]:
        """The context of the run, whose progress and notes the engine is told while the block lasts."""
        settings = load_settings(assignment.root, assignment.overrides)
        store = self._store.as_store()
        with Reporter(self._channel, self._metrics, store, settings.scoring.passes) as reporter:
            self._context = Context(
                settings,
                store,
                assignment.run,
                reporter.progress,
                self._stop,
                assignment.confirmed,
                notes=reporter.notes,
                metrics=self._metrics,
                log=Log(_Lines(self._channel)),
            )
            yield self._context

    def _moved(self, stage: str, state: str) -> None:
        if stage in HEAVY and state == "running":
            _lower_priority()
        self._channel.send(StageMoved(stage, state))

    def _take(self, message: object) -> None:
        if isinstance(message, Reply):
            self._store.answered(message)
        elif isinstance(message, CapOrder):
            # The ledger's loop may be waiting for this very thread to hand it a reply of the store.
            Thread(target=self._set_cap, args=(message,), daemon=True).start()
        elif isinstance(message, Order):
            {"stop": self._stop.set, "pause": self._stop.pause, "resume": self._stop.resume}[message.what]()

    def _set_cap(self, order: CapOrder) -> None:
        ledger = self._context.open_ledger if self._context else None
        try:
            done = ledger.set_cap(order.node, order.eur, order.who, order.why, repeat=order.repeat) if ledger else False
            reply = Reply(order.number, done)
        except CalibtuiError as error:
            reply = Reply(order.number, error=error)
        except Exception:  # the ledger was closed in between
            reply = Reply(order.number, False)
        self._channel.send(reply)


class _Lines:
    """A log handler whose lines go to the engine, which alone has the file open. Counts none as lost: where the engine
    is gone, this process is about to be."""

    lost = 0

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    def write(self, line: str) -> None:
        with contextlib.suppress(OSError):
            self._channel.send(LogLine(line))

    def close(self) -> None:
        """Nothing is open here."""


def _end_with_parent() -> None:
    parent = os.getppid()
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
    # Whoever started the engine may press ctrl+c; what ends a worker is the engine's order.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def _lower_priority() -> None:
    """Of every thread there is, since Linux keeps one for each; those to come inherit it."""
    threads = Path("/proc/self/task")
    tasks = [int(entry.name) for entry in threads.iterdir()] if threads.is_dir() else [0]
    for task in tasks:
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, task, max(LOW_PRIORITY, os.getpriority(os.PRIO_PROCESS, task)))


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
