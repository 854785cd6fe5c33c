"""One completion, whatever it takes within its deadline: keys, retries, and what each request has cost."""

from __future__ import annotations

import asyncio
import itertools
import random
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass

from calibtui.core.errors import BudgetExhaustedError, CalibtuiError, JudgeFailedError
from calibtui.core.money import Price
from calibtui.core.scores import CallRecord, Usage
from calibtui.gateway.endpoint import Endpoint
from calibtui.gateway.errors import ErrorClass, Trouble, beginning, classify
from calibtui.gateway.keyring import KeyRing
from calibtui.gateway.openai import ChatRequest, Dialect, ParsedReply, body_template, learned, parse_reply
from calibtui.gateway.prices import worst_case
from calibtui.gateway.secrets import Redactor
from calibtui.gateway.transport import HttpRequest, HttpResponse, Transport, TransportError

OnCall = Callable[[CallRecord], None]

GAVE_UP_WAITING = frozenset({408, 504, 524})
"""Something between us and the model lost patience: the model may have answered, and charged, all the same."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Waits double from `first_wait_s` to `longest_wait_s`, each drawn between half and all of that.

    `most_lost`: requests of one frame that may have been charged without a reply, before the frame is given up.
    `most_unreadable`: replies of one frame that were no completion. `unreachable_after`: tries that found nobody there,
    before the endpoint has ever answered anything, that end the run. One try gets at most `try_share` of the deadline.
    """

    first_wait_s: float = 0.5
    longest_wait_s: float = 20.0
    most_lost: int = 3
    most_unreadable: int = 2
    unreachable_after: int = 5
    try_share: float = 0.5


@dataclass(frozen=True, slots=True)
class Completion:
    """What came back, as text of a stranger. `usage.measured` is False where the worst case stands in."""

    text: str | None
    refusal: str | None
    finish_reason: str
    answered_model: str
    completion_id: str
    fingerprint: str
    usage: Usage
    cost_micro_eur: int
    latency_ms: float


@dataclass(frozen=True, slots=True)
class CallFailure:
    """This frame got no completion; the run may go on. `message` is redacted and short."""

    kind: ErrorClass
    message: str


@dataclass(slots=True)
class _Frame:
    """What one frame has been through so far."""

    digest: str
    image: bytes
    ends: float
    try_s: float
    on_call: OnCall
    dialect: Dialect
    unrecorded: int = 0
    tries: int = 0
    lost: int = 0
    unreadable: int = 0
    unreached: int = 0


