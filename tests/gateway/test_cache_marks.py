"""What marks an answer as a stored one, and which gateway sent it."""

from __future__ import annotations

import json

import pytest

from calibtui.gateway.dialects.dialect import ChatRequest
from calibtui.gateway.endpoint import resolve_endpoint
from calibtui.gateway.intermediaries.cache_marks import cache_mark, prompt_digest, with_cache_headers
from calibtui.gateway.intermediaries.identity import GatewayKind, kind_of, kind_of_reply
from calibtui.gateway.transport import HttpResponse
from calibtui.workspace.settings import ProviderSettings

REQUEST = ChatRequest("judge", "You judge.", "How hard?", 120, 0.0, {"type": "object"})


def endpoint(url: str = "https://gateway.acme.example/v1", **headers: str):  # type: ignore[no-untyped-def]
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return resolve_endpoint(ProviderSettings("acme", url, headers=named), {"VK": "vk-7Qd9xP2m"})


@pytest.mark.parametrize(
    ("headers", "extra", "marked"),
    [
        ({"x-litellm-cache-key": "abc"}, {}, True),
        ({"x-portkey-cache-status": "HIT"}, {}, True),
        ({"x-portkey-cache-status": "SEMANTIC HIT"}, {}, True),
        ({"x-portkey-cache-status": "SEMANTIC_HIT"}, {}, True),
        ({"cf-aig-cache-status": "HIT"}, {}, True),
        ({}, {"cache_debug": {"cache_hit": True, "hit_type": "semantic"}}, True),
        ({"x-portkey-cache-status": "DISABLED"}, {}, False),
        ({"x-portkey-cache-status": "MISS"}, {}, False),
        ({"x-litellm-cache-key": ""}, {}, False),
        ({"x-litellm-semantic-similarity": "0.0"}, {}, False),
        ({}, {"cache_debug": {"cache_hit": False}}, False),
        ({}, {"cache_debug": "cache_hit"}, False),
        ({}, {}, False),
    ],
)
def test_a_stored_answer_is_told_by_the_gateways_own_mark(
    headers: dict[str, str], extra: dict[str, object], marked: bool
) -> None:
    body = json.dumps({"id": "a", "extra_fields": extra}).encode()
    assert bool(cache_mark(HttpResponse(200, headers, body))) is marked


@pytest.mark.parametrize("body", [b"", b'"extra_fields"', b'{"extra_fields": 3}', b'["extra_fields"]', b"\xff"])
def test_a_body_in_any_shape_marks_nothing(body: bytes) -> None:
    assert cache_mark(HttpResponse(200, {}, body)) == ""


def test_what_a_model_says_about_extra_fields_marks_nothing() -> None:
    said = json.dumps({"extra_fields": {"cache_debug": {"cache_hit": True}}})
    body = json.dumps({"choices": [{"message": {"content": said}}]}).encode()
    assert cache_mark(HttpResponse(200, {}, body)) == ""


def test_the_cache_key_changes_with_anything_but_the_image() -> None:
    others = [
        ChatRequest("judge", "You judge.", "How hard!", 120, 0.0, {"type": "object"}),
        ChatRequest("other", "You judge.", "How hard?", 120, 0.0, {"type": "object"}),
        ChatRequest("judge", "You judge.", "How hard?", 121, 0.0, {"type": "object"}),
        ChatRequest("judge", "You judge.", "How hard?", 120, 0.0, {"type": "array"}),
    ]
    assert len({prompt_digest(request) for request in (REQUEST, *others)}) == 5


def test_a_cache_header_of_the_users_own_stands_and_a_provider_is_sent_none() -> None:
    own = with_cache_headers(endpoint(X_BF_Cache_Key="mine"), REQUEST)
    stands = {"X-BF-Cache-Key": "mine", "x-bf-cache-type": "direct", "x-bf-cache-no-store": "true"}
    assert dict(own.headers) == stands
    assert dict(with_cache_headers(endpoint("https://api.openai.com/v1"), REQUEST).headers) == {}


def test_a_gateway_is_known_by_its_address_or_by_the_headers_it_is_sent() -> None:
    assert kind_of(endpoint("https://api.openai.com/v1", x_bf_vk="env:VK")) is GatewayKind.PROVIDER
    assert kind_of(endpoint(x_bf_vk="env:VK")) is GatewayKind.BIFROST
    assert kind_of(endpoint(X_Portkey_Provider="openai")) is GatewayKind.PORTKEY
    assert kind_of(endpoint("https://api.portkey.ai/v1")) is GatewayKind.PORTKEY
    assert kind_of(endpoint()) is GatewayKind.UNKNOWN


def test_a_gateway_gives_itself_away_in_its_replies() -> None:
    assert kind_of_reply(HttpResponse(200, {"x-litellm-call-id": "1"}, b"{}")) is GatewayKind.LITELLM
    assert kind_of_reply(HttpResponse(200, {"x-portkey-trace-id": "1"}, b"{}")) is GatewayKind.PORTKEY
    assert kind_of_reply(HttpResponse(200, {}, b'{"extra_fields": {"provider": "x"}}')) is GatewayKind.BIFROST
    assert kind_of_reply(HttpResponse(200, {}, b"{}")) is GatewayKind.UNKNOWN
