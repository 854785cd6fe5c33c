"""How many requests an endpoint is sent at once: more while its latency holds, half of them when it says too many.

Additive increase and multiplicative decrease, as TCP does it (Chiu & Jain, 1989): one more for every reply until the
first trouble, then one more for every round of replies.
"""

from __future__ import annotations

import asyncio
import types
from collections import deque
from dataclasses import dataclass, replace

FIRST = 16
TOLERANCE = 2.0
SLACK_S = 0.25
"""Latency holds while its average is under `TOLERANCE` times the best average so far plus this: a judge takes seconds,
and on a busy machine a few milliseconds are noise."""
_WEIGHT = 0.1
_FORGET = 1.002
"""The best average is let go of by this factor a reply, so that an hour's luck is no measure of the next."""


@dataclass(frozen=True, slots=True)
class Concurrency:
    """The limit now, and what it is made from. Times are of the caller's monotonic clock, s."""

    ceiling: int
    limit: float
    starting: bool = True
    latency_s: float | None = None
    best_s: float | None = None
    halved_at: float = float("-inf")

    @classmethod
    def up_to(cls, ceiling: int) -> Concurrency:
        return cls(ceiling, float(min(FIRST, ceiling)))

    @property
    def slots(self) -> int:
        return max(1, int(self.limit))

    def answered(self, latency_s: float, in_use: int) -> Concurrency:
        """After a completion that took `latency_s`, with `in_use` requests out when it came."""
        average = latency_s if self.latency_s is None else self.latency_s + _WEIGHT * (latency_s - self.latency_s)
        best = average if self.best_s is None else min(self.best_s * _FORGET, average)
        limit, starting = self.limit, self.starting
        if average > best * TOLERANCE + SLACK_S:
            starting = False
        elif in_use >= self.slots:
            # A limit that isn't reached has proved nothing.
            limit = min(float(self.ceiling), limit + (1.0 if starting else 1.0 / limit))
        return Concurrency(self.ceiling, limit, starting, average, best, self.halved_at)

    def throttled(self, sent_at: float, now: float) -> Concurrency:
        """After an answer of "too many": once for all requests that left before it took effect."""
        if sent_at <= self.halved_at:
            return self
        return replace(self, limit=max(1.0, self.limit / 2), starting=False, halved_at=now)


class AdaptiveLimiter:
    """`async with limiter:` around a request; first come, first served. One event loop's."""

    def __init__(self, ceiling: int) -> None:
        self.state = Concurrency.up_to(ceiling)
        self.in_use = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def __aenter__(self) -> None:
        if self.in_use < self.state.slots and not self._waiting:
            self.in_use += 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._leave()
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: types.TracebackType | None
    ) -> None:
        self._leave()

    def answered(self, latency_s: float) -> None:
        self.state = self.state.answered(latency_s, self.in_use)
        self._admit()

    def throttled(self, sent_at: float, now: float) -> None:
        self.state = self.state.throttled(sent_at, now)

    def _leave(self) -> None:
        self.in_use -= 1
        self._admit()

    def _admit(self) -> None:
        while self._waiting and self.in_use < self.state.slots:
            turn = self._waiting.popleft()
            if not turn.done():
                self.in_use += 1
                turn.set_result(None)
