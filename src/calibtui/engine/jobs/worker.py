"""The engine's side of a worker process."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from threading import Lock, Thread

from calibtui.engine.jobs.messages import Assignment, Call, CapOrder, Channel, Ended, Order, Reply
from calibtui.engine.jobs.remote_store import StoreDesk
from calibtui.store.store import Store

OnMessage = Callable[[object], None]
OnGone = Callable[[Ended | None, int], None]
"""Told once how it ended (None: without a word) and the process's return code."""


class Worker:
    """Started on the thread that lives as long as the engine: the kernel ends a child with the thread that made it.

    `on_message` gets what the worker says of itself, `on_gone` its end; both on the event loop.
    """

    def __init__(
        self,
        assignment: Assignment,
        store: Store,
        turns: Mapping[str, Lock],
        *,
        on_message: OnMessage,
        on_gone: OnGone,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._on_message = on_message
        self._on_gone = on_gone
        self._numbers = itertools.count()
        self._orders: dict[int, Future[object]] = {}
        self._process, self._channel = _started()
        self._desk = StoreDesk(store, self._reply, turns)
        self._channel.send(assignment)
        Thread(target=self._listen, name=f"worker {self._process.pid}", daemon=True).start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def order(self, what: str) -> None:
        """Tells it to "stop" at its next safe point, to "pause" or to "resume"."""
        with contextlib.suppress(OSError):
            self._channel.send(Order(what))

    async def set_cap(self, node: str, eur: str, who: str, why: str, *, repeat: bool = False) -> bool:
        """False where its ledger isn't open. Raises SettingsError."""
        number = next(self._numbers)
        answer: Future[object] = Future()
        self._orders[number] = answer
        try:
            self._channel.send(CapOrder(number, node, eur, who, why, repeat))
        except OSError:
            return False
        return bool(await asyncio.wrap_future(answer))

    def kill(self) -> None:
        self._process.kill()

    def _reply(self, reply: Reply) -> None:
        with contextlib.suppress(OSError):
            self._channel.send(reply)

    def _listen(self) -> None:
        ended: Ended | None = None
        with contextlib.suppress(EOFError, OSError):
            while True:
                message = self._channel.receive()
                if isinstance(message, Call):
                    self._desk.take(message)
                elif isinstance(message, Reply):
                    self._ordered(message)
                elif isinstance(message, Ended):
                    ended = message
                else:
                    self._loop.call_soon_threadsafe(self._on_message, message)
        self._end(ended)

    def _ordered(self, reply: Reply) -> None:
        waiting = self._orders.pop(reply.number)
        if reply.error is not None:
            waiting.set_exception(reply.error)
        else:
            waiting.set_result(reply.value)

    def _end(self, ended: Ended | None) -> None:
        # A worker that no longer listens has nothing left to do.
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(5)
        self._process.kill()
        code = self._process.wait()
        self._desk.close()
        self._channel.close()
        for waiting in self._orders.values():
            waiting.set_result(False)
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._on_gone, ended, code)


def _started() -> tuple[subprocess.Popen[bytes], Channel]:
    ours, theirs = socket.socketpair()
    with theirs:
        command = [sys.executable, "-m", "calibtui.engine.jobs.process", str(theirs.fileno())]
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, pass_fds=(theirs.fileno(),)
        )
    return process, Channel(ours.detach())
