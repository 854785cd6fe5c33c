"""How long work tells of itself and learns that it should stop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from threading import Event


@dataclass(frozen=True, slots=True)
class Progress:
    """`done` of `total` units of `stage` (total 0 where unknown); `note` is one short line for people."""

    stage: str
    done: int
    total: int
    note: str = ""


OnProgress = Callable[[Progress], None]


def silent(_: Progress) -> None:
    """For callers that don't watch."""


class StopFlag:
    """Set from a signal handler or another thread; long loops ask between units and end with InterruptedByUser.

    While it is paused, who asks waits; a loop of asyncio tasks asks `paused` instead.
    """

    def __init__(self) -> None:
        self._event = Event()
        self._going = Event()
        self._going.set()

    def set(self) -> None:
        self._event.set()
        self._going.set()

    def pause(self) -> None:
        if not self._event.is_set():
            self._going.clear()

    def resume(self) -> None:
        self._going.set()

    @property
    def paused(self) -> bool:
        return not self._going.is_set()

    def __bool__(self) -> bool:
        return self._event.is_set()

    def raise_if_set(self) -> None:
        from calibtui.core.errors import InterruptedByUser

        self._going.wait()
        if self._event.is_set():
            raise InterruptedByUser(
                "Interrupted; everything finished so far is kept.", "Run the same command again to resume."
            )
