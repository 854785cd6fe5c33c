"""Files and batches as Google's Gemini API has them: https://ai.google.dev/gemini-api/docs/batch-api

Requests come inline, or in a file of JSON lines that is uploaded in two steps; answers go back the way they came.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
from aiohttp import web

from calibtui.practice.batches.working import Asked, Batch, Outcome, Working, page_of, read_bounded
from calibtui.practice.wordings.wording import MODEL, Refused

MAX_INLINE_BYTES = 20_000_000
MAX_FILE_BYTES = 2_000_000_000
_RPC_CODES = {400: 3, 404: 5, 429: 8, 500: 13}
"""Of google.rpc.Code, which the error of a single request is told in."""
_CANCELLED = {"code": 1, "message": "The request was cancelled."}


class _Metadata(msgspec.Struct):
    key: str


class _Inline(msgspec.Struct):
    request: msgspec.Raw
    metadata: _Metadata


class _Inlines(msgspec.Struct):
    requests: list[_Inline]


class _Input(msgspec.Struct):
    requests: _Inlines | None = None
    file_name: str | None = None


class _Wanted(msgspec.Struct):
    display_name: str
    input_config: _Input


class _Order(msgspec.Struct):
    batch: _Wanted


class _Line(msgspec.Struct):
    key: str
    request: msgspec.Raw


_ORDER = msgspec.json.Decoder(_Order)
_LINE = msgspec.json.Decoder(_Line)


@dataclass(slots=True)
class _Named:
    """A batch under its display name; `inline`: how it came, and so how its answers go."""

    display_name: str
    inline: bool
    batch: Batch


class GeminiBatchDesk:
    """Routes of uploads, downloads, :batchGenerateContent and /v1beta/batches."""

    def __init__(self, working: Working) -> None:
        self._working = working
        self._files: dict[str, bytes] = {}
        self._uploads = 0
        self._named: dict[str, _Named] = {}

    def add_routes(self, app: web.Application) -> None:
        guarded = self._working.guarded
        app.router.add_post("/upload/v1beta/files", guarded(self._begin_upload))
        # The address of an upload is all that it takes: it bears no key.
        app.router.add_post("/upload/v1beta/files/{upload}", self._finish_upload)
        app.router.add_get("/download/v1beta/files/{name}:download", guarded(self._download))
        app.router.add_post("/v1beta/models/{model}:batchGenerateContent", guarded(self._create))
        app.router.add_get("/v1beta/batches", guarded(self._list))
        app.router.add_get("/v1beta/batches/{id}", guarded(self._show))
        app.router.add_post("/v1beta/batches/{id}:cancel", guarded(self._cancel))

    async def _begin_upload(self, request: web.Request) -> web.Response:
        wanted = (request.headers.get("X-Goog-Upload-Protocol"), request.headers.get("X-Goog-Upload-Command"))
        if wanted != ("resumable", "start"):
            return self._refuse(400, "an upload starts with the resumable protocol")
        self._uploads += 1
        address = f"{request.url.origin()}/upload/v1beta/files/{self._uploads}?upload_protocol=resumable"
        return web.json_response({}, headers={"X-Goog-Upload-URL": address})

    async def _finish_upload(self, request: web.Request) -> web.Response:
        if request.headers.get("X-Goog-Upload-Command") != "upload, finalize":
            return self._refuse(400, "the file comes in one piece, which ends the upload")
        content = await read_bounded(request, MAX_FILE_BYTES)
        if content is None:
            return self._refuse(413, f"the file is larger than {MAX_FILE_BYTES} bytes")
        return web.json_response({"file": {"name": self._keep(content), "sizeBytes": str(len(content))}})

    async def _download(self, request: web.Request) -> web.Response:
        content = self._files.get(f"files/{request.match_info['name']}")
        if content is None:
            return self._refuse(404, "No such file.")
        return web.Response(body=content, content_type="application/jsonl")

    async def _create(self, request: web.Request) -> web.Response:
        body = await read_bounded(request, MAX_INLINE_BYTES)
        if body is None:
            return self._refuse(400, f"a request has at most {MAX_INLINE_BYTES} bytes: upload a file")
        if request.match_info["model"] != MODEL:
            return self._refuse(404, f"the model is {MODEL}")
        try:
            wanted = _ORDER.decode(body).batch
            asked = self._asked(wanted.input_config)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError) as error:
            return self._refuse(400, f"the body asks for no batch: {str(error)[:200]}")
        batch = Batch(f"practice{len(self._named) + 1}", asked)
        named = _Named(wanted.display_name, wanted.input_config.requests is not None, batch)
        if not await self._working.take(batch):
            return self._refuse(429, "You exceeded your current quota: enqueued tokens of batches.")
        self._named[batch.id] = named
        await self._working.before_reply()
        return web.json_response(self._told(named))

    def _asked(self, given: _Input) -> list[Asked]:
        """Raises ValueError and MsgspecError."""
        if given.requests is not None:
            asked = [Asked(one.metadata.key, bytes(one.request)) for one in given.requests.requests]
        elif given.file_name in self._files:
            lines = filter(bytes.strip, self._files[given.file_name].split(b"\n"))
            asked = [Asked(line.key, bytes(line.request)) for line in map(_LINE.decode, lines)]
        else:
            raise ValueError("neither requests nor the name of a known file")
        if not asked:
            raise ValueError("it has no request")
        return asked

    async def _list(self, request: web.Request) -> web.Response:
        batches = [named.batch for named in reversed(self._named.values())]
        page, more = page_of(batches, request.query.get("pageToken"), request.query.get("pageSize", "20"), 100)
        told: dict[str, Any] = {"operations": [self._told(self._named[batch.id]) for batch in page]}
        return web.json_response(told | ({"nextPageToken": page[-1].id} if more else {}))

    async def _show(self, request: web.Request) -> web.Response:
        named = self._named.get(request.match_info["id"])
        return web.json_response(self._told(named)) if named else self._refuse(404, "No such batch.")

    async def _cancel(self, request: web.Request) -> web.Response:
        named = self._named.get(request.match_info["id"])
        if named is None:
            return self._refuse(404, "No such batch.")
        if named.batch.state == "working":
            named.batch.state = "cancelling"
        return web.json_response({})

    def _told(self, named: _Named) -> dict[str, Any]:
        batch = named.batch
        ended = batch.state == "ended"
        good = sum(outcome.status == 200 for outcome in batch.outcomes)
        counts = {"requestCount": len(batch.requests), "pendingRequestCount": len(batch.requests) - len(batch.outcomes)}
        counts |= {"successfulRequestCount": good, "failedRequestCount": len(batch.outcomes) - good}
        metadata = {
            "@type": "type.googleapis.com/google.ai.generativelanguage.v1main.GenerateContentBatch",
            "name": f"batches/{batch.id}",
            "model": f"models/{MODEL}",
            "displayName": named.display_name,
            "createTime": datetime.fromtimestamp(batch.created_at, UTC).isoformat(),
            # Counts are strings there, and those of 0 are left out.
            "batchStats": {name: str(count) for name, count in counts.items() if count},
            "state": _state(batch),
        }
        told: dict[str, Any] = {"name": f"batches/{batch.id}", "metadata": metadata}
        return told | ({"done": True} | self._answers(named) if ended else {})

    def _answers(self, named: _Named) -> dict[str, Any]:
        """A batch that was cancelled or has expired as a whole has none."""
        batch = named.batch
        if _state(batch) != "BATCH_STATE_SUCCEEDED":
            return {"error": {"code": 1, "message": "The batch ended before its requests did."}}
        if named.inline:
            answers = [{"metadata": {"key": outcome.custom_id}, **_said(outcome)} for outcome in batch.outcomes]
            return {"response": {"inlinedResponses": {"inlinedResponses": answers}}}
        name = f"files/batch-{batch.id}"
        lines = [{"key": outcome.custom_id, **_said(outcome)} for outcome in self._working.shuffled(batch)]
        self._files.setdefault(name, b"".join(json.dumps(line).encode() + b"\n" for line in lines))
        return {"response": {"responsesFile": name}}

    def _keep(self, content: bytes) -> str:
        name = f"files/practice{len(self._files) + 1}"
        self._files[name] = content
        return name

    def _refuse(self, status: int, message: str) -> web.Response:
        return self._working.refuse(Refused(status, message))


def _state(batch: Batch) -> str:
    if batch.state != "ended":
        return "BATCH_STATE_RUNNING"
    for kind, state in (("cancelled", "BATCH_STATE_CANCELLED"), ("expired", "BATCH_STATE_EXPIRED")):
        if len(batch.of(kind)) == len(batch.requests):
            return state
    return "BATCH_STATE_SUCCEEDED"


def _said(outcome: Outcome) -> dict[str, Any]:
    if outcome.kind != "answered":
        return {"error": _CANCELLED}
    if outcome.status == 200:
        return {"response": outcome.body}
    message = str(outcome.body.get("error", {}).get("message", ""))
    return {"error": {"code": _RPC_CODES.get(outcome.status, 2), "message": message}}
