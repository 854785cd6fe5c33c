"""Before the first paid call through a gateway: does its cache tell pictures apart, and prompts?

Three small calls a key: a picture nobody has ever sent, another one, and the first again with the prompt slightly
changed. None of the three can rightly be answered from a cache. A gateway that does so would give frames each other's
scores, or a new prompt the old one's: then nothing else is sent.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from calibtui.core.errors import ConfigurationError
from calibtui.gateway.client import CallFailure, Gateway, OnCall
from calibtui.gateway.dialects.dialect import ChatRequest
from calibtui.gateway.endpoint import Endpoint
from calibtui.gateway.intermediaries.cache_marks import cache_mark
from calibtui.gateway.intermediaries.identity import GatewayKind, kind_of, kind_of_reply
from calibtui.gateway.stops import NoAnswerError
from calibtui.gateway.transport import HttpRequest, HttpResponse, Transport

CANARY_PX = 96
"""Longer side of the pictures it sends: the smallest that every provider takes with room to spare."""
MAX_TOKENS = 256
"""No more than the run asks for, and for most runs as much: gateways keep caches apart by parameters as well."""
STORED_WITHIN_S = 1.0
"""Gateways store an answer after they have sent it: a call that follows at once would miss what a later one hits."""
_BLOCKS = 6

OpenGateway = Callable[[Endpoint, ChatRequest, Transport], Gateway]
"""Makes the gateway that the canary's calls go through: same price, same ledger, max_px=CANARY_PX."""


@dataclass(frozen=True, slots=True)
class _Probe:
    """A call that no cache can answer; `told`: what it means where one does."""

    request: ChatRequest
    image: bytes
    told: str


class Canary:
    """`passed` lets the run's calls through once the canary's own have been answered rightly.

    `transport` stays its owner's. `request` is the run's own: what its cache already holds for that prompt counts.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        request: ChatRequest,
        transport: Transport,
        open_gateway: OpenGateway,
        *,
        deadline_s: float = 60.0,
        stored_within_s: float = STORED_WITHIN_S,
    ) -> None:
        self.kind = kind_of(endpoint)
        self._endpoint = endpoint
        self._request = replace(request, max_tokens=min(request.max_tokens, MAX_TOKENS))
        self._watched = WatchedTransport(transport)
        self._open = open_gateway
        self._deadline_s = deadline_s
        self._stored_within_s = stored_within_s
        self._turn = asyncio.Lock()
        self._done = False
        self._refused: ConfigurationError | None = None

    @property
    def seen(self) -> HttpResponse | None:
        """The last reply it got, whose headers may announce a budget."""
        return self._watched.last

    async def passed(self, on_call: OnCall) -> None:
        """Returns once every key has passed: the first caller sends, the others wait. `on_call` is told each call.

        Raises ConfigurationError where a cache answers what it can't know, NoAnswerError where nobody answers, and
        what any call raises (BudgetExhaustedError, for one).
        """
        if self._done:
            return
        async with self._turn:
            if self._refused is not None:
                raise self._refused
            if not self._done:
                await self._prove_every_key(on_call)
                self._done = True

    async def _prove_every_key(self, on_call: OnCall) -> None:
        # Each key alone: gateways keep caches apart by key, and a call may take any of them.
        for endpoint in [replace(self._endpoint, keys=(key,)) for key in self._endpoint.keys] or [self._endpoint]:
            await self._prove(endpoint, on_call)

    async def _prove(self, endpoint: Endpoint, on_call: OnCall) -> None:
        ids: set[str] = set()
        for number, probe in enumerate(_probes(self._request)):
            if number:
                await asyncio.sleep(self._stored_within_s)
            completion_id, mark = await self._ask(endpoint, probe, on_call)
            if not mark and completion_id and completion_id in ids:
                mark = f"the completion id {completion_id}, which it has sent before"
            if mark:
                self._refused = self._refusal(probe, mark)
                raise self._refused
            ids.add(completion_id)

    async def _ask(self, endpoint: Endpoint, probe: _Probe, on_call: OnCall) -> tuple[str, str]:
        """The completion's id, and what marks it as a stored one."""
        gateway = self._open(endpoint, probe.request, self._watched)
        digest = hashlib.sha256(probe.image).hexdigest()
        answer = await gateway.complete(probe.image, digest=digest, deadline_s=self._deadline_s, on_call=on_call)
        if isinstance(answer, CallFailure):
            raise NoAnswerError(
                f"{endpoint.provider} answered no picture of the cache check at {endpoint.url}: {answer.message}",
                "Nothing else was sent. The same command tries again.",
            )
        reply = self._watched.last
        if reply is None:
            return answer.completion_id, ""
        if self.kind is GatewayKind.UNKNOWN:
            self.kind = kind_of_reply(reply)
        return answer.completion_id, cache_mark(reply)

    def _refusal(self, probe: _Probe, mark: str) -> ConfigurationError:
        provider = self._endpoint.provider
        who = "The gateway" if self.kind is GatewayKind.UNKNOWN else self.kind.value.capitalize()
        return ConfigurationError(
            f"{who} behind [providers.{provider}] answered {probe.told} from its cache ({mark}): "
            "scores through it would be another frame's.",
            f"{_SWITCH_OFF[self.kind]} Scores are cached here already, picture by picture.",
        )


_SWITCH_OFF = {
    GatewayKind.LITELLM: "Set cache: false in litellm_settings, or a cache of type local or redis, which compares "
    "whole requests; the semantic ones read the text alone.",
    GatewayKind.BIFROST: "Switch its semantic cache plugin off for this virtual key, or let requests choose their own "
    "x-bf-cache-key and x-bf-cache-type.",
    GatewayKind.PORTKEY: "Take the cache out of its config, or set the mode to simple; semantic reads the text alone.",
    GatewayKind.PROVIDER: "Point base_url at an address that has no cache before it.",
    GatewayKind.UNKNOWN: "Switch off the cache of whatever serves this base_url.",
}


class WatchedTransport:
    """Passes requests on and keeps the last reply; the inner transport is closed by whoever opened it."""

    def __init__(self, inner: Transport) -> None:
        self._inner = inner
        self.last: HttpResponse | None = None

    async def send(self, request: HttpRequest) -> HttpResponse:
        self.last = None
        self.last = await self._inner.send(request)
        return self.last

    async def close(self) -> None:
        """Leaves the inner transport open."""


def canary_needed(endpoint: Endpoint) -> bool:
    """Whether somebody may stand between us and the model: any address but a provider's own."""
    return kind_of(endpoint) is not GatewayKind.PROVIDER


def _probes(request: ChatRequest) -> tuple[_Probe, _Probe, _Probe]:
    first, second = canary_picture(os.urandom(16)), canary_picture(os.urandom(16))
    edited = replace(request, user=f"{request.user}\n(second edition)")
    return (
        _Probe(request, first, "a picture it had never been sent"),
        _Probe(request, second, "a picture it had never been sent"),
        _Probe(edited, first, "a prompt it had never been sent"),
    )


def canary_picture(seed: bytes) -> bytes:
    """A JPEG of CANARY_PX × CANARY_PX px, coloured blocks drawn from `seed`: no two seeds look alike."""
    levels = np.random.default_rng(int.from_bytes(seed, "big")).integers(0, 256, (_BLOCKS, _BLOCKS, 3), np.uint8)
    out = io.BytesIO()
    picture = Image.fromarray(levels).resize((CANARY_PX, CANARY_PX), Image.Resampling.NEAREST)
    picture.save(out, "JPEG", quality=85)
    return out.getvalue()
