"""The newest snapshot, and those who wait for a newer one."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

from msgspec.structs import replace

from calibtui.engine.wire.snapshot import Snapshot, Viewer

BETWEEN_S = 0.25
"""No client gets more than four snapshots a second; what it misses in between is in the next one."""


class Board:
    """Belongs to one event loop. A reader that is slow, or asleep, finds the newest snapshot when it asks again, and
    nothing piles up for it."""

    def __init__(self, first: Snapshot) -> None:
        self._current = first
        self._newer = asyncio.Event()
        self._viewers: dict[int, Viewer] = {}
        self._numbers = itertools.count()
        self.closed = False

    @property
    def current(self) -> Snapshot:
        return self._current

    @property
    def viewers(self) -> tuple[Viewer, ...]:
        return tuple(self._viewers.values())

    def publish(self, content: Snapshot) -> bool:
        """Whether `content` says anything new; its `number` and `at` are set here."""
        now = self._current
        same = replace(content, number=now.number, at=now.at)
        if same == now:
            return False
        self._current = replace(content, number=now.number + 1, at=time.time())
        self._wake()
        return True

    def close(self) -> None:
        """Every stream ends."""
        self.closed = True
        self._wake()

    @contextmanager
    def watched_by(self, viewer: Viewer) -> Iterator[int]:
        """`viewer` is among the viewers for as long as the block lasts; yields its number."""
        number = next(self._numbers)
        self._viewers[number] = viewer
        try:
            yield number
        finally:
            del self._viewers[number]

    async def stream(self, me: int, quiet_s: float) -> AsyncIterator[Snapshot | None]:
        """The current snapshot, then each newer one as soon as it may be sent; None after `quiet_s` without one."""
        seen = -1
        while not self.closed:
            if self._current.number == seen:
                yield None
            else:
                seen = self._current.number
                yield self._seen_by(me)
                await asyncio.sleep(BETWEEN_S)
            await self._newer_than(seen, quiet_s)

    def _seen_by(self, me: int) -> Snapshot:
        mine = self._viewers.get(me)
        if mine is None:
            return self._current
        # Viewers are immutable and each an object of its own, so who is who is told by identity.
        told = tuple(replace(viewer, me=True) if viewer is mine else viewer for viewer in self._current.viewers)
        return replace(self._current, viewers=told)

    async def _newer_than(self, seen: int, quiet_s: float) -> None:
        if self._current.number != seen or self.closed:
            return
        try:
            await asyncio.wait_for(self._newer.wait(), quiet_s)
        except TimeoutError:
            return

    def _wake(self) -> None:
        self._newer.set()
        self._newer = asyncio.Event()
