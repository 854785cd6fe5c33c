"""A client of one engine: questions, commands, and the stream of snapshots."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol, TypeVar

from calibtui.engine.wire.exchange import Command, Done, Query
from calibtui.engine.wire.snapshot import Snapshot

Answer = TypeVar("Answer")


class Engine(Protocol):
    """What a screen may do. `calibtui.engine.client.socket.SocketEngine` is the one there is."""

    async def ask(self, query: Query[Answer]) -> Answer:
        """The answer. Raises EngineRefusedError, or EngineGoneError where nobody answers any more."""
        ...

    async def do(self, command: Command) -> Done:
        """What was done. Raises EngineRefusedError (`kind` "confirmation": ask the user, then send it again
        confirmed) or EngineGoneError."""
        ...

    def snapshots(self) -> AsyncIterator[Snapshot]:
        """The state now, then whenever it changed, at most four times a second. Raises EngineGoneError when it ends."""
        ...

    async def close(self) -> None: ...
