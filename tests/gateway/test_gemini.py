"""Google's generateContent, over HTTP, with the bodies it documents."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import web

from calibtui.core.errors import BudgetExhaustedError, JudgeFailedError
from calibtui.core.scores import Usage
from calibtui.gateway.client import CallFailure, Completion
from calibtui.gateway.dialects.dialect import ChatRequest
from calibtui.gateway.dialects.gemini import Gemini
from calibtui.gateway.errors import ErrorClass, classify

Calling = Callable[..., Any]
Scripted = Any  # the server of conftest.py
CANARY = "sk-canary-7Qd9xP2mZt4LwR8uYb3N"
SCHEMA = {
    "type": "object",
    "properties": {"difficulty": {"type": "integer"}, "reasons": {"type": "array", "items": {"type": "string"}}},
    "required": ["difficulty", "reasons"],
    "additionalProperties": False,
}
REQUEST = ChatRequest("gemini", "System.", "How hard?", 120, 0.5, SCHEMA)
VERDICT = '{"difficulty": 40, "reasons": []}'


def content(**more: Any) -> dict[str, Any]:
    """A response as the API sends it; `more` replaces its top-level fields."""
    parts = [{"text": "first I look", "thought": True}, {"text": VERDICT}]
    return {
        "candidates": [{"content": {"parts": parts, "role": "model"}, "finishReason": "STOP", "index": 0}],
        "usageMetadata": {
            "promptTokenCount": 900,
            "candidatesTokenCount": 15,
            "thoughtsTokenCount": 5,
            "totalTokenCount": 920,
            "promptTokensDetails": [{"modality": "IMAGE", "tokenCount": 258}],
        },
        "modelVersion": "gemini-2026",
        "responseId": "r-17",
        **more,
    }


def failed(code: int, status: str, said: str, *details: dict[str, Any]) -> Any:
    body = {"error": {"code": code, "message": said, "status": status, "details": list(details)}}
    return lambda request, _: web.json_response(body, status=code)


def retry_in(delay: str) -> dict[str, Any]:
    return {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}


INVALID_KEY = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}


async def test_a_response_brings_text_without_thoughts_and_usage_with_them(
    scripted: Scripted, calling: Calling
) -> None:
    scripted.answers = [content()]
    answer = await calling(scripted.url, api="gemini").complete()
    assert isinstance(answer, Completion)
    assert (answer.text, answer.finish_reason) == (VERDICT, "STOP")
    assert (answer.answered_model, answer.completion_id) == ("gemini-2026", "r-17")
    assert (answer.usage, answer.cost_micro_eur) == (Usage(900, 20), 940)


async def test_a_request_is_what_the_api_documents(scripted: Scripted, calling: Calling) -> None:
    scripted.answers = [content()]
    await calling(scripted.url, api="gemini").complete()
    headers, body = scripted.headers[0], scripted.bodies[0]
    assert scripted.paths == ["/v1/models/judge:generateContent"]
    assert headers["x-goog-api-key"] == CANARY
    assert "Authorization" not in headers
    image, text = body["contents"][0]["parts"]
    assert image["inline_data"]["mime_type"] == "image/jpeg"
    assert base64.b64decode(image["inline_data"]["data"]) == b"jpeg"
    assert text == {"text": "How hard?"}
    assert body["systemInstruction"] == {"parts": [{"text": "You judge."}]}
    assert body["generationConfig"]["maxOutputTokens"] == 120
    assert body["generationConfig"]["responseMimeType"] == "application/json"


def test_the_schema_is_written_in_the_subset_that_the_api_knows() -> None:
    config = json.loads(Gemini(REQUEST).template().build(b""))["generationConfig"]
    assert config["responseSchema"] == {
        "type": "OBJECT",
        "properties": {"difficulty": {"type": "INTEGER"}, "reasons": {"type": "ARRAY", "items": {"type": "STRING"}}},
        "required": ["difficulty", "reasons"],
        "propertyOrdering": ["difficulty", "reasons"],
    }


@pytest.mark.parametrize(
    ("said", "gone"),
    [
        ("Budget 0 is invalid. This model only works in thinking mode.", "thinkingConfig"),
        ('Unknown name "thinkingConfig" at generation_config', "thinkingConfig"),
        ("Invalid JSON payload: response_schema is not supported", "responseSchema"),
        ("temperature must be 1", "temperature"),
    ],
)
def test_a_refused_parameter_is_left_out(said: str, gone: str) -> None:
    dialect = Gemini(REQUEST).learned("", said)
    assert dialect is not None
    assert gone not in json.loads(dialect.template().build(b""))["generationConfig"]
    assert dialect.learned("", said) is None


async def test_a_blocked_prompt_is_a_refusal_that_says_why(scripted: Scripted, calling: Calling) -> None:
    usage = {"promptTokenCount": 900, "totalTokenCount": 900}
    scripted.answers = [{"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "usageMetadata": usage}]
    answer = await calling(scripted.url, api="gemini").complete()
    assert isinstance(answer, Completion)
    assert (answer.text, answer.refusal) == (None, "blocked: PROHIBITED_CONTENT")
    assert answer.cost_micro_eur == 900


def test_a_candidate_cut_for_safety_is_a_refusal_and_one_out_of_tokens_is_not() -> None:
    for reason, refusal in (("SAFETY", "blocked: SAFETY"), ("MAX_TOKENS", None)):
        parsed = Gemini(REQUEST).parse(json.dumps(content(candidates=[{"finishReason": reason}])).encode())
        assert parsed is not None
        assert (parsed.text, parsed.refusal, parsed.finish_reason) == (None, refusal, reason)


@pytest.mark.parametrize(
    "usage",
    [
        None,
        {},
        {"promptTokenCount": -1},
        {"promptTokenCount": 1, "thoughtsTokenCount": 10**12},
        {"promptTokenCount": 0},
    ],
)
def test_an_unbelievable_usage_costs_its_figures_and_not_the_verdict(usage: Any) -> None:
    parsed = Gemini(REQUEST).parse(json.dumps(content(usageMetadata=usage)).encode())
    assert parsed is not None
    assert (parsed.text, parsed.usage) == (VERDICT, None)


@pytest.mark.parametrize("body", [b"", b"null", b"{}", b'{"candidates":[]}', b'{"candidates":7}', b"[{}]"])
def test_what_is_no_response_is_none(body: bytes) -> None:
    assert Gemini(REQUEST).parse(body) is None


async def test_an_exhausted_quota_is_waited_for_as_long_as_its_details_say(
    scripted: Scripted, calling: Calling
) -> None:
    began = time.monotonic()
    scripted.answers = [failed(429, "RESOURCE_EXHAUSTED", "You exceeded your quota", retry_in("0.3s")), content()]
    assert isinstance(await calling(scripted.url, api="gemini").complete(), Completion)
    assert time.monotonic() - began >= 0.3


@pytest.mark.parametrize(("delay", "seconds"), [("34.5s", 34.5), ("7s", 7.0), ("99999s", 3600.0), ("soon", None)])
def test_a_delay_is_read_strictly_and_bounded(delay: str, seconds: float | None) -> None:
    body = {"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "", "details": [retry_in(delay), 7]}}
    trouble = classify(429, {}, json.dumps(body).encode(), now=0.0)
    assert (trouble.kind, trouble.retry_after_s) == (ErrorClass.RATE_LIMIT, seconds)


@pytest.mark.parametrize(
    ("trouble", "error"),
    [
        (failed(400, "INVALID_ARGUMENT", "API key not valid.", INVALID_KEY), JudgeFailedError),
        (failed(401, "UNAUTHENTICATED", "Request had invalid credentials"), JudgeFailedError),
        (failed(403, "PERMISSION_DENIED", "You do not have permission"), JudgeFailedError),
        (failed(400, "FAILED_PRECONDITION", "Please enable billing on your project"), JudgeFailedError),
        (failed(404, "NOT_FOUND", "models/judge is not found for API version v1beta"), JudgeFailedError),
        (
            failed(429, "RESOURCE_EXHAUSTED", "Your project has exceeded its monthly spending cap."),
            BudgetExhaustedError,
        ),
    ],
)
async def test_what_somebody_must_fix_stops_the_run_after_one_answer(
    scripted: Scripted, calling: Calling, trouble: Any, error: type[Exception]
) -> None:
    scripted.answers = [trouble]
    with pytest.raises(error):
        await calling(scripted.url, api="gemini").complete()
    assert len(scripted.bodies) == 1


@pytest.mark.parametrize(
    "trouble",
    [
        failed(503, "UNAVAILABLE", "The model is overloaded."),
        failed(500, "INTERNAL", "An internal error has occurred."),
        failed(504, "DEADLINE_EXCEEDED", "The request timed out."),
    ],
)
async def test_passing_trouble_is_tried_again(scripted: Scripted, calling: Calling, trouble: Any) -> None:
    scripted.answers = [trouble, content()]
    assert isinstance(await calling(scripted.url, api="gemini").complete(), Completion)


async def test_a_picture_that_it_can_not_read_fails_its_frame(scripted: Scripted, calling: Calling) -> None:
    scripted.answers = [failed(400, "INVALID_ARGUMENT", "Unable to process input image.")]
    assert isinstance(await calling(scripted.url, api="gemini").complete(), CallFailure)
    assert len(scripted.bodies) == 1
