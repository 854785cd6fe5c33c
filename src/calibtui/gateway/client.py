"""One completion, whatever it takes within its deadline: providers, keys, retries, and what each request has cost."""

from __future__ import annotations

import asyncio
import itertools
import random
import time
import uuid
from collections.abc import Sequence

from calibtui.core.errors import BudgetExhaustedError, CalibtuiError
from calibtui.core.money import Price
from calibtui.core.scores import Usage
from calibtui.gateway.completion import CallFailure, Completion, OnCall
from calibtui.gateway.dialects.dialect import ChatRequest, ParsedReply
from calibtui.gateway.endpoint import Endpoint
from calibtui.gateway.errors import ErrorClass, Trouble, beginning, classify
from calibtui.gateway.frame_calls import FrameCalls, Sent
from calibtui.gateway.money.charging import Charge, Payer
from calibtui.gateway.retry import RetryPolicy
from calibtui.gateway.secrets import Redactor
from calibtui.gateway.stops import STOPPING, stopping_error, unreachable
from calibtui.gateway.transport import HttpRequest, HttpResponse, Transport, TransportError
from calibtui.gateway.upstream import Target, Upstream

__all__ = ["CallFailure", "Completion", "Gateway", "OnCall", "RetryPolicy"]

GAVE_UP_WAITING = frozenset({408, 504, 524})
"""Something between us and the model lost patience: the model may have answered, and charged, all the same."""
OVERLOADED = frozenset({503, 529})
_ELSEWHERE = frozenset({ErrorClass.RATE_LIMIT, ErrorClass.UPSTREAM})
"""Trouble of the provider, not of the frame: another provider may answer."""


