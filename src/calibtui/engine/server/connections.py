"""HTTP on the engine's socket: uvicorn's protocol, for peers of the engine's own user alone."""

from __future__ import annotations

import asyncio
from typing import cast

import msgspec
from uvicorn.protocols.http.h11_impl import H11Protocol

from calibtui.engine.server.users import allowed_uid, peer_uid, user_name
from calibtui.engine.wire.exchange import Refused


class OwnUserProtocol(H11Protocol):
    """Answers anyone else with 403 and hangs up before reading a byte."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        uid = peer_uid(transport.get_extra_info("socket"))
        if uid == allowed_uid():
            super().connection_made(cast(asyncio.Transport, transport))
            return
        refused = Refused(
            kind="usage",
            message=f"This engine is {user_name(allowed_uid())}'s and answers nobody else.",
            hint="Start one of your own in a copy of the workspace, or ask its owner.",
        )
        body = msgspec.json.encode(refused)
        head = f"HTTP/1.1 403 Forbidden\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
        stranger = cast(asyncio.Transport, transport)
        stranger.write(head.encode() + b"connection: close\r\n\r\n" + body)
        stranger.close()

    def data_received(self, data: bytes) -> None:
        if hasattr(self, "transport") and self.transport is not None:
            super().data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        if hasattr(self, "transport") and self.transport is not None:
            super().connection_lost(exc)

    def eof_received(self) -> None:
        """A peer that has nothing more to say may still be listening."""
