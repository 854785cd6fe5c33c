"""Message batches as Anthropic has them: https://platform.claude.com/docs/en/api/messages/batches"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
from aiohttp import web

from calibtui.practice.batches.working import Asked, Batch, Outcome, Working, page_of, read_bounded
from calibtui.practice.wordings.wording import Refused

MAX_BODY_BYTES = 256_000_000
MAX_REQUESTS = 100_000
_STATUSES = {"working": "in_progress", "cancelling": "canceling", "ended": "ended"}


class _Request(msgspec.Struct):
    custom_id: str
    params: msgspec.Raw


class _Order(msgspec.Struct):
    requests: list[_Request]


_ORDER = msgspec.json.Decoder(_Order)


class AnthropicBatchDesk:
    """Routes of /v1/messages/batches."""

    def __init__(self, working: Working) -> None:
        self._working = working
        self._created = 0

    def add_routes(self, app: web.Application) -> None:
        guarded = self._working.guarded
        app.router.add_post("/v1/messages/batches", guarded(self._create))
        app.router.add_get("/v1/messages/batches", guarded(self._list))
        app.router.add_get("/v1/messages/batches/{id}", guarded(self._show))
        app.router.add_get("/v1/messages/batches/{id}/results", guarded(self._results))
        app.router.add_post("/v1/messages/batches/{id}/cancel", guarded(self._cancel))

    async def _create(self, request: web.Request) -> web.Response:
        body = await read_bounded(request, MAX_BODY_BYTES)
        if body is None:
            return self._refuse(413, f"the batch is larger than {MAX_BODY_BYTES} bytes")
        try:
            asked = [Asked(one.custom_id, bytes(one.params)) for one in _ORDER.decode(body).requests]
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            return self._refuse(400, f"the body asks for no batch: {str(error)[:200]}")
        if len(asked) > MAX_REQUESTS:
            return self._refuse(413, f"a batch has at most {MAX_REQUESTS} requests")
        if not asked or len({one.custom_id for one in asked}) < len(asked):
            return self._refuse(400, "requests: at least one, each with a custom_id of its own")
        self._created += 1
        batch = Batch(f"msgbatch_practice_{self._created}", asked)
        if not await self._working.take(batch):
            return self._refuse(429, "Too many batch requests are waiting to be processed.")
        await self._working.before_reply()
        return web.json_response(_told(batch, request))

    async def _list(self, request: web.Request) -> web.Response:
        after, limit = request.query.get("after_id"), request.query.get("limit", "20")
        page, more = page_of(self._working.newest_first(), after, limit, 1000)
        first, last = (page[0].id, page[-1].id) if page else (None, None)
        data = [_told(batch, request) for batch in page]
        return web.json_response({"data": data, "has_more": more, "first_id": first, "last_id": last})

    async def _show(self, request: web.Request) -> web.Response:
        batch = self._working.batches.get(request.match_info["id"])
        return web.json_response(_told(batch, request)) if batch else self._refuse(404, "No such batch.")

    async def _results(self, request: web.Request) -> web.Response:
        batch = self._working.batches.get(request.match_info["id"])
        if batch is None or batch.state != "ended":
            return self._refuse(404, "No such batch, or it has no results yet.")
        lines = b"".join(_written(outcome) for outcome in self._working.shuffled(batch))
        return web.Response(body=lines, content_type="application/x-jsonl")

    async def _cancel(self, request: web.Request) -> web.Response:
        batch = self._working.batches.get(request.match_info["id"])
        if batch is None:
            return self._refuse(404, "No such batch.")
        if batch.state == "working":
            batch.state = "cancelling"
        return web.json_response(_told(batch, request))

    def _refuse(self, status: int, message: str) -> web.Response:
        return self._working.refuse(Refused(status, message))


def _told(batch: Batch, request: web.Request) -> dict[str, Any]:
    ended = batch.state == "ended"
    answered = batch.of("answered") if ended else []
    good = sum(outcome.status == 200 for outcome in answered)
    return {
        "id": batch.id,
        "type": "message_batch",
        "processing_status": _STATUSES[batch.state],
        "request_counts": {
            "processing": 0 if ended else len(batch.requests),
            "succeeded": good,
            "errored": len(answered) - good,
            "canceled": len(batch.of("cancelled")) if ended else 0,
            "expired": len(batch.of("expired")) if ended else 0,
        },
        "created_at": datetime.fromtimestamp(batch.created_at, UTC).isoformat(),
        "archived_at": None,
        "results_url": f"{request.url.origin()}/v1/messages/batches/{batch.id}/results" if ended else None,
    }


def _written(outcome: Outcome) -> bytes:
    result: dict[str, Any] = {"type": "canceled" if outcome.kind == "cancelled" else outcome.kind}
    if outcome.kind == "answered" and outcome.status == 200:
        result = {"type": "succeeded", "message": outcome.body}
    elif outcome.kind == "answered":
        result = {"type": "errored", "error": outcome.body}
    return json.dumps({"custom_id": outcome.custom_id, "result": result}).encode() + b"\n"
