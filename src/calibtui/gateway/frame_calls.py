"""The requests of one frame: how many, until when, and what each is told of as."""

from __future__ import annotations

import time
from dataclasses import dataclass

from calibtui.core.scores import CallRecord, Usage
from calibtui.gateway.completion import OnCall
from calibtui.gateway.dialects.dialect import Dialect
from calibtui.gateway.money.charging import Charge
from calibtui.gateway.upstream import Upstream


@dataclass(slots=True)
class FrameCalls:
    """What one frame has been through so far; from `upstream` on, with that one alone. `leg_ends`: its deadline there.

    Waiting for money, or for a turn, moves both ends: a deadline is for the judge's trouble, not for our own limits.
    """

    digest: str
    image: bytes
    began: float
    ends: float
    try_s: float
    on_call: OnCall
    upstream: Upstream
    dialect: Dialect
    leg_ends: float
    call_id: str = ""
    unrecorded: int = 0
    tries: int = 0
    lost: int = 0
    unreadable: int = 0
    unreached: int = 0

    def turn_to(self, upstream: Upstream, ends: float) -> None:
        """From now on with `upstream` alone, until `ends`."""
        self.upstream, self.dialect, self.leg_ends = upstream, upstream.dialect, ends
        self.tries = self.lost = self.unreadable = self.unreached = 0

    def waited_since(self, started: float) -> None:
        """The time since then counts against no deadline."""
        waited = time.monotonic() - started
        self.began += waited
        self.ends += waited
        self.leg_ends += waited

    def record(self, status: str, usage: Usage, started: float, answered: str = "", completion_id: str = "") -> None:
        """Tells of the last request, and of those before it that were not told of yet."""
        upstream = self.upstream
        record = CallRecord(
            call_id=self.call_id,
            digest=self.digest,
            provider=upstream.provider,
            requested_model=upstream.request.model,
            answered_model=answered,
            completion_id=completion_id,
            status=str(status),
            attempts=self.unrecorded,
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
            measured=usage.measured,
            cost_micro_eur=upstream.cost(usage),
            latency_ms=(time.monotonic() - started) * 1000,
            at=time.time(),
        )
        self.unrecorded = 0
        self.on_call(record)

    def charged(self, status: str, sent: Sent) -> None:
        """Nobody knows what the request came to: its worst case."""
        sent.charge.settle(self.upstream.cost(sent.worst), measured=False)
        self.record(status, sent.worst, sent.started)

    def close_books(self, status: str) -> None:
        """Tries that were answered with an error cost nothing, and still count as traffic."""
        if self.unrecorded:
            self.record(status, Usage(0, 0), time.monotonic())


@dataclass(frozen=True, slots=True)
class Sent:
    """A request that may have left: through which key, since when, held at which worst case."""

    lane: int
    started: float
    worst: Usage
    charge: Charge
