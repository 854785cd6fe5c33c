"""The store as a worker process has it: every call of a table's method is made by the engine, which alone has the file
open.

The engine carries out calls in threads, so a slow one holds up no other. What a worker may call is what its own code
could: the public methods of the tables.
"""

from __future__ import annotations

import itertools
import pickle
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from typing import Any, cast

from calibtui.core.errors import StoreDamagedError
from calibtui.engine.jobs.messages import Call, Channel, Reply
from calibtui.store.store import Store
from calibtui.store.table import Table

THREADS = 6
ONE_AT_A_TIME = ("frames", "runs", "artifacts")
"""Tables that two jobs may change in the same rows: their transactions would refuse each other."""


def taking_turns() -> dict[str, Lock]:
    """A lock for each table of ONE_AT_A_TIME."""
    return {name: Lock() for name in ONE_AT_A_TIME}


class RemoteStore:
    """Has the tables of a `Store`; `as_store` says so to who checks types."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._numbers = itertools.count()
        self._waiting: dict[int, Future[Any]] = {}
        self._lock = Lock()

    def __getattr__(self, name: str) -> _RemoteTable:
        if name.startswith("_"):
            raise AttributeError(name)
        return _RemoteTable(self, name)

    def as_store(self) -> Store:
        return cast(Store, self)

    def ask(self, table: str, method: str, arguments: tuple[Any, ...], named: Mapping[str, Any]) -> Any:
        """What the method returned. Raises what it raised, StoreDamagedError where the engine is gone."""
        answer: Future[Any] = Future()
        with self._lock:
            number = next(self._numbers)
            self._waiting[number] = answer
        try:
            self._channel.send(Call(number, table, method, arguments, named))
        except OSError as error:
            raise StoreDamagedError(
                "The engine that keeps the store is gone.", "Run the same command again."
            ) from error
        return answer.result()

    def answered(self, reply: Reply) -> None:
        """Hands a reply to the thread that waits for it."""
        with self._lock:
            answer = self._waiting.pop(reply.number)
        if reply.error is not None:
            answer.set_exception(reply.error)
        else:
            answer.set_result(reply.value)


class _RemoteTable:
    def __init__(self, store: RemoteStore, name: str) -> None:
        self._store = store
        self._name = name

    def __getattr__(self, method: str) -> Callable[..., Any]:
        if method.startswith("_"):
            raise AttributeError(method)

        def call(*arguments: Any, **named: Any) -> Any:
            return self._store.ask(self._name, method, arguments, named)

        return call


class StoreDesk:
    """The engine's side: carries out the calls of one worker on the open store. `turns`: `taking_turns()` of the
    engine, the same for all its workers."""

    def __init__(self, store: Store, answer: Callable[[Reply], None], turns: Mapping[str, Lock]) -> None:
        self._store = store
        self._answer = answer
        self._turns = turns
        self._threads = ThreadPoolExecutor(THREADS, "store")

    def take(self, call: Call) -> None:
        """Returns at once; the reply goes to `answer`, from another thread."""
        self._threads.submit(self._carry_out, call)

    def close(self) -> None:
        """Waits for the calls that have been taken: what a worker was told is durable must be."""
        self._threads.shutdown(wait=True)

    def _carry_out(self, call: Call) -> None:
        try:
            reply = Reply(call.number, self._result(call))
        except Exception as error:
            reply = Reply(call.number, error=_sendable(error))
        self._answer(reply)

    def _result(self, call: Call) -> Any:
        table = getattr(self._store, call.table)
        if not isinstance(table, Table) or call.method.startswith("_"):
            raise AttributeError(f"{call.table}.{call.method}")
        method = getattr(table, call.method)
        turn = self._turns.get(call.table)
        if turn is None:
            return method(*call.arguments, **call.named)
        with turn:
            return method(*call.arguments, **call.named)


def _sendable(error: Exception) -> BaseException:
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error
