"""The practice judge over HTTP: it speaks like a paid endpoint, keeps books, and misbehaves when told to."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import io
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import numpy as np
import pytest
from PIL import Image

from calibtui.core.errors import ConfigurationError
from calibtui.practice.options import PracticeOptions
from calibtui.practice.server import MODEL, PracticeServer

Start = Callable[..., Awaitable[PracticeServer]]


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    running: list[PracticeServer] = []

    async def started(environ: dict[str, str] | None = None, **options: Any) -> PracticeServer:
        running.append(PracticeServer(PracticeOptions(**options), environ))
        await running[-1].start()
        return running[-1]

    yield started
    for server in running:
        await server.close()


def picture(seed: int = 0, size: tuple[int, int] = (96, 128)) -> bytes:
    data = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 255, size, np.uint8)).save(data, "JPEG")
    return data.getvalue()


def chat(image: bytes | str, **fields: Any) -> dict[str, Any]:
    url = image if isinstance(image, str) else "data:image/jpeg;base64," + base64.b64encode(image).decode()
    content = [{"type": "text", "text": "How hard?"}, {"type": "image_url", "image_url": {"url": url}}]
    return {"model": MODEL, "messages": [{"role": "user", "content": content}], **fields}


async def post(server: PracticeServer, body: Any, **headers: str) -> tuple[int, dict[str, Any], Any]:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    async with (
        aiohttp.ClientSession() as session,
        session.post(server.url + "/chat/completions", data=data, headers=headers) as reply,
    ):
        return reply.status, await reply.json(), reply.headers


async def get(server: PracticeServer, path: str) -> Any:
    async with aiohttp.ClientSession() as session, session.get(server.url.removesuffix("/v1") + path) as reply:
        return await reply.json()


def verdict_of(reply: dict[str, Any]) -> Any:
    return json.loads(reply["choices"][0]["message"]["content"])


async def test_it_answers_like_a_chat_endpoint_with_a_verdict(start: Start) -> None:
    status, reply, _ = await post(await start(), chat(picture()))
    assert status == 200
    assert 0 <= verdict_of(reply)["difficulty"] <= 100
    assert reply["choices"][0]["finish_reason"] == "stop"


async def test_it_says_that_it_is_a_practice_judge(start: Start) -> None:
    server = await start()
    _, reply, _ = await post(server, chat(picture()))
    assert reply["model"] == "practice-vlm-1"
    assert "practice" in reply["system_fingerprint"]
    assert "practice" in reply["id"]
    assert [model["id"] for model in (await get(server, "/v1/models"))["data"]] == ["practice-vlm-1"]


async def test_it_declares_usage_by_the_image_token_rule_and_the_text(start: Start) -> None:
    _, reply, _ = await post(await start(), chat(picture(size=(432, 768))))
    usage = reply["usage"]
    assert usage["prompt_tokens"] == 425 + 3
    assert usage["completion_tokens"] > 0
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]


async def test_the_same_picture_gets_the_same_verdict_and_a_fresh_completion_id(start: Start) -> None:
    server = await start()
    (_, first, _), (_, second, _) = await post(server, chat(picture())), await post(server, chat(picture()))
    assert verdict_of(first) == verdict_of(second)
    assert first["id"] != second["id"]


async def test_its_books_count_requests_answers_and_every_picture(start: Start) -> None:
    server = await start()
    for seed in (1, 2, 2):
        await post(server, chat(picture(seed)))
    await post(server, b"{}")
    books = await get(server, "/books")
    assert (books["requests"], books["answered"], books["refused"]) == (4, 3, {"400": 1})
    digests = [hashlib.sha256(picture(seed)).hexdigest() for seed in (1, 2)]
    assert books["images"] == {digests[0]: 1, digests[1]: 2}
    assert books["input_tokens"] > 0


async def test_with_a_key_it_admits_nobody_without(start: Start) -> None:
    server = await start({"PRACTICE_KEY": "open sesame"}, key_env="PRACTICE_KEY")
    assert (await post(server, chat(picture())))[0] == 401
    assert (await post(server, chat(picture()), Authorization="Bearer wrong"))[0] == 401
    assert (await post(server, chat(picture()), Authorization="Bearer open sesame"))[0] == 200


async def test_a_key_that_is_not_in_the_environment_is_an_error_by_name() -> None:
    with pytest.raises(ConfigurationError, match="PRACTICE_KEY"):
        PracticeServer(PracticeOptions(key_env="PRACTICE_KEY"), {})


async def test_a_taken_port_is_an_error_by_number(start: Start) -> None:
    port = int((await start()).url.split(":")[2].split("/")[0])
    with pytest.raises(ConfigurationError, match=str(port)):
        await start(port=port)


async def test_a_share_of_requests_fails_and_the_same_ones_in_every_run(start: Start) -> None:
    async def statuses() -> list[int]:
        server = await start(fail_rate=0.5, seed=7)
        return [(await post(server, chat(picture(seed))))[0] for seed in range(30)]

    first = await statuses()
    assert first == await statuses()
    assert 5 <= first.count(500) <= 25


async def test_a_failed_request_may_succeed_when_it_is_repeated(start: Start) -> None:
    server = await start(fail_rate=0.5)
    statuses = [(await post(server, chat(picture())))[0] for _ in range(20)]
    assert {200, 500} == set(statuses)


async def test_above_its_rate_it_answers_429_and_says_when_to_come_back(start: Start) -> None:
    server = await start(rate_limit=2.0)
    replies = await asyncio.gather(*(post(server, chat(picture())) for _ in range(12)))
    limited = [headers for status, _, headers in replies if status == 429]
    assert limited
    assert all(int(headers["Retry-After"]) >= 1 for headers in limited)


async def test_a_share_of_replies_comes_in_bad_shape(start: Start) -> None:
    server = await start(garbage_rate=1.0)
    texts = [(await post(server, chat(picture(s))))[1]["choices"][0]["message"]["content"] for s in range(30)]
    plain = [text for text in texts if text.startswith('{"difficulty"') and text.endswith("}") and "7200" not in text]
    assert plain == []
    assert len({text[:4] for text in texts}) >= 3


async def test_it_takes_the_time_it_is_told_to(start: Start) -> None:
    server = await start(latency_ms=200.0)
    began = asyncio.get_running_loop().time()
    await post(server, chat(picture()))
    assert asyncio.get_running_loop().time() - began >= 0.2


BAD = [
    ("not JSON", b"<html>", 400),
    ("no messages", {"model": MODEL}, 400),
    ("no image", {"model": MODEL, "messages": [{"role": "user", "content": "hi"}]}, 400),
    ("remote image", chat("http://127.0.0.1/x.jpg"), 400),
    ("a local file", chat("file:///etc/passwd"), 400),
    ("not base64", chat("data:image/jpeg;base64,%%%"), 400),
    ("no picture", chat(b"not a picture"), 400),
    ("another model", chat(picture(), model="gpt-4o"), 404),
    ("streaming", chat(picture(), stream=True), 400),
    ("deeply nested", b'{"messages":' + b"[" * 100_000, 400),
]


@pytest.mark.parametrize(("body", "status"), [case[1:] for case in BAD], ids=[case[0] for case in BAD])
async def test_a_hostile_request_gets_an_error_like_openais(start: Start, body: Any, status: int) -> None:
    answered, reply, _ = await post(await start(), body)
    assert answered == status
    assert reply["error"]["type"] == "invalid_request_error"
    assert len(reply["error"]["message"]) < 400


@pytest.mark.parametrize("count", [0, 2])
async def test_any_number_of_pictures_but_one_is_refused_by_the_field_they_are_in(start: Start, count: int) -> None:
    body = chat(picture())
    parts = body["messages"][0]["content"]
    body["messages"][0]["content"] = [parts[0], *parts[1:] * count]
    answered, reply, _ = await post(await start(), body)
    assert (answered, reply["error"]["param"]) == (400, "image_url")
    assert f"has {count} images" in reply["error"]["message"]


async def test_a_body_beyond_the_bound_is_refused(start: Start) -> None:
    status, _, _ = await post(await start(), b" " * (25 << 20))
    assert status == 413
