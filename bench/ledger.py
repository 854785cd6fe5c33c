"""What durable holds cost, beside the least that durability costs: append and fdatasync, grouped in the same way.

`python bench/ledger.py [--quick]` prints a table; `run` returns it. `ratio` of a rate is to the bare one of the same
concurrency, 1 the best; that of a latency to the bare one's, which on a busy machine is the number to look at. A call
here is hold, an upstream that takes 150 to 250 ms, settle.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from calibtui.gateway.money.group_commit import GroupCommit
from calibtui.gateway.money.ledger import Ledger
from calibtui.store.ledger import Entry, LedgerBatch
from calibtui.store.store import Store
from calibtui.workspace.settings import BudgetSettings

Row = dict[str, Any]
Upstream = Callable[[], float] | None
CONCURRENCIES = (16, 64, 256)
UPSTREAM_S = 0.2
CROWD = 64
MOST_MS = 10.0
NODE = "team/marco"
BUDGETS = {node: BudgetSettings(node, 1_000_000) for node in ("team", NODE)}


def run(quick: bool = False) -> dict[str, Any]:
    """{"name", "rows": [{"what", "value", "unit", "ratio", "target", "ok"}]}."""
    seconds = 0.7 if quick else 3.0
    with tempfile.TemporaryDirectory(prefix="calibtui-bench-") as directory:
        root = Path(directory)
        rows = [_row("append + fdatasync, one at a time", _one_at_a_time(root, seconds / 2), "writes/s")]
        for concurrency in CONCURRENCIES:
            bare = len(asyncio.run(_bare(root, concurrency, seconds))) / seconds
            ours = len(asyncio.run(_holds(root / f"holds-{concurrency}", concurrency, seconds))) / seconds
            rows.append(_row(f"append + fdatasync, grouped, {concurrency} at once", bare, "writes/s"))
            rows.append(_row(f"hold + settle, {concurrency} at once", ours, "calls/s", ours / bare))
        rows += _calls(root, max(seconds, 1.5))
    return {"name": "ledger", "rows": rows}


def _one_at_a_time(root: Path, seconds: float) -> float:
    file = os.open(root / "single", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    ends, count = time.perf_counter() + seconds, 0
    while time.perf_counter() < ends:
        os.write(file, b"x" * 80)
        os.fdatasync(file)
        count += 1
    os.close(file)
    return count / seconds


async def _bare(root: Path, concurrency: int, seconds: float, upstream: Upstream = None) -> list[float]:
    """How long each write took to be on disk, ms."""
    file = os.open(root / f"bare-{concurrency}", os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def write(batch: LedgerBatch) -> None:
        os.write(file, b"".join(f"{entry.call_id} {entry.micro_eur}\n".encode() for entry in batch.entries))
        os.fdatasync(file)

    commits = GroupCommit(write)

    async def one(name: str) -> float:
        started = time.perf_counter()
        commits.add(Entry(name, "hold", NODE, 1, 0.0, ""))
        await commits.committed()
        held = time.perf_counter()
        if upstream:
            await asyncio.sleep(upstream())
        return (held - started) * 1000

    took = await _crowd(concurrency, seconds, one)
    await commits.close()
    os.close(file)
    return took


async def _holds(state: Path, concurrency: int, seconds: float, upstream: Upstream = None) -> list[float]:
    """How long each hold took, ms."""
    with Store(state) as store:
        async with Ledger.open(store.ledger, BUDGETS) as ledger:

            async def one(name: str) -> float:
                started = time.perf_counter()
                hold = await ledger.hold(NODE, 3000, name, what="provider model")
                held = time.perf_counter()
                if upstream:
                    await asyncio.sleep(upstream())
                ledger.settle(hold, 2100, measured=True)
                return (held - started) * 1000

            return await _crowd(concurrency, seconds, one)


def _calls(root: Path, seconds: float) -> list[Row]:
    rng = random.Random(1)

    def upstream() -> float:
        return UPSTREAM_S * rng.uniform(0.75, 1.25)

    bare = asyncio.run(_bare(root, CROWD, seconds, upstream))
    cpu = time.process_time()
    took = asyncio.run(_holds(root / "calls", CROWD, seconds, upstream))
    cpu = time.process_time() - cpu
    p50, p95 = statistics.median(took), statistics.quantiles(took, n=20)[-1]
    bare_p50, bare_p95 = statistics.median(bare), statistics.quantiles(bare, n=20)[-1]
    crowd = f"{CROWD} at once, {UPSTREAM_S * 1000:g} ms upstream"
    return [
        _row(f"append + fdatasync before a call, p50, {crowd}", bare_p50, "ms"),
        _row(f"hold before a call, p50, {crowd}", p50, "ms", p50 / bare_p50, f"≤ {MOST_MS:g} ms", p50 <= MOST_MS),
        _row(f"append + fdatasync before a call, p95, {crowd}", bare_p95, "ms"),
        _row(f"hold before a call, p95, {crowd}", p95, "ms", p95 / bare_p95),
        _row(f"CPU of a hold and its settling, {crowd}", cpu / len(took) * 1000, "ms"),
    ]


async def _crowd(concurrency: int, seconds: float, one: Callable[[str], Awaitable[float]]) -> list[float]:
    """What `one` returned, for as many turns as `concurrency` workers get done."""
    ends, results = time.perf_counter() + seconds, []

    async def worker(number: int) -> None:
        turn = 0
        while time.perf_counter() < ends:
            results.append(await one(f"{number:04}-{turn:027}"))
            turn += 1

    await asyncio.gather(*map(worker, range(concurrency)))
    return results


def _row(
    what: str, value: float, unit: str, ratio: float | None = None, target: str | None = None, ok: bool | None = None
) -> Row:
    return {"what": what, "value": value, "unit": unit, "ratio": ratio, "target": target, "ok": ok}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="shorter runs")
    for row in run(quick=parser.parse_args().quick)["rows"]:
        ratio = "" if row["ratio"] is None else f"{row['ratio']:.2f}"
        target = "" if row["target"] is None else f"{row['target']}: {'met' if row['ok'] else 'MISSED'}"
        print(f"{row['what']:66} {row['value']:10.2f} {row['unit']:9} {ratio:>6}  {target}")


if __name__ == "__main__":
    sys.exit(main())
