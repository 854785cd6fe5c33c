"""A server on loopback that answers as its script says, and a gateway that talks to it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web

from calibtui.core.money import Price
from calibtui.core.scores import CallRecord
from calibtui.gateway.client import CallFailure, Completion, Gateway, RetryPolicy
from calibtui.gateway.dialect import ChatRequest
from calibtui.gateway.endpoint import resolve_endpoint
from calibtui.gateway.transport import AiohttpTransport
from calibtui.workspace.settings import KeySettings, ProviderSettings

CANARY = "sk-canary-7Qd9xP2mZt4LwR8uYb3N"


@dataclass
class Scripted:
    """The answers in the order they are given; the last one repeats. Keeps what it was sent."""

    answers: list[Any] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    url: str = ""
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = json.loads(await request.read())
        self.bodies.append(body)
        self.headers.append(dict(request.headers))
        self.arrived.set()
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if callable(answer):
            answer = answer(request, body)
            if asyncio.iscoroutine(answer):
                answer = await answer
        return answer if isinstance(answer, web.StreamResponse) else web.json_response(answer)


@pytest.fixture
async def scripted() -> AsyncIterator[Scripted]:
    choice = {"message": {"role": "assistant", "content": "{}"}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 900, "completion_tokens": 20}
    script = Scripted([{"id": "chatcmpl-1", "model": "judge-2026", "choices": [choice], "usage": usage}])
    app = web.Application(client_max_size=32 << 20)
    app.router.add_post("/v1/chat/completions", script.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    script.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    yield script
    await runner.cleanup()


@dataclass
class Caller:
    """A gateway and the calls it has told of."""

    gateway: Gateway
    calls: list[CallRecord] = field(default_factory=list)

    async def complete(self, deadline_s: float = 20.0) -> Completion | CallFailure:
        return await self.gateway.complete(b"jpeg", digest="d" * 64, deadline_s=deadline_s, on_call=self.calls.append)


QUICK = RetryPolicy(first_wait_s=0.005, longest_wait_s=0.02)


@pytest.fixture
async def calling() -> AsyncIterator[Callable[..., Caller]]:
    """Makes callers: calling(url, keys={"ENV": "value"}, retry=...)."""
    made: list[Gateway] = []

    def make(url: str, keys: dict[str, str] | None = None, retry: RetryPolicy = QUICK, **provider: Any) -> Caller:
        environ = {"CANARY_KEY": CANARY} if keys is None else keys
        settings = ProviderSettings(
            "acme", url, keys=tuple(KeySettings(name) for name in environ), **{"headers": {}, **provider}
        )
        request = ChatRequest("judge", "You judge.", "How hard?", 120, 0.0, {"type": "object"})
        endpoint = resolve_endpoint(settings, {**environ, "HEADER_KEY": "hdr-" + CANARY})
        transport = AiohttpTransport(connections=8)
        made.append(Gateway(endpoint, request, Price(1_000_000, 2_000_000), transport, max_px=768, retry=retry))
        return Caller(made[-1])

    yield make
    for gateway in made:
        await gateway.close()
