"""Anthropic's message batches: requests inline in one body, results as JSON lines.

https://platform.claude.com/docs/en/build-with-claude/batch-processing: at most 100,000 requests or 256 MB, a window of
24 hours; errored, cancelled and expired requests are not billed. A batch has no room for a mark of ours, so one whose
id was never learned is known by the custom ids in its results, once it has ended.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import AsyncGenerator
from datetime import UTC, datetime

import msgspec

from calibtui.gateway.batch.contract import (
    BatchAnswer,
    BatchFailure,
    BatchFile,
    BatchLimits,
    BatchState,
    BatchStatus,
    FileShape,
    Found,
)
from calibtui.gateway.batch.http import BatchHttp, NotThereError, decoded, segment
from calibtui.gateway.dialects.dialect import Dialect, ParsedReply
from calibtui.gateway.errors import beginning, classify

LIMITS = BatchLimits(100_000, 256_000_000)
_PAGE = 100
_MOST_PAGES = 50
_CLOCK_S = 3600.0
_ENDED = "ended"
_BATCHES = "/messages/batches"
_UNDONE = {"canceled": "cancelled", "expired": "expired"}
_OVERLOADED = 529


class AnthropicBatches:
    """BatchApi of Anthropic."""

    shape = FileShape(b'{"requests": [', b",", b"]}")

    def __init__(self, http: BatchHttp, dialect: Dialect, limits: BatchLimits = LIMITS) -> None:
        self._http, self.dialect, self.limits = http, dialect, limits

    def line(self, custom_id: str, image: bytes) -> bytes:
        head = json.dumps({"custom_id": custom_id})[:-1].encode()
        return head + b', "params": ' + self.dialect.template().build(image) + b"}"

    async def submit(self, batch_id: str, file: BatchFile) -> str:
        return decoded(_BATCH_DECODER, await self._http.post(_BATCHES, file.open)).id

    async def find(self, batch_id: str, *, requests: int, since: float) -> Found:
        after: dict[str, str] = {}
        certain = True
        for _ in range(_MOST_PAGES):
            page = decoded(_PAGE_DECODER, await self._http.get(_BATCHES, {"limit": str(_PAGE), **after}))
            for batch in page.data:
                if _seconds(batch.created_at) < since - _CLOCK_S:
                    return Found(None, certain)
                if batch.request_counts.total != requests:
                    continue
                if batch.processing_status != _ENDED:
                    certain = False
                elif await self._is_ours(batch.id, batch_id):
                    return Found(batch.id)
            if not page.has_more or not page.data:
                return Found(None, certain)
            after = {"after_id": page.data[-1].id}
        return Found(None, certain=False)

    async def poll(self, remote_id: str) -> BatchStatus:
        try:
            batch = decoded(_BATCH_DECODER, await self._http.get(f"{_BATCHES}/{segment(remote_id)}"))
        except NotThereError as error:
            return BatchStatus(BatchState.GONE, message=error.message)
        if batch.archived_at:
            return BatchStatus(BatchState.GONE, message="its results were deleted")
        state = BatchState.ENDED if batch.processing_status == _ENDED else BatchState.WORKING
        counts = batch.request_counts
        return BatchStatus(state, counts.total - counts.processing, counts.total)

    async def results(self, remote_id: str) -> AsyncGenerator[BatchAnswer, None]:
        # Built from the id and not taken from results_url: the key goes to no address that a reply names.
        async for line in self._http.lines(f"{self._http.endpoint.url}{_BATCHES}/{segment(remote_id)}/results"):
            try:
                result = _LINE_DECODER.decode(line)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                continue
            yield BatchAnswer(result.custom_id, self._outcome(result.result))

    async def cancel(self, remote_id: str) -> None:
        await self._http.post(f"{_BATCHES}/{segment(remote_id)}/cancel", b"")

    async def close(self) -> None:
        await self._http.close()

    async def _is_ours(self, remote_id: str, batch_id: str) -> bool:
        async with contextlib.aclosing(self.results(remote_id)) as answers:
            async for answer in answers:
                return answer.custom_id.startswith(f"{batch_id}-")
        return False

    def _outcome(self, result: _Result) -> ParsedReply | BatchFailure:
        if result.type == "succeeded":
            reply = self.dialect.parse(bytes(result.message))
            return reply or BatchFailure("unreadable", beginning(bytes(result.message)), charged=True)
        if result.type in _UNDONE:
            return BatchFailure(_UNDONE[result.type], "")
        if result.type != "errored":
            return BatchFailure("unreadable", beginning(result.type.encode()), charged=True)
        body = bytes(result.error)
        # The line has the error's type and no status: only a request that was wrong in itself is a 400.
        status = 400 if b"invalid_request_error" in body else _OVERLOADED
        trouble = classify(status, {}, body, now=time.time())
        said = beginning(self._http.redact(trouble.message).encode())
        return BatchFailure(trouble.kind.value, said, trouble=trouble)


class _Counts(msgspec.Struct):
    processing: int = 0
    succeeded: int = 0
    errored: int = 0
    canceled: int = 0
    expired: int = 0

    @property
    def total(self) -> int:
        return self.processing + self.succeeded + self.errored + self.canceled + self.expired


class _Batch(msgspec.Struct):
    id: str
    processing_status: str
    request_counts: _Counts
    created_at: str = ""
    archived_at: str | None = None


class _Page(msgspec.Struct):
    data: list[_Batch]
    has_more: bool = False


class _Result(msgspec.Struct):
    type: str
    message: msgspec.Raw = msgspec.Raw(b"")
    error: msgspec.Raw = msgspec.Raw(b"")


class _Line(msgspec.Struct):
    custom_id: str
    result: _Result


_BATCH_DECODER = msgspec.json.Decoder(_Batch)
_PAGE_DECODER = msgspec.json.Decoder(_Page)
_LINE_DECODER = msgspec.json.Decoder(_Line)


def _seconds(text: str) -> float:
    """Of an RFC 3339 time, UTC; now where it is none, so that nothing is ruled out by it."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return time.time()
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
