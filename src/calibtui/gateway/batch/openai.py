"""OpenAI's batches: a JSON-lines file handed in, files with results and errors fetched.

https://platform.openai.com/docs/api-reference/batch: at most 50,000 requests and 200 MB a file, 16 pairs of metadata a
batch, a window of 24 hours; what is not answered by then is in the error file as batch_expired, and costs nothing.
"""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import aiohttp
import msgspec

from calibtui.gateway.batch.contract import (
    BatchAnswer,
    BatchFailure,
    BatchFile,
    BatchLimits,
    BatchState,
    BatchStatus,
    BatchUnavailableError,
    FileShape,
    Found,
)
from calibtui.gateway.batch.http import BatchHttp, NotThereError, decoded, segment
from calibtui.gateway.dialects.dialect import Dialect, ParsedReply
from calibtui.gateway.errors import beginning, classify

LIMITS = BatchLimits(50_000, 200_000_000)
MARK = "calibtui_batch"
_PAGE = 100
_MOST_PAGES = 50
_CLOCK_S = 3600.0
"""Their clock and ours may differ; a batch older than ours by more than this is not ours."""
_FULL = "token_limit_exceeded"
"""More tokens wait in an organisation's batches of a model than may: seen only when a batch is validated."""
_ENDED = frozenset({"completed", "expired", "cancelled"})
_UNDONE = {"batch_expired": "expired", "batch_cancelled": "cancelled"}


class OpenAiBatches:
    """BatchApi of OpenAI and those that speak like it."""

    shape = FileShape(b"", b"\n", b"\n")

    def __init__(self, http: BatchHttp, dialect: Dialect, limits: BatchLimits = LIMITS) -> None:
        self._http, self.dialect, self.limits = http, dialect, limits
        # The endpoint of a request is named as at the provider itself, whatever the path of a gateway before it.
        version = urlsplit(http.endpoint.url).path.rstrip("/").rpartition("/")[2]
        self._endpoint = f"/{version if version.startswith('v') else 'v1'}{dialect.path}"

    def line(self, custom_id: str, image: bytes) -> bytes:
        head = {"custom_id": custom_id, "method": "POST", "url": self._endpoint}
        return json.dumps(head)[:-1].encode() + b', "body": ' + self.dialect.template().build(image) + b"}"

    async def submit(self, batch_id: str, file: BatchFile) -> str:
        try:
            uploaded = _identified(await self._http.post("/files", lambda: _form(batch_id, file), json=False))
        except BatchUnavailableError as error:
            # A file by itself asks nothing, whether it arrived or not.
            raise BatchUnavailableError(error.message, maybe_taken=False) from error
        wanted = {"input_file_id": uploaded, "endpoint": self._endpoint, "completion_window": "24h"}
        body = json.dumps({**wanted, "metadata": {MARK: batch_id}}).encode()
        return _identified(await self._http.post("/batches", body))

    async def find(self, batch_id: str, *, requests: int, since: float) -> Found:
        after: dict[str, str] = {}
        for _ in range(_MOST_PAGES):
            page = decoded(_PAGE_DECODER, await self._http.get("/batches", {"limit": str(_PAGE), **after}))
            for batch in page.data:
                if (batch.metadata or {}).get(MARK) == batch_id:
                    return Found(batch.id)
            oldest = page.data[-1].created_at if page.data else 0.0
            if not page.has_more or not page.data or oldest < since - _CLOCK_S:
                return Found(None)
            after = {"after": page.data[-1].id}
        return Found(None, certain=False)

    async def poll(self, remote_id: str) -> BatchStatus:
        try:
            batch = await self._read(remote_id)
        except NotThereError as error:
            return BatchStatus(BatchState.GONE, message=error.message)
        counts = batch.request_counts or _Counts()
        if batch.status == "failed":
            errors = (batch.errors or _Errors()).data
            said = self._said("; ".join(error.message or "" for error in errors[:3]))
            full = any(error.code == _FULL for error in errors)
            return BatchStatus(BatchState.FULL if full else BatchState.REFUSED, message=said)
        state = BatchState.ENDED if batch.status in _ENDED else BatchState.WORKING
        return BatchStatus(state, counts.completed + counts.failed, counts.total)

    async def results(self, remote_id: str) -> AsyncIterator[BatchAnswer]:
        batch = await self._read(remote_id)
        for name in (batch.output_file_id, batch.error_file_id):
            if name:
                async for line in self._http.lines(f"{self._http.endpoint.url}/files/{segment(name)}/content"):
                    answer = self._answer(line)
                    if answer is not None:
                        yield answer

    async def cancel(self, remote_id: str) -> None:
        await self._http.post(f"/batches/{segment(remote_id)}/cancel", b"{}")

    async def close(self) -> None:
        await self._http.close()

    async def _read(self, remote_id: str) -> _Batch:
        return decoded(_BATCH_DECODER, await self._http.get(f"/batches/{segment(remote_id)}"))

    def _said(self, text: str | None) -> str:
        return beginning(self._http.redact(text or "").encode())

    def _answer(self, line: bytes) -> BatchAnswer | None:
        """None for a line that names no request: its call then counts as unanswered."""
        try:
            result = _LINE_DECODER.decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None
        if result.error is not None and result.error.code in _UNDONE:
            return BatchAnswer(
                result.custom_id, BatchFailure(_UNDONE[result.error.code], self._said(result.error.message))
            )
        if result.response is None:
            said = self._said(result.error.message if result.error else "")
            return BatchAnswer(result.custom_id, BatchFailure("upstream", said))
        return BatchAnswer(result.custom_id, self._outcome(result.response))

    def _outcome(self, response: _Response) -> ParsedReply | BatchFailure:
        body = bytes(response.body)
        reply = self.dialect.parse(body) if response.status_code == 200 else None
        if reply is not None:
            return reply
        trouble = classify(response.status_code, {}, body, now=time.time())
        charged = response.status_code < 300
        return BatchFailure(trouble.kind.value, self._said(trouble.message), charged, trouble)


class _Counts(msgspec.Struct):
    total: int = 0
    completed: int = 0
    failed: int = 0


class _Error(msgspec.Struct):
    code: str | None = None
    message: str | None = None


class _Errors(msgspec.Struct):
    data: list[_Error] = []


class _Batch(msgspec.Struct):
    id: str
    status: str
    created_at: float = 0.0
    output_file_id: str | None = None
    error_file_id: str | None = None
    request_counts: _Counts | None = None
    errors: _Errors | None = None
    metadata: dict[str, str] | None = None


class _Page(msgspec.Struct):
    data: list[_Batch]
    has_more: bool = False


class _Identified(msgspec.Struct):
    id: str


class _Response(msgspec.Struct):
    status_code: int
    body: msgspec.Raw = msgspec.Raw(b"")


class _Line(msgspec.Struct):
    custom_id: str
    response: _Response | None = None
    error: _Error | None = None


_BATCH_DECODER = msgspec.json.Decoder(_Batch)
_PAGE_DECODER = msgspec.json.Decoder(_Page)
_IDENTIFIED_DECODER = msgspec.json.Decoder(_Identified)
_LINE_DECODER = msgspec.json.Decoder(_Line)


def _form(batch_id: str, file: BatchFile) -> aiohttp.FormData:
    form = aiohttp.FormData()
    form.add_field("purpose", "batch")
    form.add_field("file", file.open(), filename=f"{batch_id}.jsonl", content_type="application/jsonl")
    return form


def _identified(body: bytes) -> str:
    return decoded(_IDENTIFIED_DECODER, body).id
