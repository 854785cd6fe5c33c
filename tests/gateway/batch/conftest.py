"""A provider's batch API on loopback, scripted per path, and the API objects that talk to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from calibtui.gateway.batch.apis import batch_api, batch_key
from calibtui.gateway.batch.contract import BatchApi, BatchFile
from calibtui.gateway.dialects.dialect import ChatRequest
from calibtui.gateway.endpoint import resolve_endpoint
from calibtui.workspace.settings import KeySettings, ProviderSettings

KEY = "sk-batch-7Qd9xP2mZt4LwR8uYb3N"


@dataclass
class Provider:
    """`answers`: by "METHOD /path", an answer or a list of them of which the last repeats. Keeps what it was sent."""

    answers: dict[str, Any] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    url: str = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(f"{request.method} {request.path_qs}")
        self.bodies.append(await request.read())
        self.headers.append({name.lower(): value for name, value in request.headers.items()})
        answer = self.answers.get(f"{request.method} {request.path}", web.json_response({"error": "none"}, status=404))
        if isinstance(answer, list):
            answer = answer.pop(0) if len(answer) > 1 else answer[0]
        if answer == "break off":
            assert request.transport is not None
            request.transport.close()
            await asyncio.sleep(0)
            return web.Response()
        if isinstance(answer, bytes):
            return web.Response(body=answer)
        if isinstance(answer, tuple):
            return web.json_response(answer[1], status=answer[0])
        return answer if isinstance(answer, web.StreamResponse) else web.json_response(answer)


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    script = Provider()
    app = web.Application(client_max_size=64 << 20)
    app.router.add_route("*", "/{path:.*}", script.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    script.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    yield script
    await runner.cleanup()


@pytest.fixture
async def speaking() -> AsyncIterator[Callable[..., BatchApi]]:
    """speaking(url, "openai") is the API through one key."""
    made: list[BatchApi] = []

    def make(url: str, api: str, model: str = "judge") -> BatchApi:
        settings = ProviderSettings("acme", url, api, (KeySettings("BATCH_KEY"),))  # type: ignore[arg-type]
        endpoint = resolve_endpoint(settings, {"BATCH_KEY": KEY})
        made.append(batch_api(endpoint, ChatRequest(model, "You judge.", "How hard?", 120, 0.0), batch_key(endpoint)))
        return made[-1]

    yield make
    for api in made:
        await api.close()


@pytest.fixture
def filled(tmp_path: Path) -> Callable[..., BatchFile]:
    """filled(api, "a", "b") is a file with a request of each name."""

    def make(api: BatchApi, *names: str) -> BatchFile:
        file = BatchFile(api.shape, api.limits, tmp_path)
        for name in names:
            file.add(api.line(name, b"jpeg of " + name.encode()))
        return file

    return make
