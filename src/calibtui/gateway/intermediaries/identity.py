"""Which gateway stands behind a base_url: told by its address, by the headers it is sent, or by those of a reply."""

from __future__ import annotations

import enum
import json
from collections.abc import Mapping
from urllib.parse import urlsplit

from calibtui.gateway.endpoint import Endpoint
from calibtui.gateway.transport import HttpResponse


class GatewayKind(enum.StrEnum):
    """`provider`: a model provider's own host, nothing in between · `unknown`: a gateway or a model server."""

    PROVIDER = "provider"
    BIFROST = "bifrost"
    LITELLM = "litellm"
    PORTKEY = "portkey"
    UNKNOWN = "unknown"


PROVIDER_HOSTS = (
    "api.openai.com",
    "api.anthropic.com",
    "generativelanguage.googleapis.com",
    "aiplatform.googleapis.com",
    "openai.azure.com",
    "services.ai.azure.com",
    "api.mistral.ai",
    "api.x.ai",
    "api.groq.com",
    "api.together.xyz",
    "api.fireworks.ai",
    "dashscope-intl.aliyuncs.com",
)
"""Hosts, and parents of hosts, that answer for their own models."""

_PREFIXES = (
    ("x-bf-", GatewayKind.BIFROST),
    ("x-litellm-", GatewayKind.LITELLM),
    ("x-portkey-", GatewayKind.PORTKEY),
)
_PORTKEY_HOST = "portkey.ai"


def kind_of(endpoint: Endpoint) -> GatewayKind:
    """What the settings alone tell; `unknown` for any address that isn't a provider's own."""
    host = (urlsplit(endpoint.url).hostname or "").lower()
    if any(_within(host, parent) for parent in PROVIDER_HOSTS):
        return GatewayKind.PROVIDER
    kind = _told_by((*endpoint.headers, *endpoint.secret_headers))
    return GatewayKind.PORTKEY if kind is GatewayKind.UNKNOWN and _within(host, _PORTKEY_HOST) else kind


def kind_of_reply(response: HttpResponse) -> GatewayKind:
    """What a reply gives away: the gateways' own headers, or Bifrost's extra_fields in the body."""
    kind = _told_by(response.headers)
    if kind is GatewayKind.UNKNOWN and extra_fields(response.body):
        return GatewayKind.BIFROST
    return kind


def extra_fields(body: bytes) -> Mapping[str, object]:
    """Bifrost's own part of a reply's body; empty where there is none, whatever the body."""
    if b'"extra_fields"' not in body:
        return {}
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    fields = value.get("extra_fields") if isinstance(value, dict) else None
    return fields if isinstance(fields, dict) else {}


def _told_by(names: tuple[str, ...] | Mapping[str, str]) -> GatewayKind:
    for name in names:
        for prefix, kind in _PREFIXES:
            if name.lower().startswith(prefix):
                return kind
    return GatewayKind.UNKNOWN


def _within(host: str, parent: str) -> bool:
    return host == parent or host.endswith("." + parent)
