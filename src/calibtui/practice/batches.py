"""The practice judge's files and batches, in memory: handed in as JSON lines, answered after a while, as OpenAI does.

https://platform.openai.com/docs/api-reference/batch
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
from aiohttp import BodyPartReader, web

from calibtui.practice.books import Books
from calibtui.practice.options import PracticeOptions
from calibtui.practice.trouble import share

MAX_FILE_BYTES = 200_000_000
MAX_REQUESTS = 50_000
ENDPOINT = "/v1/chat/completions"

Judge = Callable[[bytes], Awaitable[tuple[int, dict[str, Any]]]]
"""The body of a chat request -> status and body of its answer."""


class _Line(msgspec.Struct):
    custom_id: str
    method: str
    url: str
    body: msgspec.Raw


class _Asked(msgspec.Struct):
    input_file_id: str
    endpoint: str
    completion_window: str
    metadata: dict[str, str] | None = None


_LINE = msgspec.json.Decoder(_Line)
_ASKED = msgspec.json.Decoder(_Asked)


@dataclass(slots=True)
class _Batch:
    id: str
    asked: _Asked
    created_at: float
    status: str = "in_progress"
    total: int = 0
    output: list[bytes] = field(default_factory=list)
    errors: list[bytes] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    output_file_id: str | None = None
    error_file_id: str | None = None

    def as_json(self) -> dict[str, Any]:
        problems = [{"code": "invalid_request", "message": problem} for problem in self.problems]
        return {
            "id": self.id,
            "object": "batch",
            "endpoint": self.asked.endpoint,
            "errors": {"object": "list", "data": problems} if problems else None,
            "input_file_id": self.asked.input_file_id,
            "completion_window": self.asked.completion_window,
            "status": self.status,
            "output_file_id": self.output_file_id,
            "error_file_id": self.error_file_id,
            "created_at": int(self.created_at),
            "request_counts": {"total": self.total, "completed": len(self.output), "failed": len(self.errors)},
            "metadata": self.asked.metadata,
        }


class BatchDesk:
    """Routes of /v1/files and /v1/batches. `judge` answers one request; `admitted` checks a request's key."""

    def __init__(
        self, options: PracticeOptions, books: Books, judge: Judge, admitted: Callable[[web.Request], bool]
    ) -> None:
        self._options, self._books, self._judge, self._admitted = options, books, judge, admitted
        self._files: dict[str, bytes] = {}
        self._batches: dict[str, _Batch] = {}
        self._handed_in: Counter[str] = Counter()
        self._working: set[asyncio.Task[None]] = set()

    def add_routes(self, app: web.Application) -> None:
        app.router.add_post("/v1/files", self._guarded(self._upload))
        app.router.add_get("/v1/files/{id}/content", self._guarded(self._content))
        app.router.add_post("/v1/batches", self._guarded(self._create))
        app.router.add_get("/v1/batches", self._guarded(self._list))
        app.router.add_get("/v1/batches/{id}", self._guarded(self._show))
        app.router.add_post("/v1/batches/{id}/cancel", self._guarded(self._cancel))

    def close(self) -> None:
        for task in self._working:
            task.cancel()

    def _guarded(
        self, handle: Callable[[web.Request], Awaitable[web.Response]]
    ) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def guarded(request: web.Request) -> web.Response:
            if not self._admitted(request):
                return self._refuse(401, "Incorrect API key provided.", "invalid_api_key")
            return await handle(request)

        return guarded

    async def _upload(self, request: web.Request) -> web.Response:
        fields: dict[str, bytes] = {}
        size = 0
        if not request.content_type.startswith("multipart/"):
            return self._refuse(400, "a file comes as multipart/form-data", "invalid_request_error")
        async for part in await request.multipart():
            if not isinstance(part, BodyPartReader) or part.name not in ("purpose", "file"):
                continue
            content = bytearray()
            while chunk := await part.read_chunk(1 << 18):
                content += chunk
                size += len(chunk)
                if size > MAX_FILE_BYTES + 1024:
                    return self._refuse(413, f"the file is larger than {MAX_FILE_BYTES} bytes", "invalid_request_error")
            fields[part.name] = bytes(content)
        if fields.get("purpose") != b"batch" or "file" not in fields:
            return self._refuse(400, "purpose must be batch, beside a file", "invalid_request_error")
        name = self._keep(fields["file"])
        return web.json_response({"id": name, "object": "file", "bytes": len(fields["file"]), "purpose": "batch"})

    async def _content(self, request: web.Request) -> web.Response:
        content = self._files.get(request.match_info["id"])
        if content is None:
            return self._refuse(404, "No such file.", "not_found")
        return web.Response(body=content, content_type="application/jsonl")

    async def _create(self, request: web.Request) -> web.Response:
        try:
            asked = _ASKED.decode(await request.read())
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            return self._refuse(400, f"the body asks for no batch: {str(error)[:200]}", "invalid_request_error")
        if asked.input_file_id not in self._files or asked.endpoint != ENDPOINT or asked.completion_window != "24h":
            return self._refuse(400, f"a known file, {ENDPOINT} and 24h are taken", "invalid_request_error")
        batch = _Batch(f"batch_practice_{len(self._batches) + 1}", asked, time.time())
        self._batches[batch.id] = batch
        self._books.batches += 1
        task = asyncio.create_task(self._work(batch))
        self._working.add(task)
        task.add_done_callback(self._working.discard)
        return web.json_response(batch.as_json())

    async def _list(self, request: web.Request) -> web.Response:
        newest_first = list(reversed(self._batches.values()))
        after = request.query.get("after")
        places = [place for place, batch in enumerate(newest_first) if batch.id == after]
        rest = newest_first[places[0] + 1 :] if places else newest_first
        limit = request.query.get("limit", "20")
        page = rest[: max(1, min(100, int(limit) if limit.isdecimal() else 20))]
        data = [batch.as_json() for batch in page]
        return web.json_response({"object": "list", "data": data, "has_more": len(page) < len(rest)})

    async def _show(self, request: web.Request) -> web.Response:
        batch = self._batches.get(request.match_info["id"])
        return web.json_response(batch.as_json()) if batch else self._refuse(404, "No such batch.", "not_found")

    async def _cancel(self, request: web.Request) -> web.Response:
        batch = self._batches.get(request.match_info["id"])
        if batch is None:
            return self._refuse(404, "No such batch.", "not_found")
        if batch.status == "in_progress":
            batch.status = "cancelling"
        return web.json_response(batch.as_json())

    async def _work(self, batch: _Batch) -> None:
        try:
            lines = _lines(self._files[batch.asked.input_file_id])
        except ValueError as error:
            batch.status, batch.problems = "failed", [str(error)]
            return
        batch.total = len(lines)
        ends = time.monotonic() + self._options.batch_delay_ms / 1000
        while time.monotonic() < ends and batch.status != "cancelling":  # noqa: ASYNC110 - cancelled over HTTP
            await asyncio.sleep(min(0.05, max(0.0, ends - time.monotonic())))
        expired = False
        for line in lines:
            if batch.status == "cancelling":
                batch.errors.append(_undone(line, "batch_cancelled", "This request was cancelled."))
            elif self._expires(line):
                expired = True
                batch.errors.append(_undone(line, "batch_expired", "This request did not run in its batch's time."))
            else:
                self._books.requests += 1
                status, body = await self._judge(bytes(line.body))
                (batch.output if status == 200 else batch.errors).append(_done(line, status, body))
        batch.output_file_id = self._keep(b"".join(batch.output)) if batch.output else None
        batch.error_file_id = self._keep(b"".join(batch.errors)) if batch.errors else None
        batch.status = "cancelled" if batch.status == "cancelling" else "expired" if expired else "completed"

    def _expires(self, line: _Line) -> bool:
        digest = hashlib.sha256(bytes(line.body)).hexdigest()
        self._handed_in[digest] += 1
        drawn = share(self._options.seed, "expire", digest, self._handed_in[digest])
        return drawn < self._options.batch_expire_rate

    def _keep(self, content: bytes) -> str:
        name = f"file-practice-{len(self._files) + 1}"
        self._files[name] = content
        return name

    def _refuse(self, status: int, message: str, code: str) -> web.Response:
        self._books.refuse(status)
        error = {"message": message, "type": "invalid_request_error", "param": None, "code": code}
        return web.json_response({"error": error}, status=status)


