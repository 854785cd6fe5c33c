"""What the batch APIs have in common: requests wait, then each is answered, expires or is cancelled."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from aiohttp import web

from calibtui.practice.judging import Judging
from calibtui.practice.trouble import share
from calibtui.practice.wordings.wording import Refused, Wording

_LOOK_S = 0.05
Handle = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Asked:
    """One request of a batch: `body` as it would be sent by itself."""

    custom_id: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Outcome:
    """`status` and `body` are of an answer, 0 and empty without one."""

    custom_id: str
    kind: Literal["answered", "expired", "cancelled"]
    status: int = 0
    body: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Batch:
    """`state`: waiting, then working or cancelling, then ended. `problem`: why it was turned down as a whole, with a
    code; `tokens`: of all its requests, where there is a limit on them."""

    id: str
    requests: Sequence[Asked]
    created_at: float = field(default_factory=time.time)
    state: Literal["working", "cancelling", "ended"] = "working"
    outcomes: list[Outcome] = field(default_factory=list)
    problem: tuple[str, str] | None = None
    tokens: int = 0

    def of(self, kind: str) -> list[Outcome]:
        return [outcome for outcome in self.outcomes if outcome.kind == kind]


class Working:
    """All batches of one API in one server."""

    def __init__(self, judging: Judging, wording: Wording, admitted: Callable[[web.Request, Wording], bool]) -> None:
        self.judging, self.wording, self._admitted = judging, wording, admitted
        self.batches: dict[str, Batch] = {}
        self._handed_in: Counter[str] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()

    def close(self) -> None:
        for task in self._tasks:
            task.cancel()

    def guarded(self, handle: Handle) -> Handle:
        """`handle` for those who bear the key."""

        async def guarded(request: web.Request) -> web.StreamResponse:
            if not self._admitted(request, self.wording):
                return self.refuse(Refused(401, "Incorrect API key provided.", code="invalid_api_key"))
            return await handle(request)

        return guarded

    def refuse(self, refused: Refused) -> web.Response:
        status, body = self.judging.refused(self.wording, refused)
        return web.json_response(body, status=status)

    async def take(self, batch: Batch) -> bool:
        """Enters the batch and begins with it; False where its tokens don't fit beside those that wait already."""
        limit = self.judging.options.batch_token_limit
        if limit:
            for request in batch.requests:
                batch.tokens += await self.judging.input_tokens(self.wording, request.body)
            queued = sum(other.tokens for other in self.batches.values() if other.state != "ended")
            if queued + batch.tokens > limit:
                self.judging.books.turned_down += 1
                return False
        self.batches[batch.id] = batch
        self.judging.books.batches += 1
        task = asyncio.create_task(self._work(batch))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return True

    async def before_reply(self) -> None:
        """What was handed in is there before its sender knows."""
        await asyncio.sleep(self.judging.options.latency_ms / 1000)

    def newest_first(self) -> list[Batch]:
        return list(reversed(self.batches.values()))

    def shuffled(self, batch: Batch) -> list[Outcome]:
        """In no order that anybody could rely on."""
        seed = self.judging.options.seed
        return sorted(batch.outcomes, key=lambda outcome: share(seed, "order", outcome.custom_id, 1))

    async def _work(self, batch: Batch) -> None:
        ends = time.monotonic() + self.judging.options.batch_delay_ms / 1000
        while time.monotonic() < ends and batch.state != "cancelling":  # noqa: ASYNC110 - cancelled over HTTP
            await asyncio.sleep(min(_LOOK_S, max(0.0, ends - time.monotonic())))
        for request in batch.requests:
            batch.outcomes.append(await self._outcome(batch, request))
        batch.state = "ended"

    async def _outcome(self, batch: Batch, request: Asked) -> Outcome:
        if batch.state == "cancelling":
            return Outcome(request.custom_id, "cancelled")
        if self._expires(request.body):
            return Outcome(request.custom_id, "expired")
        self.judging.books.requests += 1
        status, body = await self.judging.answer(self.wording, request.body)
        return Outcome(request.custom_id, "answered", status, body)

    def _expires(self, body: bytes) -> bool:
        digest = hashlib.sha256(body).hexdigest()
        self._handed_in[digest] += 1
        options = self.judging.options
        return share(options.seed, "expire", digest, self._handed_in[digest]) < options.batch_expire_rate


async def read_bounded(request: web.Request, most: int) -> bytes | None:
    """The body, None where it is larger than `most` bytes."""
    content = bytearray()
    async for chunk in request.content.iter_chunked(1 << 18):
        content += chunk
        if len(content) > most:
            return None
    return bytes(content)


def page_of(batches: Sequence[Batch], after: str | None, limit: str, most: int) -> tuple[list[Batch], bool]:
    """Those that follow the one with the id `after`, at most as many as `limit` says, and whether there are more."""
    places = [place for place, batch in enumerate(batches) if batch.id == after]
    rest = list(batches[places[0] + 1 :]) if places else list(batches)
    page = rest[: max(1, min(most, int(limit) if limit.isdecimal() else 20))]
    return page, len(page) < len(rest)
