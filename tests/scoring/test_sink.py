"""Records are durable when put() returns, or with the ledger before a later hold is; commits are shared."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from calibtui.core.scores import FailedScore
from calibtui.scoring.judge import Record
from calibtui.scoring.sink import GroupCommitSink, LedgerSink


def record(number: int) -> FailedScore:
    return FailedScore(f"{number}.jpg", f"{number}", "unreadable", "")


async def test_put_returns_only_after_its_commit() -> None:
    committed: list[Record] = []

    def slow(records: list[Record]) -> None:
        time.sleep(0.02)
        committed.extend(records)

    sink = GroupCommitSink(slow)
    for number in range(5):
        await sink.put([record(number)])
        assert committed[-1] == record(number)
    await sink.close()


async def test_what_queues_up_during_a_commit_goes_into_the_next() -> None:
    batches: list[int] = []
    release = threading.Event()

    def commit(records: list[Record]) -> None:
        batches.append(len(records))
        release.wait(10)

    sink = GroupCommitSink(commit)
    puts = [asyncio.create_task(sink.put([record(n), record(n)])) for n in range(20)]
    while not batches:  # noqa: ASYNC110 - the commit runs in a thread
        await asyncio.sleep(0.005)
    release.set()
    await asyncio.gather(*puts)
    assert sum(batches) == 40
    assert len(batches) <= 3
    await sink.close()


async def test_commits_run_in_one_thread_and_never_together() -> None:
    threads: set[int] = set()
    running = 0

    def commit(_: list[Record]) -> None:
        nonlocal running
        running += 1
        assert running == 1
        threads.add(threading.get_ident())
        running -= 1

    sink = GroupCommitSink(commit)
    await asyncio.gather(*(sink.put([record(n)]) for n in range(50)))
    assert len(threads) == 1
    assert threading.get_ident() not in threads
    await sink.close()


async def test_a_failed_commit_fails_everyone_it_held_and_every_later_put() -> None:
    def full(_: list[Record]) -> None:
        raise OSError("no space left")

    sink = GroupCommitSink(full)
    results = await asyncio.gather(*(sink.put([record(n)]) for n in range(5)), return_exceptions=True)
    assert all(isinstance(result, OSError) for result in results)
    with pytest.raises(OSError, match="no space"):
        await sink.put([record(9)])
    await sink.close()


async def test_what_was_put_is_committed_even_where_nobody_waits_any_more() -> None:
    committed: list[Record] = []

    def slow(records: list[Record]) -> None:
        time.sleep(0.05)
        committed.extend(records)

    sink = GroupCommitSink(slow)
    task = asyncio.create_task(sink.put([record(1)]))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await sink.close()
    assert committed == [record(1)]


async def test_nothing_put_is_nothing_committed() -> None:
    committed: list[list[Record]] = []
    sink = GroupCommitSink(committed.append)
    await sink.put([])
    await sink.close()
    assert committed == []


class Commits:
    """A ledger's commits: what was kept, and what of it is durable."""

    def __init__(self) -> None:
        self.queued: list[Record] = []
        self.durable: list[Record] = []
        self.through = asyncio.Event()
        self.told: list[Record] = []

    def sink(self) -> LedgerSink:
        return LedgerSink(self.queued.extend, self.committed, self.kept)

    async def committed(self) -> None:
        upto = len(self.queued)
        await self.through.wait()
        self.durable = self.queued[:upto]

    def kept(self, records: list[Record]) -> None:
        assert self.durable[-len(records) :] == records
        self.told += records


async def test_beside_a_ledger_nobody_waits_for_a_score_alone_and_it_is_told_of_once_it_is_durable() -> None:
    commits = Commits()
    sink = commits.sink()
    for number in range(5):
        await sink.put([record(number)])
    await asyncio.sleep(0.01)
    assert commits.queued == [record(n) for n in range(5)]
    assert commits.told == []
    commits.through.set()
    await sink.close()
    assert commits.told == commits.queued


@pytest.mark.parametrize("failing", ["commit", "kept"])
async def test_beside_a_ledger_a_failure_fails_every_later_put_and_the_end(failing: str) -> None:
    def full(*_: object) -> None:
        raise OSError("no space left")

    async def committed() -> None:
        if failing == "commit":
            full()

    sink = LedgerSink(lambda _: None, committed, full)
    await sink.put([record(1)])
    await asyncio.sleep(0.05)
    with pytest.raises(OSError, match="no space"):
        await sink.put([record(2)])
    with pytest.raises(OSError, match="no space"):
        await sink.close()
