"""Bodies that go out, replies that come in."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import pytest

from calibtui.core.scores import Usage
from calibtui.gateway.dialects.dialect import ChatRequest, TokenChoice
from calibtui.gateway.dialects.openai import OpenAi

REQUEST = ChatRequest("judge", "System.", 'Say "data:image/jpeg;base64,@@image@@" – ö', 120, 0.5, {"type": "object"})


DIALECT = OpenAi(REQUEST)


def body(dialect: OpenAi = DIALECT) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(dialect.template().build(b"\x00jpeg\xff"))
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
    assert [m["role"] for m in body(OpenAi(replace(REQUEST, system="")))["messages"]] == ["user"]


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
    dialect = DIALECT.learned(param, message)
    assert dialect is not None
    assert gone not in body(dialect)
    assert there in body(dialect)
    again = dialect.learned(param, message)
    assert again is None or gone not in body(again)


def test_a_schema_refused_in_every_form_is_left_to_the_prompt() -> None:
    guided = DIALECT.learned("", "response_format is not supported")
    assert guided is not None
    assert body(guided)["guided_json"] == {"type": "object"}
    free = guided.learned("", "Unrecognized request argument supplied: guided_json")
    assert free is not None
    assert not {"response_format", "guided_json"} & body(free).keys()
    assert free.learned("", "response_format, guided_json") is None


def test_probabilities_are_asked_for_where_wanted_fewer_where_refused_and_none_where_refused_again() -> None:
    wanting = OpenAi(replace(REQUEST, logprobs=True))
    assert (body(wanting)["logprobs"], body(wanting)["top_logprobs"]) == (True, 20)
    fewer = wanting.learned("top_logprobs", "must be at most 5")
    assert fewer is not None
    assert body(fewer)["top_logprobs"] == 5
    none = fewer.learned("", "logprobs is not supported with this model")
    assert none is not None
    assert not {"logprobs", "top_logprobs"} & body(none).keys()
    assert "logprobs" not in body()


def test_probabilities_of_a_reply_are_kept_where_they_were_asked_for() -> None:
    top = [{"token": "8", "logprob": -0.1, "bytes": [56]}, {"token": "7", "logprob": -2.5, "bytes": [55]}]
    told = {"content": [{"token": "8", "logprob": -0.1, "bytes": [56], "top_logprobs": top}]}
    answer = reply(choices=[{"message": {"content": "8"}, "logprobs": told}])
    parsed = OpenAi(replace(REQUEST, logprobs=True)).parse(answer)
    assert parsed is not None
    assert parsed.tokens == (TokenChoice("8", -0.1, (("8", -0.1), ("7", -2.5))),)
    unasked = DIALECT.parse(answer)
    assert unasked is not None
    assert unasked.tokens == ()


@pytest.mark.parametrize("odd", [None, {}, [], {"content": None}, {"content": [{"token": "8", "logprob": 5.0}]}])
def test_odd_probabilities_cost_themselves_and_not_the_verdict(odd: object) -> None:
    answer = reply(choices=[{"message": {"content": "8"}, "logprobs": odd}])
    parsed = OpenAi(replace(REQUEST, logprobs=True)).parse(answer)
    assert parsed is not None
    assert (parsed.text, parsed.tokens) == ("8", ())


def test_a_refusal_about_something_else_teaches_nothing() -> None:
    assert DIALECT.learned("messages", "image too large") is None


def reply(**fields: Any) -> bytes:
    choice = {"message": {"content": "text"}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 9, "completion_tokens": 2}
    return json.dumps({"id": "c-1", "model": "m-1", "choices": [choice], "usage": usage, **fields}).encode()


def test_a_reply_gives_text_id_model_finish_reason_and_usage() -> None:
    parsed = DIALECT.parse(reply(system_fingerprint="fp"))
    assert parsed is not None
    assert (parsed.text, parsed.completion_id, parsed.answered_model) == ("text", "c-1", "m-1")
    assert (parsed.finish_reason, parsed.fingerprint, parsed.usage) == ("stop", "fp", Usage(9, 2))


def test_content_in_parts_is_joined_and_a_refusal_kept() -> None:
    message = {"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}], "refusal": "no"}
    parsed = DIALECT.parse(reply(choices=[{"message": message}]))
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
    parsed = DIALECT.parse(reply(usage=usage))
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
    assert DIALECT.parse(body) is None


def test_identifiers_of_strangers_are_short_and_printable() -> None:
    parsed = DIALECT.parse(reply(id="a\x1b[31m" + "b" * 5000))
    assert parsed is not None
    assert "\x1b" not in parsed.completion_id
    assert len(parsed.completion_id) <= 200
