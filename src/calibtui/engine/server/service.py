"""An engine without its socket: the open store, the jobs, and the snapshot that everyone sees."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from calibtui.core.errors import CalibtuiError
from calibtui.engine.jobs.desk import JobDesk
from calibtui.engine.jobs.relayed_metrics import RelayedMetrics
from calibtui.engine.jobs.settings_now import SettingsNow
from calibtui.engine.jobs.working import Working
from calibtui.engine.queries.preparing import prepare
from calibtui.engine.queries.registry import COMMANDS, QUERIES, QueryContext, load_all
from calibtui.engine.server.board import BETWEEN_S, Board
from calibtui.engine.server.commands import OWN, carry_out
from calibtui.engine.server.composing import composed, ledger_budgets
from calibtui.engine.server.facts import Facts, read_facts
from calibtui.engine.server.file_system import network_warning
from calibtui.engine.wire.exchange import Command, Done, Query
from calibtui.engine.wire.snapshot import Snapshot, Viewer
from calibtui.gateway.observability.event_log import open_log
from calibtui.gateway.observability.metrics_server import exposition, serving_metrics
from calibtui.store.store import Store
from calibtui.workspace.settings import Settings

QUERY_THREADS = 4
FACTS_EVERY_S = 0.5
FACTS_SHARE = 0.05
"""Reading the facts again and again may take this share of a thread's time, however large the store is."""

Result = TypeVar("Result")