class Gateway:
    """Calls one model of one endpoint, and of its fallbacks while that is down or over its limits. `max_px`: the longer
    side of any image it is sent, for the worst case of a call. `payer`: who is charged; None for nobody.

    The first answer that says a budget is exhausted, a key rejected or a model unknown stops it, and so does the
    payer's own exhausted budget: every complete() that waits or comes later raises the same error, and no further
    request leaves.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        request: ChatRequest,
        price: Price,
        transport: Transport,
        *,
        max_px: int,
        retry: RetryPolicy | None = None,
        seed: int = 0,
        payer: Payer | None = None,
        concurrency: int = 1024,
        image_tokens: int | None = None,
        fallbacks: Sequence[Target] = (),
    ) -> None:
        self._retry = retry or RetryPolicy()
        self._rng = random.Random(seed)
        self._payer = payer
        targets = (Target(endpoint, request, price, transport, image_tokens), *fallbacks)
        self._upstreams = tuple(
            Upstream(target, max_px=max_px, concurrency=concurrency, rng=self._rng) for target in targets
        )
        self._redact = Redactor([secret for target in targets for secret in target.endpoint.secrets])
        # A counter, because a UUID for each call would be one more trip to the kernel's random source.
        self._run_id, self._call_numbers = uuid.uuid4().hex, itertools.count(1)
        self._stopped: CalibtuiError | None = None
        self._stop_seen = asyncio.Event()

    def __repr__(self) -> str:
        return f"Gateway({', '.join(upstream.what for upstream in self._upstreams)})"

    @property
    def endpoint(self) -> Endpoint:
        """The first provider's."""
        return self._upstreams[0].endpoint

    @property
    def request(self) -> ChatRequest:
        """What the first provider is asked."""
        return self._upstreams[0].request

    @property
    def worst(self) -> Usage:
        """The most that one call of the first provider can use, as far as is known."""
        return self._upstreams[0].worst

    @property
    def worst_micro_eur(self) -> int:
        """The most that one call can cost, whichever provider answers."""
        return max(upstream.cost(upstream.worst) for upstream in self._upstreams)

    @property
    def node(self) -> str | None:
        """The budget node that calls are charged to."""
        return self._payer.node if self._payer else None

    async def close(self) -> None:
        for transport in {id(upstream.transport): upstream.transport for upstream in self._upstreams}.values():
            await transport.close()

    def redact(self, text: str) -> str:
        """`text` without any secret of this gateway: for everything a reply says that is kept or shown."""
        return self._redact(text)

    async def complete(
        self, image: bytes, *, digest: str, deadline_s: float, on_call: OnCall
    ) -> Completion | CallFailure:
        """The completion for a JPEG, or why this frame has none, all tries within `deadline_s`.

        `on_call` is told each request that cost money or may have, before anything else happens, cancelled ones too.
        Raises BudgetExhaustedError, and JudgeFailedError for a rejected key, an unknown model or an endpoint that isn't
        there.
        """
        now = time.monotonic()
        first = self._upstreams[0]
        try_s = deadline_s * self._retry.try_share
        frame = FrameCalls(digest, image, now, now + deadline_s, try_s, on_call, first, first.dialect, now)
        left = list(self._chain(now))
        while True:
            upstream, began = left.pop(0), time.monotonic()
            share = self._retry.provider_share if left else 1.0
            frame.turn_to(upstream, began + (frame.ends - began) * share)
            outcome = await self._leg(frame, last=not left)
            if isinstance(outcome, Completion):
                return outcome
            frame.close_books(outcome.kind)
            if outcome.kind not in _ELSEWHERE:
                return CallFailure(outcome.kind, self._said(outcome))
            upstream.rest(began=began, now=time.monotonic())
            if not left:
                return CallFailure(outcome.kind, self._said(outcome))

    def _chain(self, now: float) -> Sequence[Upstream]:
        """The upstreams in the order they are tried; those that rest come last."""
        if len(self._upstreams) == 1:
            return self._upstreams
        resting = [upstream.rests(now) for upstream in self._upstreams]
        return sorted(self._upstreams, key=lambda upstream: resting[self._upstreams.index(upstream)])

    async def _leg(self, frame: FrameCalls, *, last: bool) -> Completion | Trouble:
        """What came of one provider: a completion, or the trouble that was its last word."""
        upstream = frame.upstream
        outcome: Completion | Trouble | None = None
        while True:
            asked = time.monotonic()
            async with upstream.limiter:
                frame.waited_since(asked)
                lane = await self._lane(frame)
                if lane is None:
                    return outcome or Trouble(ErrorClass.RATE_LIMIT, "told to wait past the frame's deadline", "")
                outcome = await self._try(frame, lane)
            if isinstance(outcome, Completion):
                return outcome
            wait = self._wait_after(outcome, frame, lane, last=last)
            if wait is None or time.monotonic() + wait >= frame.leg_ends:
                return outcome
            await self._sleep(wait)

    async def _lane(self, frame: FrameCalls) -> int | None:
        """A key that may be used now, waiting while all are paused; None where that lasts past the deadline."""
        keys = frame.upstream.keys
        while True:
            if self._stopped is not None:
                raise self._stopped
            now = time.monotonic()
            lane = keys.pick(now)
            if lane is not None:
                return lane if now < frame.leg_ends else None
            pause = keys.opens_at() - now
            # Everybody who waited for the same moment would else arrive at the same moment.
            wait = pause * (1 + 0.5 * self._rng.random())
            if now + wait >= frame.leg_ends:
                return None
            await self._sleep(wait)

    async def _try(self, frame: FrameCalls, lane: int) -> Completion | Trouble:
        upstream = frame.upstream
        worst = upstream.worst
        charge = await self._charge(frame, worst)
        frame.call_id = charge.call_id
        frame.tries += 1
        frame.unrecorded += 1
        frame.dialect = upstream.dialect
        sent = Sent(lane, time.monotonic(), worst, charge)
        deadline_s = max(0.001, min(frame.try_s, frame.leg_ends - sent.started))
        try:
            body = upstream.template.build(frame.image)
            request = HttpRequest(upstream.url, body, upstream.headers[lane], deadline_s)
            response = await upstream.transport.send(request)
        except TransportError as error:
            return self._unanswered(error, frame, sent)
        except BaseException:
            frame.charged("cancelled", sent)
            raise
        return self._read(response, frame, sent)

    async def _charge(self, frame: FrameCalls, worst: Usage) -> Charge:
        """The worst case of the next request, set aside. Raises BudgetExhaustedError, and what has stopped the run."""
        upstream, asked = frame.upstream, time.monotonic()
        call_id = f"{self._run_id}-{next(self._call_numbers)}"
        try:
            charge = await Charge.held(self._payer, call_id, upstream.cost(worst), upstream.what)
        except BudgetExhaustedError as error:
            raise self._stop(error, frame, ErrorClass.BUDGET) from None
        frame.waited_since(asked)
        if self._stopped is not None:
            charge.release()
            raise self._stopped
        return charge

    def _unanswered(self, error: TransportError, frame: FrameCalls, sent: Sent) -> Trouble:
        frame.upstream.keys.failed(sent.lane)
        if error.maybe_sent:
            frame.lost += 1
            frame.charged(ErrorClass.UPSTREAM, sent)
        else:
            sent.charge.release()
            frame.unrecorded -= 1
            frame.unreached += not frame.upstream.answered
        return Trouble(ErrorClass.UPSTREAM, error.message, "")

    def _read(self, response: HttpResponse, frame: FrameCalls, sent: Sent) -> Completion | Trouble:
        upstream = frame.upstream
        upstream.answered = True
        reply = upstream.dialect.parse(response.body) if response.status == 200 else None
        if reply is not None:
            return self._completion(reply, frame, sent)
        trouble = classify(response.status, response.headers, response.body, now=time.time())
        if trouble.kind is ErrorClass.RATE_LIMIT or response.status in OVERLOADED:
            upstream.limiter.throttled(sent.started, time.monotonic())
        if trouble.kind in _ELSEWHERE:
            upstream.keys.failed(sent.lane)
        if response.status < 300:
            # A success that can't be read was most likely generated, and so is charged.
            frame.unreadable += 1
            frame.charged(trouble.kind, sent)
        elif response.status in GAVE_UP_WAITING:
            frame.lost += 1
            frame.charged(trouble.kind, sent)
        else:
            sent.charge.settle(0, measured=True)
        return trouble

    def _completion(self, reply: ParsedReply, frame: FrameCalls, sent: Sent) -> Completion:
        upstream = frame.upstream
        usage = reply.usage or sent.worst
        now = time.monotonic()
        upstream.works()
        upstream.keys.worked(sent.lane)
        upstream.limiter.answered(now - sent.started)
        if usage.measured:
            upstream.learn_usage(usage)
        answered, completion_id = self._redact(reply.answered_model), self._redact(reply.completion_id)
        cost = upstream.cost(usage)
        sent.charge.settle(cost, measured=usage.measured)
        frame.record("ok", usage, sent.started, answered, completion_id)
        return Completion(
            text=reply.text,
            refusal=reply.refusal,
            finish_reason=reply.finish_reason,
            answered_model=answered or upstream.request.model,
            completion_id=completion_id,
            fingerprint=self._redact(reply.fingerprint),
            usage=usage,
            cost_micro_eur=cost,
            latency_ms=(now - sent.started) * 1000,
            provider=upstream.provider,
            tokens=reply.tokens,
            took_s=now - frame.began,
        )

    def _wait_after(self, trouble: Trouble, frame: FrameCalls, lane: int, *, last: bool) -> float | None:
        """Seconds until the next try, None where there is none. Raises what stops the whole run."""
        kind, upstream = trouble.kind, frame.upstream
        if kind in STOPPING:
            raise self._stop(stopping_error(trouble, upstream, lane, self._said(trouble)), frame, kind)
        if kind is ErrorClass.BAD_REQUEST:
            return 0.0 if self._learn(trouble, frame) else None
        if frame.unreached >= self._retry.unreachable_after:
            if last and not any(known.answered for known in self._upstreams):
                raise self._stop(unreachable(upstream, trouble), frame, kind)
            return None
        if frame.lost >= self._retry.most_lost or frame.unreadable >= self._retry.most_unreadable:
            return None
        wait = self._retry.wait_s(frame.tries, self._rng)
        if trouble.retry_after_s is None:
            return wait
        upstream.keys.pause(lane, time.monotonic() + trouble.retry_after_s)
        return 0.0 if kind is ErrorClass.RATE_LIMIT else max(wait, trouble.retry_after_s)

    def _learn(self, trouble: Trouble, frame: FrameCalls) -> bool:
        """Whether the frame's next body differs from its last, which the endpoint has refused."""
        frame.upstream.learn(trouble.param, trouble.message)
        return frame.dialect != frame.upstream.dialect

    def _stop(self, error: CalibtuiError, frame: FrameCalls, kind: ErrorClass) -> CalibtuiError:
        if self._stopped is None:
            self._stopped = error
            self._stop_seen.set()
        frame.close_books(kind)
        return self._stopped

    def _said(self, trouble: Trouble) -> str:
        return beginning(self._redact(trouble.message).encode()) or trouble.kind.value

    async def _sleep(self, seconds: float) -> None:
        """Until then, or until the run is stopped, whichever is first."""
        try:
            await asyncio.wait_for(self._stop_seen.wait(), seconds)
        except TimeoutError:
            return
