"""A server on loopback that answers as its script says, and a gateway that talks to it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web

from calibtui.core.money import Price
from calibtui.core.scores import CallRecord
from calibtui.gateway.client import CallFailure, Completion, Gateway, RetryPolicy
from calibtui.gateway.dialects.dialect import ChatRequest
from calibtui.gateway.endpoint import resolve_endpoint
from calibtui.gateway.money.charging import Payer
from calibtui.gateway.transport import HttpTransport
from calibtui.gateway.upstream import Target
from calibtui.workspace.settings import KeySettings, ProviderSettings

CANARY = "sk-canary-7Qd9xP2mZt4LwR8uYb3N"


@dataclass
class Scripted:
    """The answers in the order they are given; the last one repeats. Keeps what it was sent."""

    answers: list[Any] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    url: str = ""
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = json.loads(await request.read())
        self.bodies.append(body)
        self.headers.append(dict(request.headers))
        self.paths.append(request.path)
        self.arrived.set()
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if callable(answer):
            answer = answer(request, body)
            if asyncio.iscoroutine(answer):
                answer = await answer
        return answer if isinstance(answer, web.StreamResponse) else web.json_response(answer)


@pytest.fixture
async def scripted() -> AsyncIterator[Scripted]:
    async for script in _serving():
        yield script


@pytest.fixture
async def another() -> AsyncIterator[Scripted]:
    """A second server of the same kind."""
    async for script in _serving():
        yield script


async def _serving() -> AsyncIterator[Scripted]:
    choice = {"message": {"role": "assistant", "content": "{}"}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 900, "completion_tokens": 20}
    script = Scripted([{"id": "chatcmpl-1", "model": "judge-2026", "choices": [choice], "usage": usage}])
    app = web.Application(client_max_size=32 << 20)
    app.router.add_post("/v1/{call:.*}", script.handle)
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


def target_at(url: str, keys: dict[str, str] | None = None, model: str = "judge", **provider: Any) -> Target:
    """The provider "acme" at `url`, at 1 EUR a million input tokens and 2 EUR a million output tokens."""
    environ = {"CANARY_KEY": CANARY} if keys is None else keys
    given = {"name": "acme", "headers": {}, **provider}
    settings = ProviderSettings(base_url=url, keys=tuple(KeySettings(name) for name in environ), **given)
    schema = {"type": "object", "properties": {"difficulty": {"type": "integer"}}, "additionalProperties": False}
    request = ChatRequest(model, "You judge.", "How hard?", 120, 0.0, schema)
    endpoint = resolve_endpoint(settings, {**environ, "HEADER_KEY": "hdr-" + CANARY})
    return Target(endpoint, request, Price(1_000_000, 2_000_000), HttpTransport(connections=64))


@pytest.fixture
def targeting() -> Callable[..., Target]:
    """targeting(url, keys, model, **provider) is a provider to fall back to."""
    return target_at


@pytest.fixture
async def calling() -> AsyncIterator[Callable[..., Caller]]:
    """Makes callers: calling(url, keys={"ENV": "value"}, retry=...)."""
    made: list[Gateway] = []

    def make(
        url: str,
        keys: dict[str, str] | None = None,
        retry: RetryPolicy = QUICK,
        payer: Payer | None = None,
        fallbacks: Sequence[Target] = (),
        concurrency: int = 64,
        **provider: Any,
    ) -> Caller:
        target = target_at(url, keys, **provider)
        made.append(
            Gateway(
                target.endpoint,
                target.request,
                target.price,
                target.transport,
                max_px=768,
                retry=retry,
                payer=payer,
                fallbacks=fallbacks,
                concurrency=concurrency,
            )
        )
        return Caller(made[-1])

    yield make
    for gateway in made:
        await gateway.close()
