"""The commands' way to the engine of a workspace, where one runs."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from calibtui.core.errors import CalibtuiError, EngineRefusedError, WorkspaceBusyError
from calibtui.engine.client.places import Place
from calibtui.engine.client.socket import SocketEngine
from calibtui.engine.client.starting import running_engine
from calibtui.engine.wire.snapshot import Snapshot

Result = TypeVar("Result")


def engine_of(directory: Path) -> Place | None:
    """The engine that holds the workspace now, None where a command may open the store itself."""
    return running_engine(directory)


def with_engine(place: Place, work: Callable[[SocketEngine], Awaitable[Result]]) -> Result:
    """What `work` comes to with a client of the engine. Raises EngineGoneError, EngineRefusedError."""

    async def run() -> Result:
        engine = SocketEngine(place.socket, terminal=terminal_name())
        try:
            return await work(engine)
        finally:
            await engine.close()

    return asyncio.run(run())


def beside_engine(error: CalibtuiError, directory: Path) -> CalibtuiError:
    """The error, which says what to do where it is the workspace's engine that stands in a command's way."""
    place = running_engine(directory) if isinstance(error, WorkspaceBusyError) else None
    if place is None:
        return error
    return WorkspaceBusyError(
        f"The workspace's engine (process {place.pid}) holds the store, and this command needs it for itself.",
        "End the engine with `calibtui stop`, run the command, and go on with `calibtui launch`.",
    )


async def current(engine: SocketEngine) -> Snapshot:
    """The state now."""
    stream = engine.snapshots()
    try:
        return await anext(stream)
    finally:
        await stream.aclose()  # type: ignore[attr-defined]


def terminal_name() -> str:
    """What others see of whoever is attached: the terminal, and where it is reached from."""
    try:
        name = os.ttyname(2).removeprefix("/dev/")
    except OSError:
        name = "no terminal"
    origin = os.environ.get("SSH_CLIENT", "").partition(" ")[0]
    return f"{name} from {origin}" if origin else name


def said_in_full(error: EngineRefusedError) -> str:
    """A refusal that asks for a yes, with what the yes is to."""
    return f"{error.message} {error.confirm}".strip()
