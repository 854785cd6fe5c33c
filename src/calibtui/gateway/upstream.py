"""One model of one provider as a run finds it: what it takes, which keys work, how much it bears, whether it is up."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

from calibtui.core.money import Price
from calibtui.core.scores import Usage
from calibtui.gateway.concurrency import AdaptiveLimiter
from calibtui.gateway.dialects.apis import DIALECTS
from calibtui.gateway.dialects.dialect import ChatRequest, Dialect
from calibtui.gateway.endpoint import Endpoint
from calibtui.gateway.intermediaries.cache_marks import with_cache_headers
from calibtui.gateway.keyring import KeyRing
from calibtui.gateway.money.prices import worst_case
from calibtui.gateway.transport import Transport

FIRST_REST_S = 5.0
LONGEST_REST_S = 120.0
PROBE_S = 10.0
OVERRUN_MARGIN = 1.25


@dataclass(frozen=True, slots=True)
class Target:
    """One model of one provider, with its price. `image_tokens`: the most of one image, where the settings state it."""

    endpoint: Endpoint
    request: ChatRequest
    price: Price
    transport: Transport
    image_tokens: int | None = None


class Upstream:
    """`worst` is the most that one of its calls can use, as far as is known; times are monotonic, s."""

    def __init__(self, target: Target, *, max_px: int, concurrency: int, rng: random.Random) -> None:
        endpoint, request = with_cache_headers(target.endpoint, target.request), target.request
        self.endpoint, self.request, self.price, self.transport = endpoint, request, target.price, target.transport
        self.keys = KeyRing(endpoint.keys, rng)
        self.limiter = AdaptiveLimiter(concurrency)
        self.answered = False
        self._speak(DIALECTS[endpoint.api](request))
        self.url = endpoint.url + self.dialect.path
        self.headers = [self._headers_of(lane) for lane in range(max(1, len(endpoint.keys)))]
        self.worst = worst_case(
            request.model,
            max_px,
            request.text_bytes,
            request.max_tokens,
            api=endpoint.api,
            overhead_tokens=self.dialect.overhead_tokens,
            image_tokens=target.image_tokens,
        )
        self._rest_s = 0.0
        self._resting_until = 0.0
        self._rested_at = float("-inf")

    @property
    def provider(self) -> str:
        return self.endpoint.provider

    @property
    def what(self) -> str:
        return f"{self.provider} {self.request.model}"

    def cost(self, usage: Usage) -> int:
        """micro-EUR."""
        return self.price.cost(usage.input_tokens, usage.output_tokens)

    def learn(self, param: str, message: str) -> bool:
        """Takes a parameter that was refused by name out of every later body."""
        dialect = self.dialect.learned(param, message)
        if dialect is None:
            return False
        self._speak(dialect)
        return True

    def learn_usage(self, usage: Usage) -> None:
        """A measured usage above the worst case makes later calls hold more than that."""
        worst, margin = self.worst, OVERRUN_MARGIN
        if usage.input_tokens > worst.input_tokens:
            worst = replace(worst, input_tokens=int(usage.input_tokens * margin))
        if usage.output_tokens > worst.output_tokens:
            worst = replace(worst, output_tokens=int(usage.output_tokens * margin))
        self.worst = worst

    def works(self) -> None:
        self.answered = True
        self._rest_s = self._resting_until = 0.0

    def rest(self, *, began: float, now: float) -> None:
        """A frame that turned to it at `began` found it down, or over its limits for longer than a frame waits: others
        go elsewhere for a while, twice as long as the last time."""
        if began <= self._rested_at:
            return
        self._rest_s = min(LONGEST_REST_S, max(FIRST_REST_S, self._rest_s * 2))
        self._rested_at, self._resting_until = now, now + self._rest_s

    def rests(self, now: float) -> bool:
        """False where it may be asked. After a rest one frame tries it, and the others wait for how that went."""
        if now < self._resting_until:
            return True
        if self._rest_s:
            self._resting_until = now + PROBE_S
        return False

    def _speak(self, dialect: Dialect) -> None:
        self.dialect, self.template = dialect, dialect.template()

    def _headers_of(self, lane: int) -> dict[str, str]:
        headers = {"Content-Type": "application/json", **self.dialect.headers, **self.endpoint.headers}
        key = self.keys.key(lane)
        if key is not None:
            name, value = self.dialect.key_header(key.secret.reveal())
            headers[name] = value
        return headers | {name: secret.reveal() for name, secret in self.endpoint.secret_headers.items()}
