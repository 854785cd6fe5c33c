"""Files and batches as OpenAI has them: https://platform.openai.com/docs/api-reference/batch"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from aiohttp import BodyPartReader, web

from calibtui.practice.batches.working import Asked, Batch, Outcome, Working, page_of
from calibtui.practice.wordings.wording import Refused

MAX_FILE_BYTES = 200_000_000
MAX_REQUESTS = 50_000
ENDPOINT = "/v1/chat/completions"
FULL = "token_limit_exceeded"
_UNDONE = {"expired": "This request did not run in its batch's time.", "cancelled": "This request was cancelled."}


class _Line(msgspec.Struct):
    custom_id: str
    method: str
    url: str
    body: msgspec.Raw


class _Order(msgspec.Struct):
    input_file_id: str
    endpoint: str
    completion_window: str
    metadata: dict[str, str] | None = None


_LINE = msgspec.json.Decoder(_Line)
_ORDER = msgspec.json.Decoder(_Order)


@dataclass(slots=True)
class _Ordered:
    """An order, the batch it led to, and its files."""

    order: _Order
    batch: Batch
    output_file_id: str | None = None
    error_file_id: str | None = None


class OpenAiBatchDesk:
    """Routes of /v1/files and /v1/batches."""

    def __init__(self, working: Working) -> None:
        self._working = working
        self._files: dict[str, bytes] = {}
        self._ordered: dict[str, _Ordered] = {}

    def add_routes(self, app: web.Application) -> None:
        guarded = self._working.guarded
        app.router.add_post("/v1/files", guarded(self._upload))
        app.router.add_get("/v1/files/{id}/content", guarded(self._content))
        app.router.add_post("/v1/batches", guarded(self._create))
        app.router.add_get("/v1/batches", guarded(self._list))
        app.router.add_get("/v1/batches/{id}", guarded(self._show))
        app.router.add_post("/v1/batches/{id}/cancel", guarded(self._cancel))

    async def _upload(self, request: web.Request) -> web.Response:
        fields: dict[str, bytes] = {}
        size = 0
        if not request.content_type.startswith("multipart/"):
            return self._refuse(400, "a file comes as multipart/form-data")
        async for part in await request.multipart():
            if not isinstance(part, BodyPartReader) or part.name not in ("purpose", "file"):
                continue
            content = bytearray()
            while chunk := await part.read_chunk(1 << 18):
                content += chunk
                size += len(chunk)
                if size > MAX_FILE_BYTES + 1024:
                    return self._refuse(413, f"the file is larger than {MAX_FILE_BYTES} bytes")
            fields[part.name] = bytes(content)
        if fields.get("purpose") != b"batch" or "file" not in fields:
            return self._refuse(400, "purpose must be batch, beside a file")
        name = self._keep(fields["file"])
        return web.json_response({"id": name, "object": "file", "bytes": len(fields["file"]), "purpose": "batch"})

    async def _content(self, request: web.Request) -> web.Response:
        content = self._files.get(request.match_info["id"])
        if content is None:
            return self._refuse(404, "No such file.", "not_found")
        return web.Response(body=content, content_type="application/jsonl")

    async def _create(self, request: web.Request) -> web.Response:
        try:
            order = _ORDER.decode(await request.read())
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            return self._refuse(400, f"the body asks for no batch: {str(error)[:200]}")
        if order.input_file_id not in self._files or order.endpoint != ENDPOINT or order.completion_window != "24h":
            return self._refuse(400, f"a known file, {ENDPOINT} and 24h are taken")
        ordered = _Ordered(order, await self._taken(self._files[order.input_file_id]))
        self._ordered[ordered.batch.id] = ordered
        await self._working.before_reply()
        return web.json_response(self._told(ordered))

    async def _taken(self, content: bytes) -> Batch:
        """A batch whose file is no good, or too much at once, is taken all the same, and has failed when looked at."""
        name = f"batch_practice_{len(self._ordered) + 1}"
        try:
            batch = Batch(name, _requests(content))
        except ValueError as error:
            return Batch(name, (), state="ended", problem=("invalid_request", str(error)))
        if not await self._working.take(batch):
            limit = self._working.judging.options.batch_token_limit
            message = f"Enqueued token limit reached. Limit: {limit:,} enqueued tokens. Please try again later."
            return Batch(name, (), state="ended", problem=(FULL, message))
        return batch

    async def _list(self, request: web.Request) -> web.Response:
        batches = [ordered.batch for ordered in reversed(self._ordered.values())]
        page, more = page_of(batches, request.query.get("after"), request.query.get("limit", "20"), 100)
        data = [self._told(self._ordered[batch.id]) for batch in page]
        return web.json_response({"object": "list", "data": data, "has_more": more})

    async def _show(self, request: web.Request) -> web.Response:
        ordered = self._ordered.get(request.match_info["id"])
        return web.json_response(self._told(ordered)) if ordered else self._refuse(404, "No such batch.", "not_found")

    async def _cancel(self, request: web.Request) -> web.Response:
        ordered = self._ordered.get(request.match_info["id"])
        if ordered is None:
            return self._refuse(404, "No such batch.", "not_found")
        if ordered.batch.state == "working":
            ordered.batch.state = "cancelling"
        return web.json_response(self._told(ordered))

    def _told(self, ordered: _Ordered) -> dict[str, Any]:
        batch, order = ordered.batch, ordered.order
        self._write_files(ordered)
        good = [outcome for outcome in batch.outcomes if outcome.status == 200]
        problems = [{"code": batch.problem[0], "message": batch.problem[1]}] if batch.problem else []
        counts = {"total": len(batch.requests), "completed": len(good), "failed": len(batch.outcomes) - len(good)}
        return {
            "id": batch.id,
            "object": "batch",
            "endpoint": order.endpoint,
            "errors": {"object": "list", "data": problems} if problems else None,
            "input_file_id": order.input_file_id,
            "completion_window": order.completion_window,
            "status": _status(batch),
            "output_file_id": ordered.output_file_id,
            "error_file_id": ordered.error_file_id,
            "created_at": int(batch.created_at),
            "request_counts": counts,
            "metadata": order.metadata,
        }

    def _write_files(self, ordered: _Ordered) -> None:
        batch = ordered.batch
        if batch.state != "ended" or ordered.output_file_id or ordered.error_file_id:
            return
        good = [_written(outcome) for outcome in batch.outcomes if outcome.status == 200]
        bad = [_written(outcome) for outcome in batch.outcomes if outcome.status != 200]
        ordered.output_file_id = self._keep(b"".join(good)) if good else None
        ordered.error_file_id = self._keep(b"".join(bad)) if bad else None

    def _keep(self, content: bytes) -> str:
        name = f"file-practice-{len(self._files) + 1}"
        self._files[name] = content
        return name

    def _refuse(self, status: int, message: str, code: str = "invalid_request_error") -> web.Response:
        return self._working.refuse(Refused(status, message, code=code))


def _status(batch: Batch) -> str:
    if batch.problem:
        return "failed"
    if batch.state != "ended":
        return "in_progress" if batch.state == "working" else "cancelling"
    return "cancelled" if batch.of("cancelled") else "expired" if batch.of("expired") else "completed"


def _requests(content: bytes) -> list[Asked]:
    """Raises ValueError for what a provider would turn down as a whole."""
    asked: list[Asked] = []
    for number, text in enumerate(filter(bytes.strip, content.split(b"\n")), 1):
        try:
            line = _LINE.decode(text)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise ValueError(f"line {number} is no request: {str(error)[:200]}") from error
        if (line.method, line.url) != ("POST", ENDPOINT):
            raise ValueError(f"line {number} asks for something else than POST {ENDPOINT}")
        asked.append(Asked(line.custom_id, bytes(line.body)))
    if not 0 < len(asked) <= MAX_REQUESTS:
        raise ValueError(f"a batch has 1 to {MAX_REQUESTS} requests, and this one {len(asked)}")
    if len({request.custom_id for request in asked}) < len(asked):
        raise ValueError("two requests have the same custom_id")
    return asked


def _written(outcome: Outcome) -> bytes:
    line: dict[str, Mapping[str, Any] | str | None] = {
        "id": f"out-{outcome.custom_id}",
        "custom_id": outcome.custom_id,
        "response": None,
        "error": None,
    }
    if outcome.kind == "answered":
        name = f"req-{outcome.custom_id}"
        line["response"] = {"status_code": outcome.status, "request_id": name, "body": outcome.body}
    else:
        line["error"] = {"code": f"batch_{outcome.kind}", "message": _UNDONE[outcome.kind]}
    return json.dumps(line).encode() + b"\n"
