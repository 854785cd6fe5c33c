"""Servers of a test on loopback, on an event loop of their own thread: gateways in other processes call them too."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

from aiohttp import web

from calibtui.practice.options import PracticeOptions
from calibtui.practice.server import PracticeServer, serve

T = TypeVar("T")


class Loopback:
    """Ends everything it started with close()."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._judges: list[PracticeServer] = []
        self._runners: list[web.AppRunner] = []

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    def judge(self, options: PracticeOptions) -> PracticeServer:
        """A practice judge; its `books` are what was really asked and answered."""
        self._judges.append(self.run(serve(options)))
        return self._judges[-1]

    def app(self, app: web.Application) -> str:
        """The address that serves `app`."""
        return self.run(self._serve(app))

    async def _serve(self, app: web.Application) -> str:
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self._runners.append(runner)
        return f"http://127.0.0.1:{runner.addresses[0][1]}"

    def close(self) -> None:
        self.run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _close(self) -> None:
        for server in self._judges:
            await server.close()
        for runner in self._runners:
            await runner.cleanup()
