"""Every error body that is known from the gateways and providers means what it says."""

from __future__ import annotations

import email.utils
import json

import pytest

from calibtui.gateway.errors import ErrorClass, classify, read_error_body, retry_after_s

BIFROST_BUDGET = {
    "type": "budget_exceeded",
    "status_code": 402,
    "error": {"message": "Budget exceeded: vk budget exceeded: 105.5000 >= 100.0000 dollars"},
}
LITELLM_KEY = {
    "message": "Budget has been exceeded! Key=eng-a (sk-...1234) Current cost: 200.0, Max budget: 200.0",
    "type": "budget_exceeded",
    "param": None,
}
LITELLM_DEPLOYMENT = {
    "message": "No deployments available - crossed budget: Exceeded budget for deployment model_name: judge, "
    "litellm_params.model: openai/judge, model_id: 1: 0.0157 >= 1d\n",
    "type": "internal_server_error",
    "param": None,
    "code": "429",
}
LITELLM_RATE = {
    "message": "litellm.RateLimitError: RateLimitError: OpenAIException - slow down",
    "type": "throttling_error",
    "param": None,
    "code": "429",
}


def bifrost(kind: str, status: int) -> dict[str, object]:
    return {"type": kind, "status_code": status, "error": {"message": f"{kind} said so"}}


def openai(kind: str | None, code: str | None, message: str = "said so") -> dict[str, object]:
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


CASES = [
    ("bifrost budget", 402, BIFROST_BUDGET, ErrorClass.BUDGET),
    ("bifrost tokens", 429, bifrost("token_limited", 429), ErrorClass.RATE_LIMIT),
    ("bifrost rate", 429, bifrost("rate_limited", 429), ErrorClass.RATE_LIMIT),
    ("bifrost requests", 429, bifrost("request_limited", 429), ErrorClass.RATE_LIMIT),
    ("bifrost no key", 401, bifrost("virtual_key_required", 401), ErrorClass.AUTH),
    ("bifrost unknown key", 401, bifrost("virtual_key_not_found", 401), ErrorClass.AUTH),
    ("bifrost model", 403, bifrost("model_blocked", 403), ErrorClass.MODEL),
    ("bifrost provider", 403, bifrost("provider_blocked", 403), ErrorClass.MODEL),
    ("bifrost access", 403, bifrost("access_blocked", 403), ErrorClass.MODEL),
    ("bifrost upstream", 502, bifrost("upstream_credentials_exhausted", 502), ErrorClass.UPSTREAM),
    ("litellm key", 422, {"error": {**LITELLM_KEY, "code": "422"}}, ErrorClass.BUDGET),
    ("litellm key, status set to 429", 429, {"error": {**LITELLM_KEY, "code": "429"}}, ErrorClass.BUDGET),
    ("litellm key, status of old", 400, {"error": {**LITELLM_KEY, "code": "400"}}, ErrorClass.BUDGET),
    ("litellm deployment", 429, {"error": LITELLM_DEPLOYMENT}, ErrorClass.BUDGET),
    ("litellm rate", 429, {"error": LITELLM_RATE}, ErrorClass.RATE_LIMIT),
    ("litellm wrong key, no database", 400, openai("no_db_connection", "400", "No connected db."), ErrorClass.AUTH),
    ("litellm model", 400, openai(None, "400", "Invalid model name passed in model=x."), ErrorClass.MODEL),
    ("portkey budget", 412, {"message": "quota"}, ErrorClass.BUDGET),
    ("portkey npm retry", 500, {"status": "failure", "message": "Something went wrong"}, ErrorClass.UPSTREAM),
    ("openai rate", 429, openai("requests", "rate_limit_exceeded"), ErrorClass.RATE_LIMIT),
    ("openai billing", 429, openai("insufficient_quota", "insufficient_quota"), ErrorClass.AUTH),
    ("provider's own 402", 402, openai("unknown_error", None, "Insufficient Balance"), ErrorClass.AUTH),
    ("bare 402", 402, {}, ErrorClass.AUTH),
    ("openai key", 401, openai("invalid_request_error", "invalid_api_key"), ErrorClass.AUTH),
    ("openai model", 404, openai("invalid_request_error", "model_not_found"), ErrorClass.MODEL),
    ("openai image", 400, openai("invalid_request_error", "invalid_image_format"), ErrorClass.BAD_REQUEST),
    ("content filter", 400, openai(None, "content_filter"), ErrorClass.BAD_REQUEST),
    ("openai down", 500, openai("server_error", None), ErrorClass.UPSTREAM),
    ("overloaded", 529, {"type": "error", "error": {"type": "overloaded_error", "message": "o"}}, ErrorClass.UPSTREAM),
    ("vllm", 400, {"object": "error", "message": "too long", "type": "BadRequestError"}, ErrorClass.BAD_REQUEST),
    ("fastapi", 422, {"detail": "field required"}, ErrorClass.BAD_REQUEST),
    ("error in a success", 200, openai("server_error", None), ErrorClass.UPSTREAM),
    ("error is text", 401, {"error": "no"}, ErrorClass.AUTH),
    ("error in a list", 429, [{"error": {"status": "RESOURCE_EXHAUSTED", "message": "q"}}], ErrorClass.RATE_LIMIT),
]


