"""The client's connection may be left at any moment, and says plainly when the other side is gone."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from calibtui.core.errors import EngineGoneError
from calibtui.engine.client.socket import SocketEngine

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.fixture
def listener() -> Iterator[tuple[Path, socket.socket]]:
    """A socket that only listens: the test itself says what comes over it, and when."""
    with tempfile.TemporaryDirectory(dir="/tmp") as directory, socket.socket(socket.AF_UNIX) as listening:
        path = Path(directory) / "engine.sock"
        listening.bind(str(path))
        listening.listen()
        listening.setblocking(False)
        yield path, listening


async def test_a_stream_that_is_left_in_the_moment_its_bytes_come_is_left_in_silence(listener) -> None:
    path, listening = listener
    loop = asyncio.get_running_loop()
    said: list[dict] = []
    loop.set_exception_handler(lambda _, context: said.append(context))
    engine = SocketEngine(path)
    coming = asyncio.ensure_future(anext(engine.snapshots()))
    peer, _ = await loop.sock_accept(listening)
    with peer:
        await loop.sock_recv(peer, 65536)
        peer.send(HEAD)
        await asyncio.sleep(0.2)
        # Both in one turn of the loop: the cancellation first, then what the socket has to tell.
        peer.send(b"2\r\n: \r\n")
        loop.call_soon(coming.cancel)
        with contextlib.suppress(asyncio.CancelledError):
            await coming
        await asyncio.sleep(0)
        await engine.close()
    assert said == []


async def test_an_engine_that_hangs_up_in_the_middle_of_its_stream_is_gone(listener) -> None:
    path, listening = listener
    engine = SocketEngine(path)
    coming = asyncio.ensure_future(anext(engine.snapshots()))
    peer, _ = await asyncio.get_running_loop().sock_accept(listening)
    with peer:
        peer.send(HEAD + b"ff\r\ndata: {")
    with pytest.raises(EngineGoneError, match=r"No engine answers on .*engine\.sock"):
        await coming
    await engine.close()


async def test_a_client_that_is_closed_ends_its_streams_at_once(listener) -> None:
    path, listening = listener
    engine = SocketEngine(path)
    coming = asyncio.ensure_future(anext(engine.snapshots()))
    peer, _ = await asyncio.get_running_loop().sock_accept(listening)
    with peer:
        peer.send(HEAD)
        await asyncio.sleep(0.2)
        await engine.close()
        with pytest.raises(EngineGoneError):
            await asyncio.wait_for(coming, 10)


async def test_where_nobody_listens_there_is_no_engine(listener) -> None:
    path, listening = listener
    listening.close()
    engine = SocketEngine(path)
    with pytest.raises(EngineGoneError):
        await anext(engine.snapshots())
    await engine.close()
