"""What Bifrost does over the wire, as far as its users depend on it: keys, budgets, errors, cache, quota.

A budget is checked before a call and charged after its reply; nothing is reserved. Its semantic cache compares whole
image strings, and prompts by likeness; x-bf-cache-key keeps entries apart and x-bf-cache-type: direct asks for whole
requests alone, and with x-bf-cache-no-store nothing is kept. Replies are a practice judge's own, with extra_fields.
"""

from __future__ import annotations

import difflib
import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web

USD_PER_TOKEN = 0.00001


@dataclass
class VirtualKey:
    """`models` None: all of them. `trouble`: an error type that its every call gets."""

    limit_usd: float = 100.0
    used_usd: float = 0.0
    models: frozenset[str] | None = None
    trouble: str = ""


STATUSES = {
    "budget_exceeded": 402,
    "token_limited": 429,
    "rate_limited": 429,
    "request_limited": 429,
    "virtual_key_required": 401,
    "virtual_key_not_found": 401,
    "model_blocked": 403,
    "provider_blocked": 403,
    "access_blocked": 403,
    "upstream_credentials_exhausted": 502,
}


@dataclass
class _Stored:
    cache_key: str
    image: str
    prompt: str
    body: bytes
    reply: dict[str, Any]


@dataclass
class Bifrost:
    """`routes`: the address, with /v1, and its key behind each model. `semantic`: whether the cache is on;
    `heeds`: which of the requests' own words on it count: "key", "type", "no-store"."""

    routes: dict[str, tuple[str, str]]
    keys: dict[str, VirtualKey] = field(default_factory=dict)
    semantic: bool = False
    heeds: frozenset[str] = frozenset({"key", "type", "no-store"})
    answers: int = 0
    _stored: list[_Stored] = field(default_factory=list)

    def app(self) -> web.Application:
        app = web.Application(client_max_size=32 << 20)
        app.router.add_post("/v1/chat/completions", self._complete)
        app.router.add_get("/api/governance/virtual-keys/quota", self._quota)
        return app

    async def _complete(self, request: web.Request) -> web.Response:
        self.answers += 1
        key = self._key(request)
        if not isinstance(key, VirtualKey):
            return _error(key, "no such virtual key" if key.endswith("not_found") else "a virtual key is required")
        raw = await request.read()
        body = json.loads(raw)
        refused = self._refused(key, body["model"])
        if refused is not None:
            return refused
        stored = self._lookup(request, body, raw)
        if stored is not None:
            return web.json_response(stored)
        return await self._forward(request, key, body, raw)

    async def _quota(self, request: web.Request) -> web.Response:
        key = self._key(request)
        if not isinstance(key, VirtualKey):
            return _error(key, "a virtual key is required")
        budget = {"max_limit": key.limit_usd, "current_usage": key.used_usd, "reset_duration": "1M"}
        return web.json_response({"budgets": [budget]})

    def _key(self, request: web.Request) -> VirtualKey | str:
        given = request.headers.get("x-bf-vk") or request.headers.get("Authorization", "").removeprefix("Bearer ")
        if not given.startswith("sk-bf-"):
            return "virtual_key_required"
        return self.keys.get(given, "virtual_key_not_found")

    def _refused(self, key: VirtualKey, model: str) -> web.Response | None:
        if key.trouble:
            return _error(key.trouble, f"{key.trouble} said so")
        if key.used_usd >= key.limit_usd:
            said = f"vk budget exceeded: {key.used_usd:.4f} >= {key.limit_usd:.4f} dollars"
            return _error("budget_exceeded", f"Budget exceeded: {said}")
        if model not in self.routes or (key.models is not None and model not in key.models):
            return _error("model_blocked", f"Model {model} is not allowed for this virtual key")
        return None

    async def _forward(self, request: web.Request, key: VirtualKey, body: dict[str, Any], raw: bytes) -> web.Response:
        url, upstream_key = self.routes[body["model"]]
        sent = {**body, "model": "practice-vlm-1"}
        headers = {"Authorization": f"Bearer {upstream_key}"}
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{url}/chat/completions", json=sent, headers=headers) as reply,
        ):
            said = await reply.json()
            told = {"Retry-After": wait} if (wait := reply.headers.get("Retry-After")) else {}
        if reply.status != 200:
            return web.json_response({"status_code": reply.status, **said}, status=reply.status, headers=told)
        key.used_usd += USD_PER_TOKEN * said["usage"]["total_tokens"]
        said["extra_fields"] = {"provider": "practice", "resolved_model_used": said["model"]}
        kept = "no-store" not in self.heeds or request.headers.get("x-bf-cache-no-store") != "true"
        if self.semantic and kept:
            self._stored.append(_Stored(self._cache_key(request), _image(body), _prompt(body), _digest(raw), said))
        return web.json_response(said)

    def _lookup(self, request: web.Request, body: dict[str, Any], raw: bytes) -> dict[str, Any] | None:
        direct = "type" in self.heeds and request.headers.get("x-bf-cache-type") == "direct"
        for stored in self._stored if self.semantic else ():
            if stored.cache_key != self._cache_key(request) or stored.image != _image(body):
                continue
            likeness = difflib.SequenceMatcher(None, stored.prompt, _prompt(body), autojunk=False).ratio()
            if stored.body == _digest(raw) or (not direct and likeness >= 0.9):
                kind = "direct" if stored.body == _digest(raw) else "semantic"
                debug = {"cache_hit": True, "hit_type": kind, "similarity": likeness}
                return {**stored.reply, "extra_fields": {**stored.reply["extra_fields"], "cache_debug": debug}}
        return None

    def _cache_key(self, request: web.Request) -> str:
        return request.headers.get("x-bf-cache-key", "") if "key" in self.heeds else ""


def _error(kind: str, message: str) -> web.Response:
    body = {"type": kind, "status_code": STATUSES[kind], "error": {"message": message}}
    return web.json_response(body, status=STATUSES[kind])


def _parts(body: dict[str, Any]) -> list[dict[str, Any]]:
    return [part for message in body["messages"] if isinstance(message["content"], list) for part in message["content"]]


def _image(body: dict[str, Any]) -> str:
    return "".join(part["image_url"]["url"] for part in _parts(body) if part["type"] == "image_url")


def _prompt(body: dict[str, Any]) -> str:
    texts = [message["content"] for message in body["messages"] if isinstance(message["content"], str)]
    return "\n".join(texts + [part["text"] for part in _parts(body) if part["type"] == "text"])


def _digest(raw: bytes) -> bytes:
    return hashlib.sha256(raw).digest()
