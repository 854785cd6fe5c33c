"""Marks as they are set on the Frames screen: shown at once, sent one after the other, taken back by undo."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from calibtui.engine.wire.curation import Mark, MarkMatching, Redo, Undo
from calibtui.engine.wire.exchange import Command, Done
from calibtui.tui.widgets.pool_table import PoolTable

BY_DIGEST = 200
"""Frames that are marked one by one; a larger range is named by its rows, which the engine knows all of."""

Do = Callable[[Command], Awaitable[Done | None]]
After = Callable[[Done | None], None]


class Marking:
    """`do` sends a command and tells the user where it fails; `after` is called when all that was asked is done."""

    def __init__(self, table: PoolTable, do: Do, after: After) -> None:
        self._table = table
        self._do = do
        self._after = after
        self._waiting: asyncio.Queue[Command] = asyncio.Queue()

    @property
    def waiting(self) -> bool:
        """Whether marks are shown that the engine hasn't set yet."""
        return self._table.reader.marking

    def set(self, mark: str) -> None:
        """Marks the range or the frame under the cursor, and ends the range. "toggle": as space does it."""
        table = self._table
        first, last = table.range
        digests = self._digests(first, last)
        ranged = table.range_start is not None
        table.end_range()
        if not table.pages.matching:
            return
        toggle = mark == "toggle" and not ranged
        mark = "picked" if mark == "toggle" else mark
        if digests is None:
            order = table.order
            self._send(
                MarkMatching(
                    mark=mark, sort=order.sort, descending=order.descending, filter=order.filter, first=first, last=last
                )
            )
        elif digests:
            table.mark(digests, mark, toggle)
            self._send(Mark(digests=digests, mark="" if toggle else mark, toggle=toggle))

    def undo(self) -> None:
        self._send(Undo())

    def redo(self) -> None:
        self._send(Redo())

    async def run(self) -> None:
        """Sends what was asked for, in order, until cancelled."""
        while True:
            command = await self._waiting.get()
            done = await self._do(command)
            if self._waiting.empty():
                self._table.reader.marking = False
                self._after(done)

    def _send(self, command: Command) -> None:
        self._table.reader.marking = True
        self._table.reader.marks += 1
        self._waiting.put_nowait(command)

    def _digests(self, first: int, last: int) -> tuple[str, ...] | None:
        """The frames of the rows; None where they are too many, or not all at hand, to be named."""
        if last - first >= BY_DIGEST:
            return None
        rows = self._table.pages.rows(first, last)
        if any(row is None for row in rows):
            return None
        return tuple(row.digest for row in rows if row is not None)
