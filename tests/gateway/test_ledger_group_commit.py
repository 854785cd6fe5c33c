"""Rows that queue up while a commit runs go to disk together, in order, before anybody who waits for them goes on."""

from __future__ import annotations

import asyncio
import threading

import pytest

from calibtui.gateway.money.group_commit import GroupCommit
from calibtui.store.ledger import AuditRow, Entry, LedgerBatch, WarningRow
from calibtui.store.scores import Scored


class Disk:
    """What was written, batch by batch; a commit waits until it is let through."""

    def __init__(self) -> None:
        self.batches: list[LedgerBatch] = []
        self.through = threading.Event()
        self.through.set()

    def write(self, batch: LedgerBatch) -> None:
        self.through.wait(10)
        self.batches.append(batch)

    def calls(self) -> list[list[str]]:
        return [[entry.call_id for entry in batch.entries] for batch in self.batches]


def entry(call_id: str) -> Entry:
    return Entry(call_id, "hold", None, 1, 1.0, "")


async def test_what_is_ready_at_once_is_one_commit_and_what_comes_during_it_is_the_next():
    disk = Disk()
    commits = GroupCommit(disk.write)

    async def one(name: str) -> None:
        commits.add(entry(name))
        await commits.committed()
        assert any(name in batch for batch in disk.calls())

    disk.through.clear()
    first = [asyncio.create_task(one(f"a{n}")) for n in range(50)]
    await asyncio.sleep(0.01)
    second = [asyncio.create_task(one(f"b{n}")) for n in range(50)]
    await asyncio.sleep(0.01)
    assert not any(task.done() for task in [*first, *second])
    disk.through.set()
    await asyncio.gather(*first, *second)
    await commits.close()
    assert disk.calls() == [[f"a{n}" for n in range(50)], [f"b{n}" for n in range(50)]]


async def test_rows_that_nobody_waits_for_are_written_as_well():
    disk = Disk()
    commits = GroupCommit(disk.write)
    audit = AuditRow(1.0, "set", "n", None, "ada", 1, 2, None, "")
    warning = WarningRow("n", 0.0, 50, 1, 1.0)
    scored = Scored("run")
    commits.add(entry("a"), audit, warning, scored)
    await commits.close()
    assert disk.batches == [LedgerBatch([entry("a")], [audit], [warning], [scored])]


async def test_a_reader_sees_everything_that_was_added_before_it():
    disk = Disk()
    commits = GroupCommit(disk.write)
    commits.add(entry("a"))
    assert await commits.read(disk.calls) == [["a"]]
    await commits.close()


async def test_everybody_who_waits_is_told_of_a_failure_and_nothing_is_written_after_it():
    disk = Disk()

    def broken(batch: LedgerBatch) -> None:
        disk.write(batch)
        raise OSError("no space")

    commits = GroupCommit(broken)
    disk.through.clear()
    commits.add(entry("a"))
    during = asyncio.create_task(commits.committed())
    await asyncio.sleep(0.01)
    commits.add(entry("b"))
    after = asyncio.create_task(commits.committed())
    await asyncio.sleep(0)
    disk.through.set()
    outcomes = await asyncio.gather(during, after, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [OSError, OSError]
    commits.add(entry("c"))
    for wait in (commits.committed, commits.close):
        with pytest.raises(OSError, match="no space"):
            await wait()
    assert disk.calls() == [["a"]]


async def test_who_is_cancelled_while_waiting_harms_nobody_else():
    disk = Disk()
    commits = GroupCommit(disk.write)
    disk.through.clear()
    commits.add(entry("a"))
    waits = [asyncio.create_task(commits.committed()) for _ in range(3)]
    await asyncio.sleep(0.01)
    waits[1].cancel()
    disk.through.set()
    outcomes = await asyncio.gather(*waits, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [type(None), asyncio.CancelledError, type(None)]
    await commits.close()