class Service:
    """Belongs to one event loop; `start` opens the store, `close` ends everything. `board` is there once started."""

    board: Board
    jobs: JobDesk

    def __init__(self, root: Path, *, idle_s: float | None = None) -> None:
        self.root = root.resolve()
        self.started_at = time.time()
        self._state = self.root / ".calibtui"
        self._idle_s = idle_s
        self._active_at = time.monotonic()
        self._threads = ThreadPoolExecutor(QUERY_THREADS, "query")
        self._open = contextlib.ExitStack()
        self._memory: dict[Any, Any] = {}
        self._data = 0
        self._stale = True
        self._facts: Facts | None = None
        self._facts_due = 0.0
        self._changed = asyncio.Event()
        self._publishing_now = asyncio.Lock()
        self._tasks: list[asyncio.Task[None]] = []
        self._kept: set[asyncio.Task[None]] = set()
        self._on_ended: list[Callable[[], None]] = []

    async def start(self) -> None:
        """Opens the workspace and takes up what an engine before left undone. Raises CalibtuiError where the workspace
        can't be opened, is in use, or its settings are wrong."""
        self.loop = asyncio.get_running_loop()
        load_all()
        self.store = self._open.enter_context(await self.in_thread(Store, self._state))
        self.log = self._open.enter_context(contextlib.closing(open_log(self._state)))
        self.settings = SettingsNow(self.root, self.store)
        settings, _ = await self.in_thread(self.settings.read)
        self.metrics = RelayedMetrics()
        listen = serving_metrics(settings.metrics.listen, self.metrics, file=settings.file)
        self._open.enter_context(listen)
        self.jobs = JobDesk(self.root, self.store, self.settings, self.log, self.metrics, self.touch)
        await self.jobs.recover()
        self._warnings = network_warning(self.root)
        self.board = Board(await self._content())
        self.log.event("engine_started", workspace=str(self.root))
        tasks = (self._publishing(), self._ending_when_idle(), self._preparing())
        self._tasks = [asyncio.create_task(task) for task in tasks]
        self.jobs.fill()

    async def ask(self, query: Query[Any], by: str = "") -> Any:
        """The answer. Raises CalibtuiError."""
        self._active_at = time.monotonic()
        return await self.in_thread(self._answer, query, by)

    async def do(self, command: Command, by: str) -> Done:
        """What was done. Raises CalibtuiError."""
        self._active_at = time.monotonic()
        self.log.event("command", command=command.path, by=by)
        if isinstance(command, OWN):
            done = await carry_out(self, command, by)
        else:
            done = await self.in_thread(self._do, command, by)
        self.touch(rows=True)
        # Whoever was told that it is done finds it in the very next snapshot.
        await self._publish()
        return done

    def touch(self, *, rows: bool = False, at_once: bool = False) -> None:
        """Something that the snapshot tells has changed; `rows`: of the store; `at_once`: what the next snapshot tells
        must be read after this. From the event loop."""
        if rows:
            self._data += 1
            self._stale = True
        if at_once:
            self._facts_due = 0.0
        self._changed.set()

    @contextlib.contextmanager
    def watched_by(self, viewer: Viewer) -> Iterator[int]:
        with self.board.watched_by(viewer) as number:
            self.touch()
            try:
                yield number
            finally:
                self._active_at = time.monotonic()
                self.touch()

    async def exposition(self, accept: str) -> tuple[str, bytes]:
        """Content-Type and body of /metrics."""
        return await self.in_thread(exposition, self.metrics, accept)

    def context(self, by: str = "") -> QueryContext:
        """What a query is given. Called in a thread: it reads calibtui.toml and the knobs."""
        settings, written = self.settings.read()
        return QueryContext(settings, written, self.store, self._data, by, self._memory)

    async def in_thread(self, work: Callable[..., Result], *arguments: Any) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)

    def on_ended(self, callback: Callable[[], None]) -> None:
        self._on_ended.append(callback)

    def keep(self, task: asyncio.Task[None]) -> None:
        """A loop holds its tasks only weakly; this one must come to its end."""
        self._kept.add(task)
        task.add_done_callback(self._kept.discard)

    async def end(self, *, requeue: bool) -> None:
        """Brings running jobs to a safe point, then tells everyone that it is over. `requeue`: the next engine goes on
        with them."""
        await self.jobs.close(requeue=requeue)
        await self._publish()
        self.board.close()
        for callback in self._on_ended:
            callback()

    async def close(self) -> None:
        """Ends what still runs, and closes the store."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if hasattr(self, "jobs"):
            await self.jobs.close(requeue=True)
            self.log.event("engine_ended")
        await asyncio.to_thread(self._threads.shutdown, wait=True, cancel_futures=True)
        self._open.close()

    def _answer(self, query: Query[Any], by: str) -> Any:
        return QUERIES[type(query)](self.context(by), query)

    def _do(self, command: Command, by: str) -> Done:
        return COMMANDS[type(command)](self.context(by), command)

    async def _preparing(self) -> None:
        with contextlib.suppress(CalibtuiError):
            await self.in_thread(lambda: prepare(self.context()))

    async def _publishing(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            try:
                await self._publish()
            except Exception as error:
                self.log.event("snapshot_failed", error=type(error).__name__, message=str(error))
            await asyncio.sleep(BETWEEN_S)

    async def _publish(self) -> None:
        # One after the other, so that no snapshot is told of facts that are older than those of the one before it.
        async with self._publishing_now:
            self.board.publish(await self._content())

    async def _content(self) -> Snapshot:
        loop = asyncio.get_running_loop()
        # Asked before the facts are read: a job that ends meanwhile is not gone before its stages are told as ended.
        working = self.jobs.working()
        if self._stale and loop.time() >= self._facts_due:
            self._stale = False
            began = loop.time()
            self._facts = await self.in_thread(self._read_facts, working)
            took = loop.time() - began
            self._facts_due = loop.time() + max(FACTS_EVERY_S, took / FACTS_SHARE)
        if self._stale:
            loop.call_at(self._facts_due, self._changed.set)
        assert self._facts is not None
        settings: Settings = (await self.in_thread(self.settings.read))[0]
        return composed(
            settings,
            self._facts,
            working,
            data=self._data,
            started_at=self.started_at,
            viewers=self.board.viewers if hasattr(self, "board") else (),
            notices=self.jobs.notices,
            warnings=tuple(filter(None, (*self._warnings, self.settings.error))),
        )

    def _read_facts(self, working: Working) -> Facts:
        context = self.context()
        return read_facts(context, time.time(), ledger_budgets(context.settings, working))

    async def _ending_when_idle(self) -> None:
        while True:
            limit = self._idle_limit()
            await asyncio.sleep(min(limit / 4, 15.0))
            if self.board.viewers or self.jobs.busy:
                self._active_at = time.monotonic()
            elif time.monotonic() - self._active_at >= limit:
                self.log.event("engine_idle", seconds=round(limit))
                await self.end(requeue=True)
                return

    def _idle_limit(self) -> float:
        if self._idle_s is not None:
            return self._idle_s
        try:
            return 60.0 * self.settings.read()[0].engine.idle_minutes
        except CalibtuiError:
            return 600.0
