"""The line to the engine: attaches, follows its snapshots, notices when it falls silent, comes back by itself."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace

from calibtui.core.errors import CalibtuiError, EngineGoneError, EngineRefusedError
from calibtui.engine.client.client import Answer, Engine
from calibtui.engine.wire.exchange import Command, Done, Query
from calibtui.engine.wire.snapshot import Snapshot
from calibtui.tui.figures import clock, duration
from calibtui.tui.states import Sign, sign

Connect = Callable[[], Awaitable[Engine]]

QUIET_S = 5.0
"""A state that doesn't change sends nothing; after so long a silence the engine is asked whether it is still there."""

PROBE_S = 2.0
GONE = "The engine is gone; nothing that was done is lost."
AGAIN = (
    "The workbench attaches again by itself as soon as there is one; F5 looks at once. `calibtui launch` in another "
    "terminal starts one."
)
FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 15.0


@dataclass(frozen=True, slots=True)
class Link:
    """`state`: "connecting", "live", "stale" or "disconnected". `age`: s since the newest word of the engine, as far as
    it matters; `since` UTC seconds; `said`: why it is disconnected."""

    state: str
    since: float
    age: float = 0.0
    said: str = ""
    hint: str = ""


class Connection:
    """`on_snapshot` and `on_link` are called in the event loop that `run` runs in."""

    def __init__(
        self, connect: Connect, on_snapshot: Callable[[Snapshot], None], on_link: Callable[[Link], None]
    ) -> None:
        self._connect = connect
        self._on_snapshot = on_snapshot
        self._on_link = on_link
        self._engine: Engine | None = None
        self._heard = 0.0
        self._wake = asyncio.Event()
        self.link = Link("connecting", time.time())

    async def run(self) -> None:
        """Attaches and follows until cancelled; after a loss waits, twice as long each time, and attaches again."""
        wait = FIRST_WAIT_S
        while True:
            try:
                self._engine = await self._connect()
                await self._follow(self._engine)
                raise EngineGoneError("The engine ended its stream of snapshots.")
            except (CalibtuiError, OSError) as error:
                if self.link.state in ("live", "stale"):
                    wait = FIRST_WAIT_S
                self._tell_lost(error)
            finally:
                await self.close()
            self._wake.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), wait)
            wait = min(LONGEST_WAIT_S, wait * 2)

    def hurry(self) -> None:
        """Attaches now instead of at the end of the wait."""
        self._wake.set()

    async def ask(self, query: Query[Answer]) -> Answer:
        """Raises EngineRefusedError, or EngineGoneError also while there is no engine."""
        return await self._there().ask(query)

    async def do(self, command: Command) -> Done:
        """Raises as `ask` does."""
        return await self._there().do(command)

    async def close(self) -> None:
        engine, self._engine = self._engine, None
        if engine is not None:
            with contextlib.suppress(CalibtuiError, OSError):
                await engine.close()

    def _there(self) -> Engine:
        if self._engine is None:
            raise EngineGoneError("No engine is attached.", "The workbench attaches again by itself.")
        return self._engine

    async def _follow(self, engine: Engine) -> None:
        stream = engine.snapshots()
        while True:
            try:
                self._hear(await self._next(engine, stream))
            except StopAsyncIteration:
                return

    async def _next(self, engine: Engine, stream: AsyncIterator[Snapshot]) -> Snapshot:
        coming = asyncio.ensure_future(anext(stream))
        try:
            while not (await asyncio.wait({coming}, timeout=QUIET_S))[0]:
                await self._probe(engine)
            return await coming
        finally:
            coming.cancel()

    async def _probe(self, engine: Engine) -> None:
        from calibtui.engine.wire.curation import RecentChanges

        try:
            await asyncio.wait_for(engine.ask(RecentChanges(limit=1)), PROBE_S)
        except TimeoutError:
            self._tell(Link("stale", self.link.since, age=time.monotonic() - self._heard))
        except EngineRefusedError:
            self._hear(None)
        else:
            self._hear(None)

    def _hear(self, snapshot: Snapshot | None) -> None:
        self._heard = time.monotonic()
        self._tell(Link("live", time.time()))
        if snapshot is not None:
            self._on_snapshot(snapshot)

    def _tell_lost(self, error: CalibtuiError | OSError) -> None:
        said, hint = (error.message, error.hint) if isinstance(error, CalibtuiError) else (str(error), "")
        if isinstance(error, EngineGoneError) and self._heard:
            said, hint = GONE, AGAIN
        since = self.link.since if self.link.state == "disconnected" else time.time()
        self._tell(Link("disconnected", since, said=said, hint=hint))

    def _tell(self, link: Link) -> None:
        """Passes a link on where it says something new: a live one is live, however often it is heard of."""
        if replace(link, since=0.0) != replace(self.link, since=0.0):
            self.link = link
            self._on_link(link)


def standing(link: Link, snapshot: Snapshot | None) -> tuple[Sign, str]:
    """What the header says: the state of the line, or on a live one that of the work; and what there is to add."""
    if link.state == "stale":
        return sign("stale"), duration(link.age)
    if link.state == "disconnected":
        return sign("disconnected"), f"since {clock(link.since)}"
    if link.state == "connecting" or snapshot is None:
        return sign("connecting"), ""
    if snapshot.paused:
        return sign("paused"), f"by {snapshot.paused_by}" if snapshot.paused_by else ""
    if not any(job.state in ("queued", "running", "paused") for job in snapshot.jobs):
        newest = max(snapshot.jobs, key=lambda job: job.ended_at or 0.0, default=None)
        if newest is not None and newest.state == "done":
            return sign("finished"), ""
    return sign("live"), ""
