"""The practice judge as an HTTP server on loopback: chat completions, live and in batches, models, and GET /books."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import math
import os
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from aiohttp import web

from calibtui.core.errors import ConfigurationError
from calibtui.gateway.money.prices import tile_tokens
from calibtui.practice.batches import BatchDesk
from calibtui.practice.books import Books
from calibtui.practice.measures import PictureError, measure
from calibtui.practice.options import PracticeOptions
from calibtui.practice.request import BadRequestError, ChatAsked, read_request
from calibtui.practice.trouble import RateLimit, garbled, share
from calibtui.practice.verdict import verdict

MODEL = "practice-vlm-1"
FINGERPRINT = "practice-judge-measures-pictures-not-a-model"
MAX_BODY_BYTES = 24 << 20
_REMEMBERED = 4096


@dataclass(frozen=True, slots=True)
class Measured:
    """What is said of one picture."""

    difficulty: int
    reasons: tuple[str, ...]
    image_tokens: int


class PracticeServer:
    """A running server. `url` is what a provider's base_url takes; `books` its own count."""

    def __init__(self, options: PracticeOptions, environ: Mapping[str, str] | None = None) -> None:
        self.options = options
        self.books = Books()
        self._key = _key(options, os.environ if environ is None else environ)
        self._limit = RateLimit(options.rate_limit)
        self._measured = lru_cache(_REMEMBERED)(_measured)
        self._threads = ThreadPoolExecutor(1, "measure")
        self._batches = BatchDesk(options, self.books, self._answer, self._admitted)
        self._runner = web.AppRunner(self._app(), access_log=None, shutdown_timeout=1.0)
        self._port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}/v1"

    async def start(self) -> None:
        """Raises ConfigurationError where the port can't be had."""
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.options.port, backlog=1024)
        try:
            await site.start()
        except OSError as error:
            message = f"Port {self.options.port} on loopback can't be had: {error.strerror or error}."
            raise ConfigurationError(message, "Choose another with --port, or 0 for any.") from error
        self._port = self._runner.addresses[0][1]

    async def close(self) -> None:
        self._batches.close()
        await self._runner.cleanup()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _app(self) -> web.Application:
        app = web.Application(client_max_size=MAX_BODY_BYTES)
        app.router.add_post("/v1/chat/completions", self._complete)
        app.router.add_get("/v1/models", self._models)
        self._batches.add_routes(app)
        app.router.add_get("/books", self._show_books)
        return app

    async def _models(self, _: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [{"id": MODEL, "object": "model", "owned_by": "practice"}]})

    async def _show_books(self, _: web.Request) -> web.Response:
        return web.json_response(self.books.as_json())

    async def _complete(self, request: web.Request) -> web.Response:
        self.books.requests += 1
        try:
            body = await request.read()
        except web.HTTPRequestEntityTooLarge:
            return self._refuse(413, f"the body is larger than {MAX_BODY_BYTES} bytes", "invalid_request_error")
        if not self._admitted(request):
            return self._refuse(401, "Incorrect API key provided.", "authentication_error", code="invalid_api_key")
        wait = self._limit.wait_s(time.monotonic())
        if wait > 0:
            told = {"Retry-After": str(math.ceil(wait))}
            return self._refuse(
                429, "Rate limit reached.", "rate_limit_error", code="rate_limit_exceeded", headers=told
            )
        status, answer = await self._answer(body, self.options.latency_ms / 1000)
        return web.json_response(answer, status=status)

    def _admitted(self, request: web.Request) -> bool:
        if self._key is None:
            return True
        given = request.headers.get("Authorization", "").encode("utf-8", "surrogateescape")
        return hmac.compare_digest(given, b"Bearer " + self._key)

    async def _answer(self, body: bytes, wait_s: float = 0.0) -> tuple[int, dict[str, Any]]:
        """Status and body for the body of a chat request."""
        try:
            asked = read_request(body, MODEL)
        except BadRequestError as error:
            if error.param == "model":
                return self._error(404, str(error), "invalid_request_error", "model", code="model_not_found")
            return self._error(400, str(error), "invalid_request_error", error.param)
        digest = hashlib.sha256(asked.image).hexdigest()
        nth = self.books.asked(digest)
        if wait_s > 0:
            await asyncio.sleep(wait_s)
        if share(self.options.seed, "fail", digest, nth) < self.options.fail_rate:
            return self._error(500, "Failing on purpose (--fail-rate).", "server_error")
        try:
            loop = asyncio.get_running_loop()
            measured = await loop.run_in_executor(self._threads, self._measured, asked.image)
        except PictureError as error:
            return self._error(400, str(error), "invalid_request_error", "image_url")
        text = self._text(measured, digest, nth)
        usage = _usage(asked, measured, text)
        self.books.answer(usage["prompt_tokens"], usage["completion_tokens"])
        return 200, _completion(f"practice-{digest[:12]}-{nth}", text, usage)

    def _text(self, measured: Measured, digest: str, nth: int) -> str:
        text = json.dumps({"difficulty": measured.difficulty, "reasons": list(measured.reasons)})
        seed = self.options.seed
        if share(seed, "garbage", digest, nth) < self.options.garbage_rate:
            return garbled(text, share(seed, "shape", digest, nth))
        return text

    def _refuse(
        self,
        status: int,
        message: str,
        kind: str,
        *,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> web.Response:
        _, body = self._error(status, message, kind, code=code)
        return web.json_response(body, status=status, headers=headers)

    def _error(
        self, status: int, message: str, kind: str, param: str | None = None, *, code: str | None = None
    ) -> tuple[int, dict[str, Any]]:
        self.books.refuse(status)
        return status, {"error": {"message": message, "type": kind, "param": param, "code": code}}


async def serve(options: PracticeOptions) -> PracticeServer:
    """A server that is ready for requests; the caller closes it."""
    server = PracticeServer(options)
    await server.start()
    return server


def _key(options: PracticeOptions, environ: Mapping[str, str]) -> bytes | None:
    if options.key_env is None:
        return None
    value = environ.get(options.key_env, "")
    if not value:
        raise ConfigurationError(f"--key names {options.key_env}, and the environment has no such variable.")
    return value.encode()


def _measured(image: bytes) -> Measured:
    measures, width, height = measure(image)
    difficulty, reasons = verdict(measures)
    return Measured(difficulty, reasons, tile_tokens(width, height))


def _usage(asked: ChatAsked, measured: Measured, text: str) -> dict[str, int]:
    """Four bytes of text a token, and the image by OpenAI's tile rule: close to what a paid endpoint declares."""
    spent = [measured.image_tokens + math.ceil(len(asked.text.encode()) / 4), math.ceil(len(text.encode()) / 4)]
    return {"prompt_tokens": spent[0], "completion_tokens": spent[1], "total_tokens": sum(spent)}


def _completion(completion_id: str, text: str, usage: Mapping[str, int]) -> dict[str, Any]:
    return {
        "id": completion_id,
        "object": "chat.completion",
        "created": int(time.time()),
        "model": MODEL,
        "system_fingerprint": FINGERPRINT,
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": text, "refusal": None}, "finish_reason": "stop"}
        ],
        "usage": usage,
    }
