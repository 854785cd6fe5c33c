"""One request out, one bounded reply back, and the truth about whether it left."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp import web

from calibtui.gateway.transport import HttpRequest, HttpTransport, TransportError

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
    async with HttpTransport(connections=4, **options) as transport:
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
    async with HttpTransport(connections=1) as transport:
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


async def test_a_server_that_hangs_up_in_the_middle_of_a_request_may_have_been_charged(
    raw: Callable[[Serve], Awaitable[str]],
) -> None:
    async def slam(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(20)
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


async def test_proxies_of_the_environment_are_left_alone(
    raw: Callable[[Serve], Awaitable[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    reply = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
    assert await send(await raw(answering(reply))) == (200, b"hi")


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
    async with HttpTransport(connections=3) as transport:
        request = HttpRequest(url, b"x" * 50_000, {}, 30.0)
        replies = await asyncio.gather(*(transport.send(request) for _ in range(30)))
    assert len(replies) == 30
    assert len(opened) <= 3


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/v1", "http://nowhere.invalid/v1"])
async def test_neither_the_request_nor_its_errors_show_a_key(url: str) -> None:
    request = HttpRequest(url, SECRET.encode(), {"Authorization": SECRET}, 5.0)
    async with HttpTransport(connections=1) as transport:
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


async def test_a_reply_may_come_in_chunks_after_interim_ones_or_end_with_the_connection(
    raw: Callable[[Serve], Awaitable[str]],
) -> None:
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n1\r\n!\r\n0\r\n\r\n"
    endless = b"HTTP/1.1 200 OK\r\n\r\nhi!"
    for reply in (chunked, hints + chunked, endless):
        assert await send(await raw(answering(reply))) == (200, b"hi!")


async def test_a_reply_that_is_packed_all_the_same_is_unpacked_within_the_bound(
    raw: Callable[[Serve], Awaitable[str]],
) -> None:
    def packed(plain: bytes) -> Serve:
        body = gzip.compress(plain)
        head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(body)}\r\n\r\n"
        return answering(head.encode() + body)

    assert await send(await raw(packed(b"y" * 90_000)), max_reply_bytes=100_000) == (200, b"y" * 90_000)
    with pytest.raises(TransportError) as caught:
        await send(await raw(packed(b"y" * 100_001)), max_reply_bytes=100_000)
    assert caught.value.kind == "too_large"


@pytest.mark.parametrize(
    "reply", [b"HTTP/1.1 200 OK\r\nA: " + b"y" * 200_000, b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 40_000]
)
async def test_headers_without_end_are_given_up(raw: Callable[[Serve], Awaitable[str]], reply: bytes) -> None:
    with pytest.raises(TransportError) as caught:
        await send(await raw(answering(reply)))
    assert (caught.value.kind, caught.value.maybe_sent) == ("too_large", True)


async def test_an_answer_that_nobody_asked_for_is_never_taken_for_the_next_requests(
    raw: Callable[[Serve], Awaitable[str]],
) -> None:
    first, forged = (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n" + body for body in (b"hi", b"no"))
    opened: list[int] = []
    replied, over = asyncio.Event(), asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        opened.append(1)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                await read_request(reader)
                writer.write(first + (forged if len(opened) == 1 else b""))
                await replied.wait()
                replied.clear()
                writer.write(forged if len(opened) == 2 else b"")
                await writer.drain()
                over.set()
        writer.close()

    url = await raw(serve)
    async with HttpTransport(connections=1) as transport:
        for _ in range(4):
            reply = await transport.send(HttpRequest(url, b"x" * 50_000, {}, 10.0))
            assert reply.body == b"hi"
            replied.set()
            await over.wait()
            over.clear()
            # The loop looks at every socket once more before the next request.
            await asyncio.sleep(0.01)
    assert len(opened) == 3


async def test_a_connection_that_the_server_ended_is_not_used_again(raw: Callable[[Serve], Awaitable[str]]) -> None:
    url = await raw(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"))
    async with HttpTransport(connections=1) as transport:
        for _ in range(3):
            assert (await transport.send(HttpRequest(url, b"x" * 50_000, {}, 10.0))).body == b"hi"
            await asyncio.sleep(0.02)


async def test_a_request_that_is_cancelled_ends_its_connection(raw: Callable[[Serve], Awaitable[str]]) -> None:
    ended = asyncio.Event()

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        with contextlib.suppress(ConnectionError):
            await reader.read()
        ended.set()
        writer.close()

    url = await raw(hang)
    async with HttpTransport(connections=1) as transport:
        task = asyncio.create_task(transport.send(HttpRequest(url, b"x" * 50_000, {}, 10.0)))
        await asyncio.sleep(0.05)
        task.cancel()
        await asyncio.wait_for(ended.wait(), 5)


@pytest.mark.parametrize("headers", [{"A": "b\r\nHost: elsewhere"}, {"A\n": "b"}, {"A": "b\x00"}, {"A b": "c"}])
async def test_a_header_that_would_become_two_never_leaves(
    raw: Callable[[Serve], Awaitable[str]], headers: dict[str, str]
) -> None:
    url = await raw(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"))
    async with HttpTransport(connections=1) as transport:
        with pytest.raises(TransportError, match="header") as caught:
            await transport.send(HttpRequest(url, b"x" * 50_000, headers, 10.0))
    assert not caught.value.maybe_sent
    assert "elsewhere" not in str(caught.value)


async def test_a_certificate_of_nobody_known_ends_it_before_anything_is_sent(tmp_path: Path) -> None:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is missing: it makes the certificate")
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    new = [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout", key, "-out", certificate]
    await asyncio.to_thread(subprocess.run, [*new, *names], check=True, capture_output=True)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    serve = answering(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
    server = await asyncio.start_server(serve, "localhost", 0, ssl=context)
    url = f"https://localhost:{server.sockets[0].getsockname()[1]}/v1"
    with pytest.raises(TransportError) as caught:
        await send(url)
    assert (caught.value.kind, caught.value.maybe_sent) == ("connect", False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(certificate))
        assert await send(url) == (200, b"hi")
    server.close()