@pytest.mark.parametrize(("status", "body", "expected"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_a_known_body_is_of_its_class(status: int, body: object, expected: ErrorClass) -> None:
    assert classify(status, {}, json.dumps(body).encode(), now=0).kind is expected


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (200, ErrorClass.UNREADABLE),
        (302, ErrorClass.MODEL),
        (400, ErrorClass.BAD_REQUEST),
        (401, ErrorClass.AUTH),
        (403, ErrorClass.AUTH),
        (404, ErrorClass.MODEL),
        (408, ErrorClass.UPSTREAM),
        (413, ErrorClass.BAD_REQUEST),
        (429, ErrorClass.RATE_LIMIT),
        (500, ErrorClass.UPSTREAM),
        (502, ErrorClass.UPSTREAM),
        (503, ErrorClass.UPSTREAM),
        (504, ErrorClass.UPSTREAM),
    ],
)
@pytest.mark.parametrize("body", [b"", b"<html><body>Bad Gateway</body></html>", b"\xff\x00{", b'{"a":' * 5000, b"[]"])
def test_a_body_that_says_nothing_leaves_it_to_the_status(status: int, body: bytes, expected: ErrorClass) -> None:
    assert classify(status, {}, body, now=0).kind is expected


def test_a_budget_error_is_told_from_a_rate_limit_of_the_same_status() -> None:
    kinds = [
        classify(429, {}, json.dumps({"error": e}).encode(), now=0).kind for e in (LITELLM_DEPLOYMENT, LITELLM_RATE)
    ]
    assert kinds == [ErrorClass.BUDGET, ErrorClass.RATE_LIMIT]


def test_every_class_that_stops_a_run_says_what_to_fix() -> None:
    for _, status, body, kind in CASES:
        if kind in (ErrorClass.BUDGET, ErrorClass.AUTH, ErrorClass.MODEL):
            assert classify(status, {}, json.dumps(body).encode(), now=0).hint


def test_the_message_param_and_words_of_a_body_are_read_as_they_are() -> None:
    said = read_error_body(b'{"error": {"message": "No.", "type": "Invalid_Request", "param": "response_format"}}')
    assert (said.message, said.param, said.words) == ("No.", "response_format", frozenset({"invalid_request"}))


NOW = 1_800_000_000.0


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.25"}, 0.25),
        ({"llm_provider-retry-after": "12"}, 12.0),
        ({"retry-after": email.utils.formatdate(NOW + 30, usegmt=True)}, 30.0),
        ({"retry-after": email.utils.formatdate(NOW - 30, usegmt=True)}, 0.0),
        ({"retry-after": "99999999"}, 3600.0),
        ({"retry-after": "-5"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "soon", "llm_provider-retry-after": "3"}, 3.0),
        ({}, None),
    ],
)
def test_retry_after_is_read_in_seconds_as_a_date_and_under_its_other_name(
    headers: dict[str, str], seconds: float | None
) -> None:
    assert retry_after_s(headers, NOW) == seconds
