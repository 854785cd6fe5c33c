"""The engine over its Unix socket."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, cast

import msgspec

from calibtui.core.errors import EngineGoneError, EngineRefusedError
from calibtui.engine.client.events import EventParser
from calibtui.engine.wire.exchange import WIRE, Command, Done, Query, Refused
from calibtui.engine.wire.snapshot import Snapshot

if TYPE_CHECKING:
    import httpx

Answer = TypeVar("Answer")

WIRE_HEADER = "X-Calibtui-Wire"
TERMINAL_HEADER = "X-Calibtui-Terminal"
CONNECT_S = 5.0
ANSWER_S = 120.0
SILENCE_S = 35.0
"""The engine sends a sign of life each ten seconds: after this long it is gone, or its machine is."""


class SocketEngine:
    """A client of one engine, for one event loop. `terminal` is what other viewers see of this one, such as "pts/3".

    Nothing is connected before the first request. httpx is imported then: a screen is painted sooner without it.
    """

    def __init__(self, socket_path: Path, *, terminal: str = "") -> None:
        self.socket_path = socket_path
        self._headers = {WIRE_HEADER: str(WIRE), TERMINAL_HEADER: _plain(terminal)}
        self._opened: httpx.AsyncClient | None = None

    async def ask(self, query: Query[Answer]) -> Answer:
        """The answer. Raises EngineRefusedError, EngineGoneError."""
        body = await self._post(f"/ask/{query.path}", msgspec.json.encode(query))
        return cast(Answer, _decoded(body, query.answer))

    async def do(self, command: Command) -> Done:
        """What was done. Raises EngineRefusedError, EngineGoneError."""
        return _decoded(await self._post(f"/do/{command.path}", msgspec.json.encode(command)), Done)

    async def snapshots(self) -> AsyncIterator[Snapshot]:
        """The state now, then whenever it changed. Raises EngineGoneError when the engine ends or falls silent."""
        import httpx

        timeout = httpx.Timeout(CONNECT_S, read=SILENCE_S)
        parser = EventParser()
        try:
            async with self._client().stream("GET", "/snapshots", timeout=timeout) as reply:
                if reply.status_code != 200:
                    raise _refusal(await reply.aread())
                async for piece in reply.aiter_bytes():
                    for data in parser.feed(piece):
                        yield _decoded(data, Snapshot)
        except httpx.TransportError as error:
            raise self._gone() from error
        raise self._gone()

    async def metrics(self) -> str:
        """What Prometheus would read. Raises EngineGoneError."""
        import httpx

        try:
            return (await self._client().get("/metrics")).text
        except httpx.TransportError as error:
            raise self._gone() from error

    async def close(self) -> None:
        if self._opened is not None:
            opened, self._opened = self._opened, None
            await opened.aclose()

    async def _post(self, path: str, body: bytes) -> bytes:
        import httpx

        try:
            reply = await self._client().post(path, content=body)
        except httpx.TransportError as error:
            raise self._gone() from error
        if reply.status_code != 200:
            raise _refusal(reply.content)
        return reply.content

    def _client(self) -> httpx.AsyncClient:
        import httpx

        from calibtui.engine.client.streams import UnixTransport

        if self._opened is None:
            self._opened = httpx.AsyncClient(
                transport=UnixTransport(self.socket_path),
                base_url="http://engine",
                headers=self._headers,
                timeout=httpx.Timeout(ANSWER_S, connect=CONNECT_S),
                trust_env=False,
            )
        return self._opened

    def _gone(self) -> EngineGoneError:
        return EngineGoneError(
            f"No engine answers on {self.socket_path}.", "`calibtui launch` starts one; nothing that was done is lost."
        )


def _decoded(body: bytes, kind: type[Answer]) -> Answer:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise EngineRefusedError(
            "version",
            f"The engine's answer is not what this calibtui expects: {error}.",
            "The engine is of another version: `calibtui stop`, then `calibtui launch`.",
        ) from error


def _refusal(body: bytes) -> EngineRefusedError:
    refused = _decoded(body, Refused)
    return EngineRefusedError(refused.kind, refused.message, refused.hint, refused.confirm)


def _plain(text: str) -> str:
    """Fit for a header."""
    return "".join(c for c in text if c.isascii() and c.isprintable())[:64]
