"""One request out, one bounded reply back, and the truth about whether it left."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from aiohttp import web

from calibtui.gateway.transport import AiohttpTransport, HttpRequest, TransportError

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
SECRET = "sk-canary-7Qd9xP2mZt4LwR8uYb3N"


@pytest.fixture
async def raw() -> AsyncIterator[Callable[[Serve], Awaitable[str]]]:
    """raw(serve) starts a bare TCP server and gives its address."""
    servers: list[asyncio.Server] = []

    async def start(serve: Serve) -> str:
        servers.append(await asyncio.start_server(serve, "127.0.0.1", 0))
        return f"http://127.0.0.1:{servers[-1].sockets[0].getsockname()[1]}/v1"

    yield start
    for server in servers:
        server.close()


async def send(url: str, deadline_s: float = 10.0, **options: int) -> tuple[int, bytes]:
    async with AiohttpTransport(connections=4, **options) as transport:
        headers = {"Authorization": f"Bearer {SECRET}"}
        response = await transport.send(HttpRequest(url, b"x" * 50_000, headers, deadline_s))
        return response.status, response.body


async def read_request(reader: asyncio.StreamReader) -> None:
    await reader.readuntil(b"\r\n\r\n")
    await reader.readexactly(50_000)


def answering(reply: bytes) -> Serve:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(reply)
        await writer.drain()
        writer.close()

    return serve


async def test_status_headers_and_body_come_back_as_they_are(raw: Callable[[Serve], Awaitable[str]]) -> None:
    url = await raw(answering(b"HTTP/1.1 429 Slow\r\nRetry-After: 3\r\nContent-Length: 2\r\n\r\nhi"))
    async with AiohttpTransport(connections=1) as transport:
        response = await transport.send(HttpRequest(url, b"x" * 50_000, {}, 10.0))
    assert (response.status, response.body, response.headers["retry-after"]) == (429, b"hi", "3")


@pytest.mark.parametrize(
    "reply",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\ncut",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"220 smtp.example ESMTP\r\n",
    ],
    ids=["closed", "cut in its headers", "cut in its body", "bad chunk", "not HTTP"],
)
async def test_a_broken_reply_may_have_been_charged(raw: Callable[[Serve], Awaitable[str]], reply: bytes) -> None:
    with pytest.raises(TransportError) as caught:
        await send(await raw(answering(reply)))
    assert caught.value.kind == "broken"
    assert caught.value.maybe_sent


async def test_a_server_that_hangs_up_before_reading_may_have_been_charged(
    raw: Callable[[Serve], Awaitable[str]],
) -> None:
    async def slam(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    with pytest.raises(TransportError) as caught:
        await send(await raw(slam))
    assert caught.value.maybe_sent


async def test_nobody_listening_means_nothing_was_sent(raw: Callable[[Serve], Awaitable[str]]) -> None:
    with pytest.raises(TransportError) as caught:
        await send("http://127.0.0.1:1/v1")
    assert caught.value.kind == "connect"
    assert not caught.value.maybe_sent


async def test_a_hanging_server_ends_at_the_deadline_and_may_have_been_charged(
    raw: Callable[[Serve], Awaitable[str]],
) -> None:
    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        await reader.read()
        writer.close()

    with pytest.raises(TransportError) as caught:
        await send(await raw(hang), deadline_s=0.3)
    assert caught.value.kind == "deadline"
    assert caught.value.maybe_sent


async def test_a_reply_that_trickles_on_and_on_ends_at_the_deadline(raw: Callable[[Serve], Awaitable[str]]) -> None:
    async def trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while not writer.is_closing():
            writer.write(b".")
            await asyncio.sleep(0.02)

    with pytest.raises(TransportError, match="no reply within"):
        await send(await raw(trickle), deadline_s=0.3)


async def test_a_reply_beyond_the_bound_is_given_up(raw: Callable[[Serve], Awaitable[str]]) -> None:
    url = await raw(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n" + b"y" * 300_000))
    with pytest.raises(TransportError) as caught:
        await send(url, max_reply_bytes=100_000)
    assert caught.value.kind == "too_large"
    assert caught.value.maybe_sent


async def test_a_packed_reply_is_not_asked_for(raw: Callable[[Serve], Awaitable[str]]) -> None:
    heads: list[bytes] = []

    async def note(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        await reader.readexactly(50_000)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    await send(await raw(note))
    assert b"accept-encoding: identity" in heads[0].lower()


async def test_a_redirect_is_a_reply_and_not_followed(raw: Callable[[Serve], Awaitable[str]]) -> None:
    elsewhere: list[int] = []

    async def target(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        elsewhere.append(1)
        writer.close()

    location = (await raw(target)).encode()
    url = await raw(answering(b"HTTP/1.1 307 Moved\r\nLocation: " + location + b"\r\nContent-Length: 0\r\n\r\n"))
    assert (await send(url))[0] == 307
    assert elsewhere == []


async def test_proxies_of_the_environment_are_left_alone_unless_asked_for(
    raw: Callable[[Serve], Awaitable[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    reply = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
    assert await send(await raw(answering(reply))) == (200, b"hi")
    with pytest.raises(TransportError):
        await send(await raw(answering(reply)), proxies_from_env=True)


async def test_connections_are_kept_and_never_more_than_allowed(raw: Callable[[Serve], Awaitable[str]]) -> None:
    opened: list[int] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        opened.append(1)
        while True:
            try:
                await read_request(reader)
            except asyncio.IncompleteReadError:
                break
            await asyncio.sleep(0.01)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
        writer.close()

    url = await raw(serve)
    async with AiohttpTransport(connections=3) as transport:
        request = HttpRequest(url, b"x" * 50_000, {}, 30.0)
        replies = await asyncio.gather(*(transport.send(request) for _ in range(30)))
    assert len(replies) == 30
    assert len(opened) <= 3


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/v1", "http://nowhere.invalid/v1"])
async def test_neither_the_request_nor_its_errors_show_a_key(url: str) -> None:
    request = HttpRequest(url, SECRET.encode(), {"Authorization": SECRET}, 5.0)
    async with AiohttpTransport(connections=1) as transport:
        with pytest.raises(TransportError) as caught:
            await transport.send(request)
    assert "canary" not in f"{request!r} {caught.value} {caught.value!r}"


async def test_a_request_can_be_served_by_any_http_server() -> None:
    async def echo(request: web.Request) -> web.Response:
        return web.json_response({"bytes": len(await request.read()), "type": request.content_type})

    app = web.Application()
    app.router.add_post("/v1", echo)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    assert (await send(f"http://127.0.0.1:{runner.addresses[0][1]}/v1"))[0] == 200
    await runner.cleanup()
