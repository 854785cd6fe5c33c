"""What takes long to make is made once, by one thread, and made anew when what it was made of has changed."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Generic, TypeVar, cast

from calibtui.engine.queries.registry import QueryContext

T = TypeVar("T")
Made = TypeVar("Made")


class Remembered(Generic[T]):
    """The newest `most` values by key, the least recently used forgotten first."""

    def __init__(self, most: int = 1) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._values: OrderedDict[Hashable, Future[T]] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """The value of `key`; whoever asks for one that is being made waits for it. What `make` raises is raised to
        all of them, and not remembered."""
        with self._lock:
            value = self._values.get(key)
            mine = value is None
            if value is None:
                value = self._values[key] = Future()
            self._values.move_to_end(key)
            while len(self._values) > self._most:
                self._values.popitem(last=False)
        if mine:
            self._make(key, value, make)
        return value.result()

    def _make(self, key: Hashable, value: Future[T], make: Callable[[], T]) -> None:
        try:
            value.set_result(make())
        except BaseException as error:
            with self._lock:
                if self._values.get(key) is value:
                    del self._values[key]
            value.set_exception(error)


def remembered(context: QueryContext, name: str, key: Hashable, make: Callable[[], Made], *, most: int = 1) -> Made:
    """`make()` of the newest `most` keys asked for under `name`, from the engine's memory."""
    return place_for(context, name, lambda: Remembered[Made](most)).get(key, make)


def place_for(context: QueryContext, name: str, make: Callable[[], Made]) -> Made:
    """The one object of that name in the engine's memory."""
    if name not in context.memory:
        context.memory.setdefault(name, make())
    return cast(Made, context.memory[name])
