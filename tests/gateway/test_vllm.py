"""A self-hosted vLLM with Qwen2-VL, over HTTP, with the bodies of its OpenAI-compatible server, old and new."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import web

from calibtui.core.errors import JudgeFailedError
from calibtui.gateway.client import CallFailure, Completion

Calling = Callable[..., Any]
Scripted = Any  # the server of conftest.py
MODEL = "Qwen/Qwen2-VL-7B-Instruct"


def completion() -> dict[str, Any]:
    message = {"role": "assistant", "reasoning_content": None, "content": '{"difficulty": 40}', "tool_calls": []}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop", "stop_reason": None}
    usage = {"prompt_tokens": 1042, "total_tokens": 1062, "completion_tokens": 20, "prompt_tokens_details": None}
    return {
        "id": "chatcmpl-9d1",
        "object": "chat.completion",
        "created": 1,
        "model": MODEL,
        "choices": [choice],
        "usage": usage,
        "prompt_logprobs": None,
    }


def old_error(status: int, kind: str, said: str) -> Any:
    """Flat, as before version 0.10; `error(…)` below as since."""
    body = {"object": "error", "message": said, "type": kind, "param": None, "code": status}
    return lambda request, _: web.json_response(body, status=status)


def error(status: int, kind: str, said: str) -> Any:
    body = {"error": {"message": said, "type": kind, "param": None, "code": status}}
    return lambda request, _: web.json_response(body, status=status)


async def test_a_completion_brings_text_model_and_usage(scripted: Scripted, calling: Calling) -> None:
    scripted.answers = [completion()]
    answer = await calling(scripted.url, keys={}).complete()
    assert isinstance(answer, Completion)
    assert (answer.text, answer.answered_model) == ('{"difficulty": 40}', MODEL)
    assert answer.cost_micro_eur == 1042 + 2 * 20


@pytest.mark.parametrize("refusing", [old_error, error])
async def test_a_server_that_knows_no_json_schema_is_told_in_its_own_words(
    scripted: Scripted, calling: Calling, refusing: Callable[..., Any]
) -> None:
    def old(request: web.Request, body: dict[str, Any]) -> Any:
        if "response_format" in body:
            said = "[{'type': 'literal_error', 'loc': ('body', 'response_format', 'type'), 'input': 'json_schema'}]"
            return refusing(400, "BadRequestError", said)(request, body)
        return completion()

    scripted.answers = [old]
    caller = calling(scripted.url, keys={})
    assert isinstance(await caller.complete(), Completion)
    assert isinstance(await caller.complete(), Completion)
    assert ["guided_json" in body for body in scripted.bodies] == [False, True, True]
    assert scripted.bodies[-1]["guided_json"]["properties"] == {"difficulty": {"type": "integer"}}


@pytest.mark.parametrize("failing", [old_error, error])
async def test_a_model_that_it_does_not_serve_stops_the_run(
    scripted: Scripted, calling: Calling, failing: Callable[..., Any]
) -> None:
    scripted.answers = [failing(404, "NotFoundError", "The model `judge` does not exist.")]
    with pytest.raises(JudgeFailedError, match="does not serve judge"):
        await calling(scripted.url, keys={}).complete()
    assert len(scripted.bodies) == 1


async def test_a_wrong_key_stops_the_run(scripted: Scripted, calling: Calling) -> None:
    scripted.answers = [lambda request, _: web.json_response({"error": "Unauthorized"}, status=401)]
    with pytest.raises(JudgeFailedError, match="CANARY_KEY"):
        await calling(scripted.url).complete()


@pytest.mark.parametrize("failing", [old_error, error])
async def test_a_prompt_past_the_context_fails_its_frame(
    scripted: Scripted, calling: Calling, failing: Callable[..., Any]
) -> None:
    said = "This model's maximum context length is 1024 tokens. However, you requested 1162 tokens."
    scripted.answers = [failing(400, "BadRequestError", said)]
    answer = await calling(scripted.url, keys={}).complete()
    assert isinstance(answer, CallFailure)
    assert answer.message == said
    assert len(scripted.bodies) == 1


async def test_an_engine_that_dies_is_tried_again(scripted: Scripted, calling: Calling) -> None:
    scripted.answers = [error(500, "InternalServerError", "EngineCore encountered an issue."), completion()]
    assert isinstance(await calling(scripted.url, keys={}).complete(), Completion)
