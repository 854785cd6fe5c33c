"""The jobs of one engine: queued durably, begun in their order, watched, paused, cancelled, taken up again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from calibtui.core.errors import CalibtuiError, EngineRefusedError
from calibtui.core.summary import RunSummary
from calibtui.engine.jobs.job_log import JobLog
from calibtui.engine.jobs.live import LiveRun
from calibtui.engine.jobs.messages import Assignment, Ended, LogLine, Report, StageMoved
from calibtui.engine.jobs.notices import Notices
from calibtui.engine.jobs.order_of_jobs import startable
from calibtui.engine.jobs.outcomes import INTERRUPTED, ended_row, notice_of
from calibtui.engine.jobs.practice import PracticeJudge
from calibtui.engine.jobs.relayed_metrics import RelayedMetrics
from calibtui.engine.jobs.remote_store import taking_turns
from calibtui.engine.jobs.settings_now import SettingsNow
from calibtui.engine.jobs.worker import Worker
from calibtui.engine.jobs.working import Working
from calibtui.engine.queries.jobs import job_told
from calibtui.engine.wire.snapshot import Job, Notice, Scoring, Stage
from calibtui.gateway.observability.event_log import Log
from calibtui.pipeline.asked import Measuring, asked_of, asked_text
from calibtui.pipeline.measuring import asks_judge
from calibtui.pipeline.run import run_name
from calibtui.store.jobs import JobRow
from calibtui.store.store import Store

KEPT = 20
"""Ended jobs that a snapshot still names."""
MOST_ATTEMPTS = 3
"""A job in whose middle the engine died so often is likely to be why."""
SAFE_POINT_S = 25.0

Result = TypeVar("Result")
_PAUSED_BY = "paused by"


@dataclass(slots=True)
class _Running:
    row: JobRow
    worker: Worker
    live: LiveRun
    cancelled: bool = False
    tried: int = field(default=0)


class JobDesk:
    """Belongs to the engine's event loop. `touch(rows=…)` is told whenever a snapshot would say something else."""

    def __init__(
        self,
        root: Path,
        store: Store,
        settings: SettingsNow,
        log: Log,
        metrics: RelayedMetrics,
        touch: Callable[..., None],
    ) -> None:
        self._root = root
        self._store = store
        self._settings = settings
        self._log = log
        self._metrics = metrics
        self._touch = touch
        self._turns = taking_turns()
        self._threads = ThreadPoolExecutor(1, "jobs")
        self._rows: dict[str, JobRow] = {}
        self._running: dict[str, _Running] = {}
        self._job_log = JobLog(settings)
        self._notices = Notices()
        self._practice = PracticeJudge()
        self._last_scoring: Scoring | None = None
        self._paused_by: str | None = None
        self._filling: asyncio.Task[None] | None = None
        self._ticking: asyncio.Task[None] | None = None
        self._closing = False
        self._requeue = True
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def busy(self) -> bool:
        """Whether anything is running or waits for its turn."""
        return bool(self._running) or any(row.state == "queued" for row in self._rows.values())

    @property
    def notices(self) -> Sequence[Notice]:
        return self._notices.newest

    @property
    def paused_by(self) -> str | None:
        return self._paused_by

    def running(self) -> list[Job]:
        return [job_told(running.row) for running in self._running.values()]

    async def recover(self) -> None:
        """Takes up the queue that is stored. What was running when an engine was killed is queued again."""
        jobs = self._store.jobs
        await self._in_thread(self._store.runs.mark_killed)
        for row in [*reversed(await self._in_thread(jobs.newest, KEPT)), *await self._in_thread(jobs.unfinished)]:
            if row.state == "running":
                row = replace(row, state="queued", started_at=None)
                if row.attempts >= MOST_ATTEMPTS:
                    said = f"The engine was killed {row.attempts} times while this job ran."
                    row = replace(row, state="failed", exit_code=1, error=said, ended_at=time.time())
                    row = replace(row, hint="See calibtui.log, then start it again.")
                await self._in_thread(jobs.write, row)
                self._notices.add("warning", f"{row.title}: the engine was killed meanwhile; it goes on.")
            self._rows[row.name] = row
        self._paused_by = await self._in_thread(jobs.note, _PAUSED_BY) or None

    async def submit(
        self,
        title: str,
        stages: Sequence[str],
        overrides: Sequence[str],
        *,
        priority: int,
        by: str,
        careful: bool,
        asked: Measuring | None = None,
    ) -> JobRow:
        """Queues a job of stages, or of what is asked beside them, durably, and begins it where nothing stands in its
        way."""
        if self._closing:
            raise EngineRefusedError("gone", "The engine is ending.", "Start it again: calibtui launch.")
        now = time.time()
        name = f"job-{run_name(now)}"
        row = JobRow(
            name, run_name(now), title, tuple(stages), tuple(overrides), "queued", priority, by, careful, 0, now
        )
        row = replace(row, task=asked_text(asked)) if asked else row
        await self._write(row)
        self._log.event("job_queued", job=row.name, stages=row.stages, by=by)
        self.fill()
        return row

    async def cancel(self, name: str, by: str) -> JobRow:
        """Ends a job at its next safe point, the second time at once, or takes it out of the queue. Raises
        EngineRefusedError."""
        row = self._rows.get(name)
        if row is None or row.state not in ("queued", "running"):
            raise EngineRefusedError("usage", f"No job {name} is queued or running.")
        self._log.event("job_cancelled", job=name, by=by)
        running = self._running.get(name)
        if running is not None:
            if running.cancelled:
                running.worker.kill()
            running.cancelled = True
            running.worker.order("stop")
            return row
        row = replace(row, state="cancelled", ended_at=time.time(), exit_code=130)
        await self._write(row)
        self.fill()
        return row

    async def pause(self, by: str) -> None:
        """Holds everything, for everyone; requests in flight are still answered. Also the next engine is paused."""
        await self._set_paused(by)
        for running in self._running.values():
            running.worker.order("pause")

    async def resume(self) -> None:
        await self._set_paused(None)
        for running in self._running.values():
            running.worker.order("resume")
        self.fill()

    async def set_cap(self, node: str, eur: str, who: str, why: str, *, repeat: bool = False) -> bool:
        """Changes a cap in the ledger of the job that has one open; False where none has. Raises SettingsError."""
        set_there = [
            await each.worker.set_cap(node, eur, who, why, repeat=repeat) for each in [*self._running.values()]
        ]
        return any(set_there)

    def fill(self) -> None:
        """Begins what may begin."""
        if self._filling is None or self._filling.done():
            self._filling = asyncio.get_running_loop().create_task(self._fill())

    def working(self) -> Working:
        """The jobs' part of a snapshot."""
        paused = self._paused_by is not None
        stages: dict[str, Stage] = {}
        for row in self._rows.values():
            if row.state == "queued":
                stages |= {name: LiveRun(row.run, (name,), "", "").stages(paused)[name] for name in row.stages}
        for running in self._running.values():
            stages |= running.live.stages(paused)
        scoring = next((run.live.scoring() for run in self._running.values() if run.live.scored), self._last_scoring)
        budgets = next((lines for run in self._running.values() if (lines := run.live.report.budgets)), None)
        return Working(self._told(paused), stages, scoring, budgets, self._paused_by)

    async def close(self, *, requeue: bool) -> None:
        """Brings what runs to a safe point and ends it. `requeue`: the next engine goes on with it; else it, and what
        is queued, counts as interrupted."""
        self._closing, self._requeue = True, requeue
        for running in self._running.values():
            running.worker.order("stop")
        try:
            await asyncio.wait_for(self._idle.wait(), SAFE_POINT_S)
        except TimeoutError:
            for running in self._running.values():
                running.worker.kill()
            await self._idle.wait()
        if not requeue:
            for row in [row for row in self._rows.values() if row.state == "queued"]:
                await self._write(replace(row, state="interrupted", ended_at=time.time(), exit_code=130))
        for task in (self._ticking, self._filling):
            if task is not None:
                task.cancel()
        await asyncio.to_thread(self._practice.close)

    def _told(self, paused: bool) -> tuple[Job, ...]:
        """Unfinished ones in the order they will go, then the newest ended ones."""
        rows = list(self._rows.values())
        first = sorted(
            (row for row in rows if row.state in ("queued", "running")),
            key=lambda row: (row.state != "running", -row.priority, row.queued_at),
        )
        last = sorted((row for row in rows if row not in first), key=lambda row: -(row.ended_at or 0.0))
        held = "paused" if paused else None
        newest = {name: running.live.newest for name, running in self._running.items()}
        told = (job_told(row, held, newest.get(row.name)) for row in first)
        return (*told, *(job_told(row) for row in last[:KEPT]))

    async def _fill(self) -> None:
        while not self._closing and self._paused_by is None:
            queued = [row for row in self._rows.values() if row.state == "queued"]
            row = startable(queued, [running.row for running in self._running.values()])
            if row is None:
                return
            await self._begin(row)

    async def _begin(self, row: JobRow) -> None:
        try:
            await self._start(row)
        except CalibtuiError as error:
            await self._not_begun(row, error.exit_code, error.message, error.hint)
        except OSError as error:
            await self._not_begun(row, 1, f"No process could be started for the job: {error.strerror}.", "")

    async def _not_begun(self, row: JobRow, exit_code: int, message: str, hint: str) -> None:
        await self._finish(row, Ended(RunSummary(str(self._root), row.run), exit_code, message, hint), 0)

    async def _start(self, row: JobRow) -> None:
        now = time.time()
        row = replace(row, state="running", run=run_name(now), started_at=now, attempts=row.attempts + 1)
        await self._write(row)
        settings, _ = await self._in_thread(self._settings.with_overrides, row.overrides)
        asked = asked_of(row.task) if row.task else None
        scores = asked is not None and await self._in_thread(asks_judge, settings, asked)
        await self._in_thread(self._practice.ready_for, settings, ("score",) if scores else row.stages)
        overrides = (*await self._in_thread(self._settings.overrides), *row.overrides)
        if self._closing:
            await self._write(replace(row, state="queued", started_at=None))
            return
        command = asked.kind if asked else " ".join(("job", *row.stages))
        paused = self._paused_by is not None
        assignment = Assignment(self._root, row.run, command, row.stages, overrides, not row.careful, paused, asked)
        live = LiveRun(row.run, row.stages, settings.scoring.model or settings.scoring.judge, settings.scoring.prompt)
        worker = Worker(
            assignment,
            self._store,
            self._turns,
            on_message=lambda message: self._heard(row.name, message),
            on_gone=lambda ended, code: self._gone(row.name, ended, code),
        )
        self._running[row.name] = _Running(row, worker, live)
        self._idle.clear()
        self._log.event("job_started", job=row.name, run=row.run, worker=worker.pid, attempt=row.attempts)
        self._say(row.name, f"started: {command}" if asked else f"started: {', '.join(row.stages)}")
        if self._ticking is None or self._ticking.done():
            self._ticking = asyncio.create_task(self._tick())

    async def _tick(self) -> None:
        while self._running:
            await asyncio.sleep(1.0)
            for running in self._running.values():
                if self._paused_by is None:
                    running.live.tick()
            self._touch()

    def _heard(self, name: str, message: object) -> None:
        running = self._running.get(name)
        if running is None:
            return
        if isinstance(message, Report):
            before, running.tried = running.tried, sum(progress.done for progress in message.progress)
            running.live.told(message)
            self._metrics.report(name, message.families)
            self._threads.submit(self._job_log.report, name, message)
            self._touch(rows=running.tried != before)
        elif isinstance(message, StageMoved):
            running.live.moved(message.stage, message.state)
            self._say(name, f"{message.stage}: {message.state}")
            self._touch(rows=True)
        elif isinstance(message, LogLine):
            self._log.line(message.text)

    def _gone(self, name: str, ended: Ended | None, code: int) -> None:
        running = self._running[name]
        if running.live.scored:
            self._last_scoring = running.live.scoring()
        self._metrics.ended(name)
        row = running.row
        if (
            self._closing
            and self._requeue
            and not running.cancelled
            and (ended is None or ended.exit_code == INTERRUPTED)
        ):
            finished = self._write(replace(row, state="queued", started_at=None, attempts=0))
        else:
            finished = self._finish(row, ended, code, cancelled=running.cancelled)
        asyncio.get_running_loop().create_task(self._went(name, finished))

    async def _went(self, name: str, finished: Coroutine[Any, Any, None]) -> None:
        try:
            await finished
        finally:
            del self._running[name]
            if not self._running:
                self._idle.set()
            # What the worker told of money and progress is gone with it, so the store is asked at once.
            self._touch(rows=True, at_once=True)
            self.fill()

    async def _finish(self, row: JobRow, ended: Ended | None, code: int, *, cancelled: bool = False) -> None:
        if ended is None or ended.exit_code == 1:
            await self._in_thread(self._store.runs.mark_killed, row.run)
        row = ended_row(row, ended, code, cancelled=cancelled)
        await self._write(row)
        self._log.event("job_ended", job=row.name, state=row.state, exit_code=row.exit_code, error=row.error)
        self._say(row.name, f"{row.state}{': ' + row.error if row.error else ''}")
        self._notices.add(*notice_of(row))
        self._touch(rows=True)

    async def _write(self, row: JobRow) -> None:
        """Durable first, then seen."""
        await self._in_thread(self._store.jobs.write, row)
        self._rows[row.name] = row
        self._touch()

    def _say(self, job: str, text: str) -> None:
        """Into the job's log, in the order that things happened."""
        self._threads.submit(self._job_log.write, job, text)

    async def _set_paused(self, by: str | None) -> None:
        await self._in_thread(self._store.jobs.set_note, _PAUSED_BY, by or "")
        self._paused_by = by
        self._touch()

    async def _in_thread(self, work: Callable[..., Result], *arguments: Any) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)
