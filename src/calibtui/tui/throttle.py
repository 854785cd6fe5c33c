"""Asking again when something changed, but not more often than makes sense."""

from __future__ import annotations

import time
from collections.abc import Callable

from textual.message_pump import MessagePump
from textual.timer import Timer


class Throttle:
    """`call` runs at once when it is asked for, then at the earliest `seconds` after the last time; what is asked for
    in
    between comes to one call at the end of that."""

    def __init__(self, pump: MessagePump, seconds: float, call: Callable[[], object]) -> None:
        self._pump, self._seconds, self._call = pump, seconds, call
        self._last = -seconds
        self._timer: Timer | None = None

    def ask(self) -> None:
        wait = self._last + self._seconds - time.monotonic()
        if self._timer is not None:
            return
        if wait <= 0:
            self._run()
        else:
            self._timer = self._pump.set_timer(wait, self._run)

    def _run(self) -> None:
        self._timer = None
        self._last = time.monotonic()
        self._call()


class Debounce:
    """`call` runs once `seconds` have gone by without another `ask`."""

    def __init__(self, pump: MessagePump, seconds: float, call: Callable[[], object]) -> None:
        self._pump, self._seconds, self._call = pump, seconds, call
        self._timer: Timer | None = None

    def ask(self) -> None:
        if self._timer is not None:
            self._timer.stop()
        self._timer = self._pump.set_timer(self._seconds, self._call)
