"""The practice judge as an HTTP server on loopback: what is asked live and in batches, models, and GET /books.

It speaks the APIs of OpenAI (its own address, ending in /v1), Anthropic (the same) and Gemini (/v1beta in its place).
"""

from __future__ import annotations

import hmac
import math
import os
import time
from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web

from calibtui.core.errors import ConfigurationError
from calibtui.practice.batches.anthropic import AnthropicBatchDesk
from calibtui.practice.batches.gemini import GeminiBatchDesk
from calibtui.practice.batches.openai import OpenAiBatchDesk
from calibtui.practice.batches.working import Working
from calibtui.practice.books import Books
from calibtui.practice.judging import Judging
from calibtui.practice.options import PracticeOptions
from calibtui.practice.trouble import RateLimit
from calibtui.practice.wordings.anthropic import AnthropicWording
from calibtui.practice.wordings.gemini import GeminiWording
from calibtui.practice.wordings.openai import OpenAiWording
from calibtui.practice.wordings.wording import MODEL, Refused, Wording

MAX_BODY_BYTES = 24 << 20


class PracticeServer:
    """A running server. `url` is what a provider's base_url takes; `books` its own count."""

    def __init__(self, options: PracticeOptions, environ: Mapping[str, str] | None = None) -> None:
        self.options = options
        self.books = Books()
        self._key = _key(options, os.environ if environ is None else environ)
        self._limit = RateLimit(options.rate_limit)
        self._judging = Judging(options, self.books)
        wordings = (OpenAiWording(), AnthropicWording(), GeminiWording())
        self._openai, self._anthropic, self._gemini = wordings
        self._working = [Working(self._judging, wording, self._admitted) for wording in wordings]
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
        for working in self._working:
            working.close()
        await self._runner.cleanup()
        self._judging.close()

    def _app(self) -> web.Application:
        app = web.Application(client_max_size=MAX_BODY_BYTES)
        openai, anthropic, gemini = self._working
        app.router.add_post("/v1/chat/completions", self._completing(self._openai))
        app.router.add_post("/v1/messages", self._completing(self._anthropic))
        app.router.add_post(f"/v1beta/models/{MODEL}:generateContent", self._completing(self._gemini))
        app.router.add_get("/v1/models", self._models)
        OpenAiBatchDesk(openai).add_routes(app)
        AnthropicBatchDesk(anthropic).add_routes(app)
        GeminiBatchDesk(gemini).add_routes(app)
        app.router.add_get("/books", self._show_books)
        return app

    async def _models(self, _: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [{"id": MODEL, "object": "model", "owned_by": "practice"}]})

    async def _show_books(self, _: web.Request) -> web.Response:
        return web.json_response(self.books.as_json())

    def _completing(self, wording: Wording) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def complete(request: web.Request) -> web.Response:
            return await self._complete(request, wording)

        return complete

    async def _complete(self, request: web.Request, wording: Wording) -> web.Response:
        self.books.requests += 1
        try:
            body = await request.read()
        except web.HTTPRequestEntityTooLarge:
            return self._refuse(wording, Refused(413, f"the body is larger than {MAX_BODY_BYTES} bytes"))
        if not self._admitted(request, wording):
            return self._refuse(wording, Refused(401, "Incorrect API key provided.", code="invalid_api_key"))
        wait = self._limit.wait_s(time.monotonic())
        if wait > 0:
            told = {"Retry-After": str(math.ceil(wait))}
            return self._refuse(wording, Refused(429, "Rate limit reached.", code="rate_limit_exceeded"), told)
        status, answer = await self._judging.answer(wording, body, self.options.latency_ms / 1000)
        return web.json_response(answer, status=status)

    def _admitted(self, request: web.Request, wording: Wording) -> bool:
        if self._key is None:
            return True
        given = wording.key_of(request.headers).encode("utf-8", "surrogateescape")
        return hmac.compare_digest(given, self._key)

    def _refuse(self, wording: Wording, refused: Refused, headers: Mapping[str, str] | None = None) -> web.Response:
        status, body = self._judging.refused(wording, refused)
        return web.json_response(body, status=status, headers=headers)


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
