"""HTTP over a Unix socket whose reads can be cancelled at any moment.

httpcore's own streams are anyio's, which wait for a Unix socket with `loop.add_reader(socket, future.set_result)`:
where
the wait is cancelled in the very turn of the loop in which bytes come, asyncio logs an InvalidStateError. A workbench
cancels such waits all the time. The event loop's own `sock_recv` looks whether anybody still waits.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import ssl
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import httpcore
import httpx

KEPT_S = 30.0
"""An idle connection is kept so long; the engine keeps its end for longer."""


class UnixTransport(httpx.AsyncHTTPTransport):
    """httpx's transport, on this module's streams."""

    def __init__(self, path: Path) -> None:
        super().__init__(uds=os.fspath(path), trust_env=False)
        self._pool = httpcore.AsyncConnectionPool(
            uds=os.fspath(path), max_connections=None, keepalive_expiry=KEPT_S, network_backend=_UnixBackend()
        )


class _UnixBackend(httpcore.AsyncNetworkBackend):
    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """An engine is on this machine: raises httpcore.ConnectError."""
        raise httpcore.ConnectError("an engine is reached by its socket only")

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        opened = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        opened.setblocking(False)
        try:
            with _as_httpcore(httpcore.ConnectTimeout, httpcore.ConnectError):
                async with asyncio.timeout(timeout):
                    await asyncio.get_running_loop().sock_connect(opened, path)
        except BaseException:
            opened.close()
            raise
        return _UnixStream(opened)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class _UnixStream(httpcore.AsyncNetworkStream):
    def __init__(self, opened: socket.socket) -> None:
        self._socket = opened
        self._reads = 0

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 - httpcore's
        self._reads += 1
        try:
            with _as_httpcore(httpcore.ReadTimeout, httpcore.ReadError):
                async with asyncio.timeout(timeout):
                    return await asyncio.get_running_loop().sock_recv(self._socket, max_bytes)
        finally:
            self._reads -= 1

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109 - httpcore's
        with _as_httpcore(httpcore.WriteTimeout, httpcore.WriteError):
            async with asyncio.timeout(timeout):
                await asyncio.get_running_loop().sock_sendall(self._socket, buffer)

    async def aclose(self) -> None:
        try:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
            # Whoever waits for more is told that nothing comes, while the descriptor is still this socket's.
            while self._reads:  # noqa: ASYNC110 - a turn or two of the loop
                await asyncio.sleep(0)
        finally:
            self._socket.close()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
    ) -> httpcore.AsyncNetworkStream:
        """A socket that only its own user can open needs none: raises httpcore.UnsupportedProtocol."""
        raise httpcore.UnsupportedProtocol("no TLS on a Unix socket")

    def get_extra_info(self, info: str) -> Any:
        # Asked of an idle connection before it is used again: readable means that the other side has ended it.
        return self._readable() if info == "is_readable" else None

    def _readable(self) -> bool:
        try:
            self._socket.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return False
        except OSError:
            return True
        return True


@contextlib.contextmanager
def _as_httpcore(late: type[Exception], failed: type[Exception]) -> Iterator[None]:
    try:
        yield
    except TimeoutError as error:
        raise late(str(error)) from error
    except OSError as error:
        raise failed(str(error)) from error
