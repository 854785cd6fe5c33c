"""What passes a transport is counted, and comes out as it went in."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import web

from calibtui.gateway.observability.metered_transport import MeteredTransport
from calibtui.gateway.observability.metrics import Metrics
from calibtui.gateway.transport import HttpRequest, HttpTransport, TransportError

ANSWERS = {
    "/ok": (200, "{}"),
    "/budget": (422, '{"error":{"type":"budget_exceeded","message":"Budget has been exceeded!"}}'),
    "/slow-down": (429, '{"error":{"type":"throttling_error","message":"later"}}'),
    "/broken": (503, "<html>"),
}


async def test_status_class_and_bytes_of_every_answer_are_counted() -> None:
    metrics = Metrics()
    async with _server() as url, HttpTransport(connections=4) as inner:
        metered = MeteredTransport(inner, metrics.calls, "openai")
        for path, (status, body) in ANSWERS.items():
            answer = await metered.send(HttpRequest(url + path, b"12345", {}, 5.0))
            assert (answer.status, answer.body.decode()) == (status, body)
    value = metrics.registry.get_sample_value
    for code in ("200", "422", "429", "503"):
        assert value("calibtui_requests_total", {"provider": "openai", "code": code}) == 1
    for kind, count in {"budget": 1, "rate_limit": 1, "upstream": 1, "auth": 0}.items():
        assert value("calibtui_errors_total", {"provider": "openai", "class": kind}) == count
    assert value("calibtui_sent_bytes_total", {"provider": "openai"}) == 20
    assert value("calibtui_received_bytes_total", {"provider": "openai"}) == sum(len(b) for _, b in ANSWERS.values())


async def test_a_request_without_an_answer_is_an_error_of_the_upstream_and_the_exception_passes() -> None:
    metrics = Metrics()
    async with _server() as url:
        address = url
    async with HttpTransport(connections=1) as inner:
        with pytest.raises(TransportError) as raised:
            await MeteredTransport(inner, metrics.calls, "openai").send(HttpRequest(address, b"", {}, 5.0))
    assert raised.value.kind == "connect"
    value = metrics.registry.get_sample_value
    assert value("calibtui_requests_total", {"provider": "openai", "code": "none"}) == 1
    assert value("calibtui_errors_total", {"provider": "openai", "class": "upstream"}) == 1


async def test_in_flight_rises_while_requests_wait_and_falls_for_cancelled_ones_too() -> None:
    metrics = Metrics()
    in_flight = lambda: metrics.registry.get_sample_value("calibtui_requests_in_flight", {"provider": "p"})  # noqa: E731
    arrived = asyncio.Semaphore(0)
    release = asyncio.Event()

    async def hang(_: web.Request) -> web.Response:
        arrived.release()
        await release.wait()
        return web.Response(text="{}")

    async with _server(hang) as url, HttpTransport(connections=4) as inner:
        metered = MeteredTransport(inner, metrics.calls, "p")
        assert in_flight() == 0
        tasks = [asyncio.create_task(metered.send(HttpRequest(url + "/hang", b"", {}, 30.0))) for _ in range(3)]
        for _ in tasks:
            await arrived.acquire()
        assert in_flight() == 3
        tasks[0].cancel()
        await asyncio.wait(tasks[:1])
        assert in_flight() == 2
        release.set()
        await asyncio.gather(*tasks[1:])
    assert in_flight() == 0


class _server:  # noqa: N801 - used like the function it stands for
    """A real server on loopback that answers as ANSWERS says; yields its address."""

    def __init__(self, hang: object = None) -> None:
        self._hang = hang

    async def __aenter__(self) -> str:
        app = web.Application()
        app.router.add_post("/{path:.*}", self._hang or self._answer)  # type: ignore[arg-type]
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        return f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.Response:
        await request.read()
        status, body = ANSWERS[request.path]
        return web.Response(status=status, text=body)
