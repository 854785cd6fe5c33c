"""Many small writes, few commits: whatever has queued up while one commit ran goes into the next.

A fixed window would make a lone call wait for nobody and a crowd wait too long; the queue finds its own size. Commits
run one after the other in one thread, so the event loop goes on meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from calibtui.store.ledger import AuditRow, Entry, LedgerBatch, WarningRow
from calibtui.store.scores import Scored

T = TypeVar("T")


class GroupCommit:
    """Rows are written in the order they were added. After a commit that failed nothing is written any more: every
    wait raises its error, since what is on disk is no longer known."""

    def __init__(self, write: Callable[[LedgerBatch], None]) -> None:
        self._write = write
        self._batch = LedgerBatch()
        self._waiting: list[asyncio.Future[None]] = []
        self._draining: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, "ledger")
        self.failure: BaseException | None = None

    def add(self, *rows: Entry | AuditRow | WarningRow | Scored) -> None:
        """Written in the next commit; lost by a crash before it. Called on the event loop."""
        for row in rows:
            if isinstance(row, Entry):
                self._batch.entries.append(row)
            elif isinstance(row, AuditRow):
                self._batch.audit.append(row)
            elif isinstance(row, Scored):
                self._batch.scored.append(row)
            else:
                self._batch.warnings.append(row)
        if self._draining is None and self.failure is None:
            self._draining = asyncio.create_task(self._drain())

    async def committed(self) -> None:
        """Returns when everything added so far is on disk. Raises what made a commit fail."""
        if self.failure is not None:
            raise self.failure
        if self._draining is not None:
            durable = asyncio.get_running_loop().create_future()
            self._waiting.append(durable)
            await durable

    async def read(self, query: Callable[[], T]) -> T:
        """`query`'s answer with everything added so far on disk, run in the writing thread."""
        await self.committed()
        return await asyncio.get_running_loop().run_in_executor(self._thread, query)

    async def close(self) -> None:
        """Raises what made a commit fail, if one did."""
        try:
            await self.committed()
        finally:
            self._thread.shutdown(wait=False)

    async def _drain(self) -> None:
        loop = asyncio.get_running_loop()
        waiting: list[asyncio.Future[None]] = []
        try:
            while self._batch or self._waiting:
                # Callers that are ready to run now still get into this commit.
                await asyncio.sleep(0)
                batch, self._batch = self._batch, LedgerBatch()
                waiting, self._waiting = self._waiting, []
                await loop.run_in_executor(self._thread, self._write, batch)
                _resolve(waiting, None)
        except BaseException as failure:
            self.failure = failure
            _resolve([*waiting, *self._waiting], failure)
            self._waiting.clear()
            if not isinstance(failure, Exception):
                raise
        finally:
            self._draining = None


def _resolve(waiting: list[asyncio.Future[None]], failure: BaseException | None) -> None:
    for durable in waiting:
        if durable.done():
            continue
        if failure is None:
            durable.set_result(None)
        elif isinstance(failure, Exception):
            durable.set_exception(failure)
        else:
            durable.cancel()
