"""Engines for tests: in this process, where starting one costs little, and as the process that users have."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

from calibtui.engine.client.places import Place, announced, socket_path
from calibtui.engine.client.socket import SocketEngine
from calibtui.engine.client.starting import start_engine
from calibtui.engine.server.service import Service
from calibtui.engine.server.serving import serve
from calibtui.engine.wire.snapshot import Snapshot

UP_WITHIN_S = 60.0


@contextlib.contextmanager
def serving(root: Path, *, idle_s: float = 900.0) -> Iterator[Service]:
    """An engine of the workspace on its real socket, with real workers, in a thread of this process."""
    ready: list[Service] = []
    up, failed = threading.Event(), []

    def on_ready(service: Service) -> None:
        ready.append(service)
        up.set()

    def run() -> None:
        try:
            asyncio.run(serve(root, socket_path(root), idle_s=idle_s, on_ready=on_ready))
        except BaseException as error:
            failed.append(error)
        finally:
            up.set()

    thread = threading.Thread(target=run, name="engine")
    thread.start()
    up.wait(UP_WITHIN_S)
    if failed:
        raise failed[0]
    try:
        yield ready[0]
    finally:
        loop = ready[0].loop
        if thread.is_alive():
            with contextlib.suppress(RuntimeError):
                asyncio.run_coroutine_threadsafe(ready[0].end(requeue=True), loop)
        thread.join(UP_WITHIN_S)


@contextlib.contextmanager
def engine_process(root: Path, *, idle_s: float = 900.0) -> Iterator[Place]:
    """An engine as a detached process; killed at the end where it still runs."""
    start_engine(root, idle_s=idle_s)
    place = announced(root)
    assert place is not None
    try:
        yield place
    finally:
        kill(place.pid)


def kill(pid: int, number: int = signal.SIGKILL) -> None:
    """Ends a process and waits until it is gone."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
    # A process is gone once it can be reaped: until then a thread of it may still hold its files.
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, 0)
    until_true(lambda: not alive(pid))


def alive(pid: int) -> bool:
    """Whether the process runs; one that waits to be reaped doesn't."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    if state == "Z":
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)
        return False
    return True


def until_true(condition: Callable[[], bool], within_s: float = UP_WITHIN_S) -> None:
    """Waits for the condition. Raises AssertionError where it doesn't come true."""
    ends = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < ends, "it never came true"
        time.sleep(0.02)


async def first(engine: SocketEngine, holds: Callable[[Snapshot], object]) -> Snapshot:
    """The first snapshot that `holds` is true of."""
    async with contextlib.aclosing(engine.snapshots()) as snapshots:
        async for snapshot in snapshots:
            if holds(snapshot):
                return snapshot
    raise AssertionError("the stream ended")


@contextlib.asynccontextmanager
async def following(engine: SocketEngine) -> AsyncIterator[list[Snapshot]]:
    """Every snapshot that the client gets while the block lasts, the first one at its begin."""
    seen: list[Snapshot] = []

    async def follow() -> None:
        async with contextlib.aclosing(engine.snapshots()) as snapshots:
            async for snapshot in snapshots:
                seen.append(snapshot)

    task = asyncio.create_task(follow())
    try:
        await becomes_true(lambda: bool(seen))
        yield seen
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def becomes_true(condition: Callable[[], bool], within_s: float = UP_WITHIN_S) -> None:
    """`until_true` on an event loop."""
    async with asyncio.timeout(within_s):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


def connected(root: Path, terminal: str = "test") -> SocketEngine:
    """A client of the workspace's engine."""
    return SocketEngine(socket_path(root), terminal=terminal)
