"""The practice judge over HTTP, as its tests talk to it."""

from __future__ import annotations

import asyncio
import base64
import io
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import numpy as np
import pytest
from PIL import Image

from calibtui.practice.options import PracticeOptions
from calibtui.practice.server import PracticeServer

Start = Callable[..., Awaitable["Client"]]


class Client:
    def __init__(self, server: PracticeServer, session: aiohttp.ClientSession) -> None:
        self.server, self.session = server, session

    async def call(self, method: str, path: str, **given: Any) -> tuple[int, Any]:
        """`path` after the address of OpenAI's API, or a whole address."""
        address = path if path.startswith("http") else self.server.url + path
        async with self.session.request(method, address, **given) as reply:
            text = await reply.text()
            return reply.status, json.loads(text) if reply.content_type == "application/json" else text

    @property
    def origin(self) -> str:
        return self.server.url.removesuffix("/v1")

    async def until(self, path: str, ended: Callable[[Any], bool]) -> Any:
        """What is at the path once it is as wanted."""
        found = (await self.call("GET", path))[1]
        while not ended(found):
            await asyncio.sleep(0.01)
            found = (await self.call("GET", path))[1]
        return found

    async def upload(self, content: bytes, purpose: str = "batch") -> tuple[int, Any]:
        form = aiohttp.FormData()
        form.add_field("purpose", purpose)
        form.add_field("file", content, filename="x.jsonl")
        return await self.call("POST", "/files", data=form)

    async def batch(self, content: bytes, **fields: Any) -> Any:
        name = (await self.upload(content))[1]["id"]
        order = {"input_file_id": name, "endpoint": "/v1/chat/completions", "completion_window": "24h", **fields}
        return (await self.call("POST", "/batches", json=order))[1]

    async def ended(self, batch: dict[str, Any]) -> dict[str, Any]:
        while batch["status"] in ("in_progress", "cancelling"):
            await asyncio.sleep(0.01)
            batch = (await self.call("GET", f"/batches/{batch['id']}"))[1]
        return batch

    async def lines(self, name: str | None) -> dict[str, Any]:
        if name is None:
            return {}
        text = (await self.call("GET", f"/files/{name}/content"))[1]
        return {row["custom_id"]: row for row in map(json.loads, text.splitlines())}


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    running: list[Client] = []

    async def started(environ: dict[str, str] | None = None, **options: Any) -> Client:
        running.append(Client(PracticeServer(PracticeOptions(**options), environ), aiohttp.ClientSession()))
        await running[-1].server.start()
        return running[-1]

    yield started
    for client in running:
        await client.session.close()
        await client.server.close()


def jpeg(seed: int = 0) -> str:
    """The base64 of a small picture."""
    data = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 255, (64, 64), np.uint8)).save(data, "JPEG")
    return base64.b64encode(data.getvalue()).decode()