class Gateway:
    """Calls one model of one endpoint. `max_px`: the longer side of any image it is sent, for the worst case of a call.

    The first answer that says a budget is exhausted, a key rejected or a model unknown stops it: every complete() that
    waits or comes later raises the same error, and no further request leaves.
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
    ) -> None:
        self.endpoint = endpoint
        self.request = request
        self.worst = worst_case(request.model, max_px, max_px, request.text_bytes, request.max_tokens)
        self._price = price
        self._transport = transport
        self._retry = retry or RetryPolicy()
        self._rng = random.Random(seed)
        self._keys = KeyRing(endpoint.keys, self._rng)
        self._redact = Redactor(endpoint.secrets)
        self._dialect = Dialect()
        self._template = body_template(request, self._dialect)
        self._headers = [self._headers_of(lane) for lane in range(max(1, len(endpoint.keys)))]
        # A counter, because a UUID for each call would be one more trip to the kernel's random source.
        self._run_id, self._call_numbers = uuid.uuid4().hex, itertools.count(1)
        self._answered = False
        self._stopped: CalibtuiError | None = None
        self._stop_seen = asyncio.Event()

    def __repr__(self) -> str:
        return f"Gateway({self.endpoint.provider}, {self.request.model})"

    async def close(self) -> None:
        await self._transport.close()

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
        ends, try_s = time.monotonic() + deadline_s, deadline_s * self._retry.try_share
        frame = _Frame(digest, image, ends, try_s, on_call, self._dialect)
        while True:
            lane = await self._lane(frame)
            if lane is None:
                return self._given_up(
                    frame, Trouble(ErrorClass.RATE_LIMIT, "told to wait past the frame's deadline", "")
                )
            outcome = await self._try(frame, lane)
            if isinstance(outcome, Completion):
                return outcome
            wait = self._wait_after(outcome, frame, lane)
            if wait is None or time.monotonic() + wait >= frame.ends:
                return self._given_up(frame, outcome)
            await self._sleep(wait)

    async def _lane(self, frame: _Frame) -> int | None:
        """A key that may be used now, waiting while all are paused; None where that lasts past the deadline."""
        while True:
            if self._stopped is not None:
                raise self._stopped
            now = time.monotonic()
            lane = self._keys.pick(now)
            if lane is not None:
                return lane if now < frame.ends else None
            pause = self._keys.opens_at() - now
            # Everybody who waited for the same moment would else arrive at the same moment.
            wait = pause * (1 + 0.5 * self._rng.random())
            if now + wait >= frame.ends:
                return None
            await self._sleep(wait)

    async def _try(self, frame: _Frame, lane: int) -> Completion | Trouble:
        frame.tries += 1
        frame.unrecorded += 1
        frame.dialect = self._dialect
        started = time.monotonic()
        deadline_s = max(0.001, min(frame.try_s, frame.ends - started))
        request = HttpRequest(self.endpoint.url, self._template.build(frame.image), self._headers[lane], deadline_s)
        try:
            response = await self._transport.send(request)
        except TransportError as error:
            return self._unanswered(error, frame, started)
        except asyncio.CancelledError:
            self._record(frame, "cancelled", self.worst, started)
            raise
        self._answered = True
        return self._read(response, frame, started)

    def _unanswered(self, error: TransportError, frame: _Frame, started: float) -> Trouble:
        if error.maybe_sent:
            frame.lost += 1
            self._record(frame, ErrorClass.UPSTREAM, self.worst, started)
        else:
            frame.unrecorded -= 1
            frame.unreached += not self._answered
        return Trouble(ErrorClass.UPSTREAM, error.message, "")

    def _read(self, response: HttpResponse, frame: _Frame, started: float) -> Completion | Trouble:
        reply = parse_reply(response.body) if response.status == 200 else None
        if reply is not None:
            return self._completion(reply, frame, started)
        trouble = classify(response.status, response.headers, response.body, now=time.time())
        if response.status < 300:
            # A success that can't be read was most likely generated, and so is charged.
            frame.unreadable += 1
            self._record(frame, trouble.kind, self.worst, started)
        elif response.status in GAVE_UP_WAITING:
            frame.lost += 1
            self._record(frame, trouble.kind, self.worst, started)
        return trouble

    def _completion(self, reply: ParsedReply, frame: _Frame, started: float) -> Completion:
        usage = reply.usage or self.worst
        answered, completion_id = self._redact(reply.answered_model), self._redact(reply.completion_id)
        cost = self._record(frame, "ok", usage, started, answered, completion_id)
        return Completion(
            text=reply.text,
            refusal=reply.refusal,
            finish_reason=reply.finish_reason,
            answered_model=answered or self.request.model,
            completion_id=completion_id,
            fingerprint=self._redact(reply.fingerprint),
            usage=usage,
            cost_micro_eur=cost,
            latency_ms=(time.monotonic() - started) * 1000,
        )

    def _wait_after(self, trouble: Trouble, frame: _Frame, lane: int) -> float | None:
        """Seconds until the next try, None where there is none. Raises what stops the whole run."""
        kind = trouble.kind
        if kind in (ErrorClass.BUDGET, ErrorClass.AUTH, ErrorClass.MODEL):
            raise self._stop(self._stopping_error(trouble, lane), frame, kind)
        if kind is ErrorClass.BAD_REQUEST:
            return 0.0 if self._learn(trouble, frame) else None
        if frame.unreached >= self._retry.unreachable_after:
            raise self._stop(self._unreachable(trouble), frame, kind)
        if frame.lost >= self._retry.most_lost or frame.unreadable >= self._retry.most_unreadable:
            return None
        longest = min(self._retry.longest_wait_s, self._retry.first_wait_s * 2.0 ** min(frame.tries - 1, 16))
        wait: float = longest * (0.5 + 0.5 * self._rng.random())
        if trouble.retry_after_s is None:
            return wait
        self._keys.pause(lane, time.monotonic() + trouble.retry_after_s)
        return 0.0 if kind is ErrorClass.RATE_LIMIT else max(wait, trouble.retry_after_s)

    def _learn(self, trouble: Trouble, frame: _Frame) -> bool:
        """Takes a refused parameter out of every later body; whether the frame's next body differs from its last."""
        dialect = learned(self._dialect, trouble.param, trouble.message)
        if dialect is not None:
            self._dialect, self._template = dialect, body_template(self.request, dialect)
        return frame.dialect != self._dialect

    def _stop(self, error: CalibtuiError, frame: _Frame, kind: ErrorClass) -> CalibtuiError:
        if self._stopped is None:
            self._stopped = error
            self._stop_seen.set()
        self._close_books(frame, kind)
        return self._stopped

    def _stopping_error(self, trouble: Trouble, lane: int) -> CalibtuiError:
        provider, model = self.endpoint.provider, self.request.model
        said = self._said(trouble)
        if trouble.kind is ErrorClass.BUDGET:
            message = f"The budget of the key at {provider} is exhausted: {said}"
            return BudgetExhaustedError(
                message, f"{trouble.hint} Every score so far is kept; the same command resumes."
            )
        if trouble.kind is ErrorClass.AUTH:
            key = self._keys.key(lane)
            which = f"the key in {key.secret.source}" if key else "a call without a key"
            return JudgeFailedError(f"{provider} rejected {which}: {said}", trouble.hint)
        return JudgeFailedError(f"{provider} does not serve {model} at {self.endpoint.url}: {said}", trouble.hint)

    def _unreachable(self, trouble: Trouble) -> CalibtuiError:
        return JudgeFailedError(
            f"{self.endpoint.provider} can't be reached at {self.endpoint.url}: {trouble.message}.",
            f"Check base_url in [providers.{self.endpoint.provider}], the network, and that the server runs.",
        )

    def _given_up(self, frame: _Frame, trouble: Trouble) -> CallFailure:
        self._close_books(frame, trouble.kind)
        return CallFailure(trouble.kind, self._said(trouble))

    def _close_books(self, frame: _Frame, kind: ErrorClass) -> None:
        """Tries that were answered with an error cost nothing, and still count as traffic."""
        if frame.unrecorded:
            self._record(frame, kind, Usage(0, 0), time.monotonic())

    def _said(self, trouble: Trouble) -> str:
        return beginning(self._redact(trouble.message).encode()) or trouble.kind.value

    def _record(
        self, frame: _Frame, status: str, usage: Usage, started: float, answered: str = "", completion_id: str = ""
    ) -> int:
        cost = self._price.cost(usage.input_tokens, usage.output_tokens)
        record = CallRecord(
            call_id=f"{self._run_id}-{next(self._call_numbers)}",
            digest=frame.digest,
            provider=self.endpoint.provider,
            requested_model=self.request.model,
            answered_model=answered,
            completion_id=completion_id,
            status=str(status),
            attempts=frame.unrecorded,
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
            measured=usage.measured,
            cost_micro_eur=cost,
            latency_ms=(time.monotonic() - started) * 1000,
            at=time.time(),
        )
        frame.unrecorded = 0
        frame.on_call(record)
        return cost

    async def _sleep(self, seconds: float) -> None:
        """Until then, or until the run is stopped, whichever is first."""
        try:
            await asyncio.wait_for(self._stop_seen.wait(), seconds)
        except TimeoutError:
            return

    def _headers_of(self, lane: int) -> dict[str, str]:
        headers = {"Content-Type": "application/json", **self.endpoint.headers}
        headers |= {name: secret.reveal() for name, secret in self.endpoint.secret_headers.items()}
        key = self._keys.key(lane)
        if key is not None:
            headers["Authorization"] = f"Bearer {key.secret.reveal()}"
        return headers