def _lines(content: bytes) -> list[_Line]:
    """Raises ValueError for what a provider would turn down as a whole."""
    lines: list[_Line] = []
    for number, text in enumerate(filter(bytes.strip, content.split(b"\n")), 1):
        try:
            lines.append(_LINE.decode(text))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise ValueError(f"line {number} is no request: {str(error)[:200]}") from error
        if (lines[-1].method, lines[-1].url) != ("POST", ENDPOINT):
            raise ValueError(f"line {number} asks for something else than POST {ENDPOINT}")
    if not 0 < len(lines) <= MAX_REQUESTS:
        raise ValueError(f"a batch has 1 to {MAX_REQUESTS} requests, and this one {len(lines)}")
    if len({line.custom_id for line in lines}) < len(lines):
        raise ValueError("two requests have the same custom_id")
    return lines


def _done(line: _Line, status: int, body: Mapping[str, Any]) -> bytes:
    response = {"status_code": status, "request_id": f"req-{line.custom_id}", "body": body}
    return _written({"id": f"out-{line.custom_id}", "custom_id": line.custom_id, "response": response, "error": None})


def _undone(line: _Line, code: str, message: str) -> bytes:
    error = {"code": code, "message": message}
    return _written({"id": f"out-{line.custom_id}", "custom_id": line.custom_id, "response": None, "error": error})


def _written(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value).encode() + b"\n"
