"""Where records become durable: commits in groups, one at a time, off the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from calibtui.scoring.judge import Record


class Sink(Protocol):
    async def put(self, records: Sequence[Record]) -> None:
        """Returns once the records, all or none of them, are durable, or will be before any later request of their
        judge leaves. Raises what the commit raised."""
        ...

    async def durable(self) -> None:
        """Returns once everything put so far is durable, and whoever wants to know has been told. Raises what put()
        would."""
        ...


class GroupCommitSink:
    """Commits everything that has queued up while the last commit ran.

    `commit` runs in one thread, always the same; it is given whole batches, never a part of what one put() brought. The
    first failed commit fails every later put() as well: nothing is paid for that can't be kept.
    """

    def __init__(self, commit: Callable[[list[Record]], None]) -> None:
        self._commit = commit
        self._thread = ThreadPoolExecutor(1, "commit")
        self._waiting: list[tuple[Sequence[Record], asyncio.Future[None]]] = []
        self._draining: asyncio.Task[None] | None = None
        self._broken: BaseException | None = None

    async def put(self, records: Sequence[Record]) -> None:
        if self._broken is not None:
            raise self._broken
        if not records:
            return
        durable = asyncio.get_running_loop().create_future()
        self._waiting.append((records, durable))
        if self._draining is None or self._draining.done():
            self._draining = asyncio.create_task(self._drain())
        await durable

    async def durable(self) -> None:
        if self._draining is not None:
            await self._draining
        if self._broken is not None:
            raise self._broken

    async def close(self) -> None:
        """Waits for what was put, then ends the thread."""
        if self._draining is not None:
            await self._draining
        self._thread.shutdown(wait=True)

    async def _drain(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            batch, self._waiting = self._waiting, []
            together = [record for records, _ in batch for record in records]
            try:
                if self._broken is None:
                    await loop.run_in_executor(self._thread, self._commit, together)
            except Exception as error:
                self._broken = error
            for _, durable in batch:
                _resolve(durable, self._broken)


class LedgerSink:
    """Keeps records in the commit that the next hold is waiting for anyhow, so nobody waits for them alone.

    `keep` queues them for that commit, and `durable` returns after it; `kept` is told of records that are durable, in
    one thread, always the same, in the order they were put. The first failure, of a commit or of `kept`, fails every
    later put() and close().
    """

    def __init__(
        self,
        keep: Callable[[Sequence[Record]], None],
        durable: Callable[[], Awaitable[None]],
        kept: Callable[[list[Record]], None],
    ) -> None:
        self._keep, self._committed, self._kept = keep, durable, kept
        self._thread = ThreadPoolExecutor(1, "kept")
        self._waiting: list[Record] = []
        self._draining: asyncio.Task[None] | None = None
        self._broken: BaseException | None = None

    async def put(self, records: Sequence[Record]) -> None:
        if self._broken is not None:
            raise self._broken
        if not records:
            return
        self._keep(records)
        self._waiting += records
        if self._draining is None or self._draining.done():
            self._draining = asyncio.create_task(self._drain())

    async def durable(self) -> None:
        if self._draining is not None:
            await self._draining
        if self._broken is not None:
            raise self._broken

    async def close(self) -> None:
        """Waits until what was put is durable and told of, then ends the thread. Raises what failed."""
        try:
            await self.durable()
        finally:
            self._thread.shutdown(wait=True)

    async def _drain(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._waiting:
                batch, self._waiting = self._waiting, []
                await self._committed()
                await loop.run_in_executor(self._thread, self._kept, batch)
        except Exception as error:
            self._broken = error


def _resolve(durable: asyncio.Future[None], error: BaseException | None) -> None:
    if durable.done():  # whoever waited was cancelled; the record is kept all the same
        return
    if error is None:
        durable.set_result(None)
    else:
        durable.set_exception(error)
