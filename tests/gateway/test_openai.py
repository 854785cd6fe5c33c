"""Bodies that go out, replies that come in."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import pytest

from calibtui.core.scores import Usage
from calibtui.gateway.openai import ChatRequest, Dialect, body_template, learned, parse_reply

REQUEST = ChatRequest("judge", "System.", 'Say "data:image/jpeg;base64,@@image@@" – ö', 120, 0.5, {"type": "object"})


def body(dialect: Dialect = Dialect(), request: ChatRequest = REQUEST) -> dict[str, Any]:  # noqa: B008 - it is frozen
    made: dict[str, Any] = json.loads(body_template(request, dialect).build(b"\x00jpeg\xff"))
    return made


def test_a_body_is_valid_json_with_the_prompt_as_written_and_the_image_inline() -> None:
    system, user = body()["messages"]
    assert system == {"role": "system", "content": "System."}
    assert user["content"][0] == {"type": "text", "text": REQUEST.user}
    url = user["content"][1]["image_url"]["url"]
    assert base64.b64decode(url.removeprefix("data:image/jpeg;base64,")) == b"\x00jpeg\xff"


def test_a_body_holds_the_model_its_limits_and_the_schema() -> None:
    made = body()
    assert (made["model"], made["max_tokens"], made["temperature"]) == ("judge", 120, 0.5)
    assert made["response_format"]["json_schema"]["schema"] == {"type": "object"}
    assert made["response_format"]["json_schema"]["strict"] is True


def test_a_prompt_without_a_system_text_has_no_system_message() -> None:
    assert [m["role"] for m in body(request=replace(REQUEST, system=""))["messages"]] == ["user"]


@pytest.mark.parametrize(
    ("param", "message", "gone", "there"),
    [
        ("response_format", "Invalid parameter", "response_format", "max_tokens"),
        ("", "'json_schema' is not supported with this model", "response_format", "max_tokens"),
        ("max_tokens", "Use 'max_completion_tokens' instead.", "max_tokens", "max_completion_tokens"),
        ("temperature", "Unsupported value: only the default is supported", "temperature", "max_tokens"),
    ],
)
def test_a_refused_parameter_is_left_out_from_then_on(param: str, message: str, gone: str, there: str) -> None:
    dialect = learned(Dialect(), param, message)
    assert dialect is not None
    assert gone not in body(dialect)
    assert there in body(dialect)
    assert learned(dialect, param, message) is None


def test_a_refusal_about_something_else_teaches_nothing() -> None:
    assert learned(Dialect(), "messages", "image too large") is None


def reply(**fields: Any) -> bytes:
    choice = {"message": {"content": "text"}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 9, "completion_tokens": 2}
    return json.dumps({"id": "c-1", "model": "m-1", "choices": [choice], "usage": usage, **fields}).encode()


def test_a_reply_gives_text_id_model_finish_reason_and_usage() -> None:
    parsed = parse_reply(reply(system_fingerprint="fp"))
    assert parsed is not None
    assert (parsed.text, parsed.completion_id, parsed.answered_model) == ("text", "c-1", "m-1")
    assert (parsed.finish_reason, parsed.fingerprint, parsed.usage) == ("stop", "fp", Usage(9, 2))


def test_content_in_parts_is_joined_and_a_refusal_kept() -> None:
    message = {"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}], "refusal": "no"}
    parsed = parse_reply(reply(choices=[{"message": message}]))
    assert parsed is not None
    assert (parsed.text, parsed.refusal) == ("ab", "no")


@pytest.mark.parametrize(
    "usage",
    [
        None,
        {},
        [],
        "many",
        {"prompt_tokens": -1, "completion_tokens": 2},
        {"prompt_tokens": "9", "completion_tokens": 2},
        {"prompt_tokens": 0, "completion_tokens": 0},
        {"prompt_tokens": 10**15, "completion_tokens": 2},
        {"prompt_tokens": 10**40, "completion_tokens": 2},
    ],
)
def test_an_unbelievable_usage_costs_its_figures_and_not_the_verdict(usage: object) -> None:
    parsed = parse_reply(reply(usage=usage))
    assert parsed is not None
    assert parsed.text == "text"
    assert parsed.usage is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"<html></html>",
        reply()[:-20],
        reply(choices=[]),
        reply(choices=None),
        reply(choices=[{"message": None}]),
        reply(choices=[{"message": {"content": 7}}]),
        reply(id=7),
        b'{"choices":' + b"[" * 100_000,
        b"\xff\xfe" + reply(),
    ],
)
def test_what_is_no_completion_is_none(body: bytes) -> None:
    assert parse_reply(body) is None


def test_identifiers_of_strangers_are_short_and_printable() -> None:
    parsed = parse_reply(reply(id="a\x1b[31m" + "b" * 5000))
    assert parsed is not None
    assert "\x1b" not in parsed.completion_id
    assert len(parsed.completion_id) <= 200
