"""How a gateway tells that an answer came out of its cache, and how one is told to tell prompts apart."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, replace

from calibtui.gateway.dialects.dialect import ChatRequest
from calibtui.gateway.endpoint import Endpoint
from calibtui.gateway.intermediaries.identity import GatewayKind, extra_fields, kind_of
from calibtui.gateway.transport import HttpResponse

_STATUS_HEADERS = ("x-portkey-cache-status", "cf-aig-cache-status", "helicone-cache", "x-cache")
"""Each says HIT, perhaps among other words, where the answer is a stored one."""
_PRESENT_ON_HITS = ("x-litellm-cache-key",)
"""LiteLLM 1.106 sends it with a stored answer only; its x-litellm-semantic-similarity comes with others as well."""


def cache_mark(response: HttpResponse) -> str:
    """What in a reply says that it is a stored answer, for people; "" where nothing does."""
    for name in _PRESENT_ON_HITS:
        if response.headers.get(name):
            return f"the header {name}"
    for name in _STATUS_HEADERS:
        value = response.headers.get(name, "")
        if "HIT" in value.upper().replace("_", " ").split():
            return f"the header {name}: {value[:40]}"
    debug = extra_fields(response.body).get("cache_debug")
    if isinstance(debug, Mapping) and debug.get("cache_hit") is True:
        return "extra_fields.cache_debug.cache_hit in its body"
    return ""


def prompt_digest(request: ChatRequest) -> str:
    """SHA-256 over all of a call but its image."""
    return hashlib.sha256(json.dumps(asdict(request), sort_keys=True).encode()).hexdigest()


def with_cache_headers(endpoint: Endpoint, request: ChatRequest) -> Endpoint:
    """`endpoint` with the headers that keep Bifrost's cache from answering one prompt with another's answer.

    Its semantic cache compares prompts by likeness within a key: here the key is the prompt's digest, the lookup is of
    whole requests, and nothing of ours is stored, so that a second pass asks the model and not the first one's answer.
    A header of the user's own stands. Nothing is added at a provider's own host.
    """
    if kind_of(endpoint) is GatewayKind.PROVIDER:
        return endpoint
    told = {name.lower() for name in (*endpoint.headers, *endpoint.secret_headers)}
    ours = {"x-bf-cache-key": prompt_digest(request), "x-bf-cache-type": "direct", "x-bf-cache-no-store": "true"}
    missing = {name: value for name, value in ours.items() if name not in told}
    return replace(endpoint, headers={**endpoint.headers, **missing})
