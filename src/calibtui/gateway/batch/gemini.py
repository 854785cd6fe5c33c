"""Gemini's batches: requests inline while they are few, else in an uploaded file; answers the way they were asked.

https://ai.google.dev/gemini-api/docs/batch-api: under 20 MB inline, 2 GB a file, at half the price; a batch of more
than 48 hours expires without answers. Its display name bears our mark.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec

from calibtui.gateway.batch.contract import (
    UNANSWERED,
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

LIMITS = BatchLimits(200_000, 500_000_000)
"""A quarter of the file that is taken, since an upload that breaks off begins anew; requests as on Vertex AI, for no
number is documented here."""
INLINE_BYTES = 19_000_000
_INLINE_FRAME = 64
"""Bytes that a request grows by at most when it goes inline."""
_MAX_ANSWERS_BYTES = 64 << 20
_PAGE = 10
"""Batches that went inline are listed with all their answers."""
_MOST_PAGES = 500
_JSON = {"Content-Type": "application/json"}
_VERSION = re.compile(r"v[0-9][0-9a-z]*")
_KEY, _REQUEST = b'{"key": ', b', "request": '
_HTTP_OF_RPC = {3: 400, 5: 404, 7: 403, 8: 429, 9: 400, 11: 400, 16: 401}
"""google.rpc.Code as a status of HTTP; any other is trouble at their end."""
_RPC_CANCELLED, _RPC_EXHAUSTED = 1, 8
_UNDONE = {"CANCELLED": "cancelled", "EXPIRED": "expired", "FAILED": "upstream"}


class GeminiBatches:
    """BatchApi of the Gemini API."""

    shape = FileShape(b"", b"\n", b"\n")

    def __init__(
        self, http: BatchHttp, dialect: Dialect, limits: BatchLimits = LIMITS, inline_bytes: int = INLINE_BYTES
    ) -> None:
        self._http, self.dialect, self.limits, self._inline_bytes = http, dialect, limits, inline_bytes

    def line(self, custom_id: str, image: bytes) -> bytes:
        return _KEY + json.dumps(custom_id).encode() + _REQUEST + self.dialect.template().build(image) + b"}"

    async def submit(self, batch_id: str, file: BatchFile) -> str:
        if file.size + file.requests * _INLINE_FRAME < self._inline_bytes:
            given = b'{"requests": {"requests": [' + b",".join(_inline(file)) + b"]}}"
        else:
            given = json.dumps({"file_name": await self._uploaded(batch_id, file)}).encode()
        name = json.dumps(batch_id).encode()
        body = b'{"batch": {"display_name": ' + name + b', "input_config": ' + given + b"}}"
        path = self.dialect.path.replace(":generateContent", ":batchGenerateContent")
        operation = decoded(_OPERATION_DECODER, await self._http.post(path, lambda: body))
        return operation.name.removeprefix("batches/")

    async def find(self, batch_id: str, *, requests: int, since: float) -> Found:
        after: dict[str, str] = {}
        for _ in range(_MOST_PAGES):
            body = await self._http.get("/batches", {"pageSize": str(_PAGE), **after}, _MAX_ANSWERS_BYTES)
            page = decoded(_PAGE_DECODER, body)
            for operation in page.operations:
                if operation.metadata.displayName == batch_id:
                    return Found(operation.name.removeprefix("batches/"))
            # In which order they come is not documented, so every page is read.
            if not page.nextPageToken:
                return Found(None)
            after = {"pageToken": page.nextPageToken}
        return Found(None, certain=False)

    async def poll(self, remote_id: str) -> BatchStatus:
        try:
            operation = await self._read(remote_id)
        except NotThereError as error:
            return BatchStatus(BatchState.GONE, message=error.message)
        state = operation.metadata.state.rpartition("STATE_")[2]
        stats = operation.metadata.batchStats
        total, good, bad = stats.counts()
        answers = operation.answers
        if answers.there or (operation.done and state == "SUCCEEDED"):
            return BatchStatus(BatchState.ENDED, good + bad, total)
        if state not in _UNDONE and not operation.done:
            return BatchStatus(BatchState.WORKING, good + bad, total)
        said = self._said(operation.error.message or operation.metadata.state)
        # Of a batch without answers nobody says what it cost: nothing, only where nothing was generated.
        charged = total == 0 or good > 0
        if state not in ("CANCELLED", "EXPIRED") and not charged:
            full = operation.error.code == _RPC_EXHAUSTED
            return BatchStatus(BatchState.FULL if full else BatchState.REFUSED, message=said)
        lost = BatchFailure(_UNDONE.get(state, UNANSWERED.kind), said, charged)
        return BatchStatus(BatchState.ENDED, good + bad, total, unanswered=lost)

    async def results(self, remote_id: str) -> AsyncIterator[BatchAnswer]:
        answers = (await self._read(remote_id)).answers
        for inlined in answers.inlined:
            if inlined.metadata.key:
                yield BatchAnswer(inlined.metadata.key, self._outcome(inlined))
        if answers.file:
            url = self._beside("download", f"/files/{segment(answers.file.removeprefix('files/'))}:download")
            async for line in self._http.lines(url, alt="media"):
                try:
                    result = _LINE_DECODER.decode(line)
                except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                    continue
                yield BatchAnswer(result.key, self._outcome(result))

    async def cancel(self, remote_id: str) -> None:
        await self._http.post(f"/batches/{segment(remote_id)}:cancel", b"{}")

    async def close(self) -> None:
        await self._http.close()

    async def _read(self, remote_id: str) -> _Operation:
        body = await self._http.get(f"/batches/{segment(remote_id)}", most=_MAX_ANSWERS_BYTES)
        return decoded(_OPERATION_DECODER, body)

    async def _uploaded(self, batch_id: str, file: BatchFile) -> str:
        """The name of the file over there."""
        named = json.dumps({"file": {"display_name": batch_id}}).encode()
        try:
            begin = {
                "X-Goog-Upload-Protocol": "resumable",
                "X-Goog-Upload-Command": "start",
                "X-Goog-Upload-Header-Content-Length": str(file.size),
                "X-Goog-Upload-Header-Content-Type": "application/jsonl",
            }
            headers, _ = await self._http.request("POST", self._beside("upload", "/files"), named, _JSON | begin)
            whole = {"X-Goog-Upload-Offset": "0", "X-Goog-Upload-Command": "upload, finalize"}
            _, body = await self._http.request("POST", self._upload_url(headers), file.open, whole)
            return decoded(_UPLOADED_DECODER, body).file.name
        except BatchUnavailableError as error:
            # A file by itself asks nothing, whether it arrived or not.
            error.maybe_taken = False
            raise

    def _beside(self, what: str, path: str) -> str:
        """An address of the kind /upload/v1beta/files, beside the one that models are asked at."""
        root, version = self._http.endpoint.url, "v1beta"
        before, _, last = root.rpartition("/")
        if _VERSION.fullmatch(last):
            root, version = before, last
        return f"{root}/{what}/{version}{path}"

    def _upload_url(self, headers: Mapping[str, str]) -> str:
        """Of the address that the reply names, what follows the host: pictures and key go to our endpoint alone."""
        told = urlsplit(headers.get("X-Goog-Upload-URL", ""))
        if not told.path:
            raise BatchUnavailableError(f"{self._http.endpoint.provider} names no upload address.", maybe_taken=False)
        own = urlsplit(self._beside("upload", ""))
        # A gateway that passes the provider's own address on is asked below its own path.
        before = "" if told.netloc == own.netloc else own.path.partition("/upload/")[0]
        return f"{own.scheme}://{own.netloc}{before}{told.path}?{told.query}"

    def _outcome(self, result: _Result) -> ParsedReply | BatchFailure:
        if result.error is None:
            body = bytes(result.response)
            return self.dialect.parse(body) or BatchFailure("unreadable", self._said(beginning(body)), charged=True)
        code, message = result.error.code, result.error.message
        if code == _RPC_CANCELLED:
            return BatchFailure("cancelled", self._said(message))
        status = code if code >= 100 else _HTTP_OF_RPC.get(code, 500)
        told: dict[str, Any] = {"error": {"code": status, "message": message}}
        trouble = classify(status, {}, json.dumps(told).encode(), now=time.time())
        return BatchFailure(trouble.kind.value, self._said(message), trouble=trouble)

    def _said(self, text: str) -> str:
        return beginning(self._http.redact(text).encode())


class _Stats(msgspec.Struct):
    """Counts are strings there, and those of 0 are left out."""

    requestCount: int | str = 0  # noqa: N815 - the API's own name
    successfulRequestCount: int | str = 0  # noqa: N815
    failedRequestCount: int | str = 0  # noqa: N815

    def counts(self) -> tuple[int, int, int]:
        """All, those that were answered, those that failed; each 0 where it is no number."""
        told = (self.requestCount, self.successfulRequestCount, self.failedRequestCount)
        total, good, bad = (int(count) if str(count).isdecimal() else 0 for count in told)
        return total, good, bad


class _Key(msgspec.Struct):
    key: str = ""


class _Status(msgspec.Struct):
    code: int = 0
    message: str = ""


class _Result(msgspec.Struct):
    """Inline it bears its metadata, in a file its key."""

    metadata: _Key = msgspec.field(default_factory=_Key)
    key: str = ""
    response: msgspec.Raw = msgspec.Raw(b"")
    error: _Status | None = None


class _Inlined(msgspec.Struct):
    inlinedResponses: list[_Result] = []  # noqa: N815


class _Output(msgspec.Struct):
    inlinedResponses: _Inlined | None = None  # noqa: N815
    responsesFile: str = ""  # noqa: N815

    @property
    def inlined(self) -> list[_Result]:
        return self.inlinedResponses.inlinedResponses if self.inlinedResponses else []

    @property
    def file(self) -> str:
        return self.responsesFile

    @property
    def there(self) -> bool:
        return bool(self.inlined or self.file)


class _Metadata(msgspec.Struct):
    state: str = ""
    displayName: str = ""  # noqa: N815
    batchStats: _Stats = msgspec.field(default_factory=_Stats)  # noqa: N815
    output: _Output = msgspec.field(default_factory=_Output)


class _Operation(msgspec.Struct):
    name: str
    metadata: _Metadata = msgspec.field(default_factory=_Metadata)
    done: bool = False
    response: _Output = msgspec.field(default_factory=_Output)
    error: _Status = msgspec.field(default_factory=_Status)

    @property
    def answers(self) -> _Output:
        """The operation's response, or the batch's own output, which is the same."""
        return self.response if self.response.there else self.metadata.output


class _Page(msgspec.Struct):
    operations: list[_Operation] = []
    nextPageToken: str = ""  # noqa: N815


class _File(msgspec.Struct):
    name: str


class _Uploaded(msgspec.Struct):
    file: _File


_OPERATION_DECODER = msgspec.json.Decoder(_Operation)
_PAGE_DECODER = msgspec.json.Decoder(_Page)
_LINE_DECODER = msgspec.json.Decoder(_Result)
_UPLOADED_DECODER = msgspec.json.Decoder(_Uploaded)


def _inline(file: BatchFile) -> list[bytes]:
    """The file's requests as they stand inline: under their key as metadata."""
    made = []
    with file.open() as lines:
        for line in lines:
            key, _, request = line.strip().removeprefix(_KEY).partition(_REQUEST)
            made.append(b'{"metadata": {"key": ' + key + b'}, "request": ' + request)
    return made
