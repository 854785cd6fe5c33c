"""A gateway in front of four practice judges, and how a workspace would be set up to use it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.gateways.loopback import Loopback

from calibtui.core.money import Price
from calibtui.core.scores import CallRecord
from calibtui.gateway.client import Gateway, RetryPolicy
from calibtui.gateway.dialects.dialect import ChatRequest
from calibtui.gateway.endpoint import Endpoint, resolve_endpoint
from calibtui.gateway.intermediaries.canary import CANARY_PX, Canary
from calibtui.gateway.transport import HttpRequest, HttpResponse, HttpTransport, Transport
from calibtui.practice.options import PracticeOptions
from calibtui.practice.server import PracticeServer
from calibtui.workspace.settings import KeySettings, PriceSettings, ProviderSettings

QUICK = RetryPolicy(first_wait_s=0.05, longest_wait_s=0.5)
PRICE = Price(2_300_000, 9_200_000)
UPSTREAM_KEY = "sk-upstream-5f0c1d8e9a7b"
KEY_VARIABLE = "FRONT_KEY"


@dataclass(frozen=True)
class Upstreams:
    """`plain` answers, `limited` takes two requests a second, `failing` none, `locked` none without its key."""

    plain: PracticeServer
    limited: PracticeServer
    failing: PracticeServer
    locked: PracticeServer

    @classmethod
    def start(cls, loopback: Loopback) -> Upstreams:
        options = (
            PracticeOptions(),
            PracticeOptions(rate_limit=2),
            PracticeOptions(fail_rate=1.0),
            PracticeOptions(key_env="UPSTREAM_KEY"),
        )
        return cls(*(loopback.judge(option) for option in options))

    def routes(self) -> dict[str, tuple[str, str]]:
        """Address and key by model, as a gateway's configuration has them; `locked` with a key that is wrong."""
        named = {"practice-vlm-1": self.plain, "limited": self.limited, "failing": self.failing, "locked": self.locked}
        return {model: (server.url, "sk-wrong-5f0c1d8e9a7b") for model, server in named.items()}


@dataclass(frozen=True)
class Front:
    """How to reach each upstream through one gateway: `models` by upstream, `headers` all of them or by upstream."""

    name: str
    base_url: str
    key: str
    models: Mapping[str, str]
    headers: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @property
    def environ(self) -> dict[str, str]:
        return {KEY_VARIABLE: self.key}

    def provider(self, upstream: str) -> ProviderSettings:
        prices = {model: PriceSettings(2.3, 9.2) for model in (*self.models.values(), "nobody-serves-this")}
        keys = (KeySettings(KEY_VARIABLE),)
        return ProviderSettings(
            "front", self.base_url, keys=keys, headers=self.headers.get(upstream, {}), models=prices
        )

    def endpoint(self, upstream: str = "plain") -> Endpoint:
        return resolve_endpoint(self.provider(upstream), self.environ)


class CountingTransport:
    """The real transport; `statuses` of every reply, in order."""

    def __init__(self, connections: int = 40) -> None:
        self._inner = HttpTransport(connections=connections)
        self.statuses: list[int] = []

    async def send(self, request: HttpRequest) -> HttpResponse:
        reply = await self._inner.send(request)
        self.statuses.append(reply.status)
        return reply

    async def close(self) -> None:
        await self._inner.close()


def chat_request(
    model: str, user: str = "How hard is it to detect the objects in this frame? Answer in JSON."
) -> ChatRequest:
    system = "You judge how hard frames from an inspection camera are for an object detector, from 0 to 100."
    return ChatRequest(model, system, user, 120, 0.0)


def gateway_to(endpoint: Endpoint, request: ChatRequest, transport: Transport, max_px: int = CANARY_PX) -> Gateway:
    return Gateway(endpoint, request, PRICE, transport, max_px=max_px, retry=QUICK)


async def canary_through(endpoint: Endpoint, model: str, calls: list[CallRecord], **how: float) -> Canary:
    """A canary that has passed; raises what it raises."""
    transport = CountingTransport()
    canary = Canary(endpoint, chat_request(model), transport, gateway_to, **how)
    try:
        await canary.passed(calls.append)
    finally:
        await transport.close()
    return canary
