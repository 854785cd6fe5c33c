"""Anthropic's messages API, over HTTP, with the bodies it documents."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web

from calibtui.core.errors import BudgetExhaustedError, JudgeFailedError
from calibtui.core.scores import Usage
from calibtui.gateway.client import CallFailure, Completion
from calibtui.gateway.dialects.anthropic import Anthropic
from calibtui.gateway.dialects.dialect import ChatRequest

Calling = Callable[..., Any]
Scripted = Any  # the server of conftest.py
CANARY = "sk-canary-7Qd9xP2mZt4LwR8uYb3N"
REQUEST = ChatRequest("claude", "System.", "How hard?", 120, 1.5, {"type": "object"})
VERDICT = '{"difficulty": 40, "reasons": []}'


def message(**more: Any) -> dict[str, Any]:
    """A message as the API sends it; `more` replaces its top-level fields."""
    usage = {
        "input_tokens": 900,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
        "output_tokens": 20,
        "service_tier": "standard",
    }
    return {
        "id": "msg_013Zva",
        "type": "message",
        "role": "assistant",
        "model": "claude-2026",
        "content": [{"type": "text", "text": VERDICT}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": usage,
        **more,
    }


def failure(status: int, kind: str, said: str, headers: dict[str, str] | None = None) -> Any:
    body = {"type": "error", "error": {"type": kind, "message": said}, "request_id": "req_011"}
    return lambda request, _: web.json_response(body, status=status, headers=headers)


async def test_a_message_brings_text_model_usage_and_its_price(scripted: Scripted, calling: Calling) -> None:
    scripted.answers = [message()]
    caller = calling(scripted.url, api="anthropic")
    answer = await caller.complete()
    assert isinstance(answer, Completion)
    assert (answer.text, answer.finish_reason) == (VERDICT, "end_turn")
    assert (answer.answered_model, answer.completion_id) == ("claude-2026", "msg_013Zva")
    assert (answer.usage, answer.cost_micro_eur) == (Usage(900, 20), 940)


async def test_a_request_is_what_the_api_documents(scripted: Scripted, calling: Calling) -> None:
    scripted.answers = [message()]
    await calling(scripted.url, api="anthropic").complete()
    headers, body = scripted.headers[0], scripted.bodies[0]
    assert scripted.paths == ["/v1/messages"]
    assert headers["x-api-key"] == CANARY
    assert headers["anthropic-version"] == "2023-06-01"
    assert "Authorization" not in headers
    assert (body["model"], body["max_tokens"], body["system"]) == ("judge", 120, "You judge.")
    image, text = body["messages"][0]["content"]
    assert image["source"]["media_type"] == "image/jpeg"
    assert base64.b64decode(image["source"]["data"]) == b"jpeg"
    assert text == {"type": "text", "text": "How hard?"}
    assert body["output_config"]["format"]["type"] == "json_schema"


async def test_a_model_without_output_formats_is_made_to_call_a_tool(scripted: Scripted, calling: Calling) -> None:
    def picky(request: web.Request, body: dict[str, Any]) -> Any:
        if "output_config" in body:
            said = "output_config: Extra inputs are not permitted"
            return failure(400, "invalid_request_error", said)(request, body)
        block = {"type": "tool_use", "id": "toolu_1", "name": "verdict", "input": json.loads(VERDICT)}
        return message(content=[block], stop_reason="tool_use")

    scripted.answers = [picky]
    caller = calling(scripted.url, api="anthropic")
    answers = [await caller.complete(), await caller.complete()]
    assert all(isinstance(answer, Completion) and json.loads(answer.text)["difficulty"] == 40 for answer in answers)
    assert ["tools" in body for body in scripted.bodies] == [False, True, True]
    assert scripted.bodies[-1]["tool_choice"] == {"type": "tool", "name": "verdict"}


def test_refused_parameters_are_left_out_one_by_one() -> None:
    dialect = Anthropic(REQUEST).learned("", "`temperature` is deprecated for this model.")
    assert dialect is not None
    body = json.loads(dialect.template().build(b""))
    assert "temperature" not in body
    free = replace(dialect, structure="tool").learned("", "tools are not supported")
    assert free is not None
    assert not {"tools", "output_config"} & json.loads(free.template().build(b"")).keys()
    assert free.learned("", "temperature, tools, output_config") is None


def test_a_temperature_past_the_end_of_its_scale_is_the_end() -> None:
    assert json.loads(Anthropic(REQUEST).template().build(b""))["temperature"] == 1.0


@pytest.mark.parametrize(
    ("usage", "believed"),
    [
        ({"input_tokens": 100, "output_tokens": 9}, Usage(100, 9)),
        ({"input_tokens": 3, "output_tokens": 9, "cache_read_input_tokens": 1000}, Usage(1003, 9)),
        ({"input_tokens": 3, "output_tokens": 9, "cache_creation_input_tokens": 101}, Usage(130, 9)),
        (
            {
                "input_tokens": 0,
                "output_tokens": 9,
                "cache_creation_input_tokens": 200,
                "cache_creation": {"ephemeral_5m_input_tokens": 100, "ephemeral_1h_input_tokens": 100},
            },
            Usage(325, 9),
        ),
        ({"input_tokens": 3, "output_tokens": 9, "cache_creation_input_tokens": None}, Usage(3, 9)),
        ({"input_tokens": 3, "output_tokens": 9, "cache_creation_input_tokens": -1}, None),
        ({"input_tokens": 10**15, "output_tokens": 9}, None),
        ({"output_tokens": 9}, None),
        (None, None),
    ],
)
def test_tokens_of_the_prompt_cache_count_at_what_they_cost(usage: Any, believed: Usage | None) -> None:
    parsed = Anthropic(REQUEST).parse(json.dumps(message(usage=usage)).encode())
    assert parsed is not None
    assert parsed.usage == believed


async def test_a_refusal_is_one_and_is_paid_for(scripted: Scripted, calling: Calling) -> None:
    scripted.answers = [message(content=[], stop_reason="refusal")]
    answer = await calling(scripted.url, api="anthropic").complete()
    assert isinstance(answer, Completion)
    assert (answer.text, answer.refusal, answer.cost_micro_eur) == (None, "the model refused", 940)


@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"[]", b'{"type":"error"}', json.dumps(message())[:-9].encode(), b'{"type":"message","content":{}}'],
)
def test_what_is_no_message_is_none(body: bytes) -> None:
    assert Anthropic(REQUEST).parse(body) is None


@pytest.mark.parametrize(
    "trouble",
    [
        failure(529, "overloaded_error", "Overloaded"),
        failure(500, "api_error", "Internal server error"),
        failure(504, "timeout_error", "Request timed out"),
        failure(429, "rate_limit_error", "This request would exceed your rate limit", {"retry-after": "0"}),
    ],
)
async def test_passing_trouble_is_tried_again(scripted: Scripted, calling: Calling, trouble: Any) -> None:
    scripted.answers = [trouble, message()]
    assert isinstance(await calling(scripted.url, api="anthropic").complete(), Completion)
    assert len(scripted.bodies) == 2


@pytest.mark.parametrize(
    ("status", "kind", "said", "error"),
    [
        (401, "authentication_error", "invalid x-api-key", JudgeFailedError),
        (403, "permission_error", "Your API key does not have permission", JudgeFailedError),
        (402, "billing_error", "There is an issue with your billing", JudgeFailedError),
        (404, "not_found_error", "model: judge", JudgeFailedError),
        (400, "invalid_request_error", "Your credit balance is too low to access the API", JudgeFailedError),
        (400, "invalid_request_error", "You have reached your specified API usage limits.", BudgetExhaustedError),
    ],
)
async def test_what_somebody_must_fix_stops_the_run_after_one_answer(
    scripted: Scripted, calling: Calling, status: int, kind: str, said: str, error: type[Exception]
) -> None:
    scripted.answers = [failure(status, kind, said)]
    caller = calling(scripted.url, api="anthropic")
    with pytest.raises(error):
        await caller.complete()
    with pytest.raises(error):
        await caller.complete()
    assert len(scripted.bodies) == 1


async def test_too_large_a_request_fails_its_frame(scripted: Scripted, calling: Calling) -> None:
    scripted.answers = [failure(413, "request_too_large", "Request exceeds the maximum size")]
    assert isinstance(await calling(scripted.url, api="anthropic").complete(), CallFailure)
    assert len(scripted.bodies) == 1
