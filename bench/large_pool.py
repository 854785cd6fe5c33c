"""A pool of 1,000,000 scored frames from end to end: a real engine on a real store, asked over its socket.

`python -m bench large_pool`. First rows: from the question to its answer, each question the first of its kind. The
clock
also runs while other processes do, so the engine's own time on a core stands beside it. The first paint of the
workbench
over as many frames is in bench/launching.py.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import statistics
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bench.frames_query import fill_at
from bench.frames_screen import WORKSPACE
from calibtui.engine.client.socket import SocketEngine
from calibtui.engine.client.starting import attach_or_start
from calibtui.engine.wire.curation import Mark, RecentChanges
from calibtui.engine.wire.exchange import Query
from calibtui.engine.wire.frames import SORTS, Find, Frame, Frames
from calibtui.engine.wire.runs import Stop

FIRST_ROWS_MS = 300.0
ROWS = 100
FILTERS = (
    "score>80", "score:20..40 path:line3", "selected", "-selected", "class:x", "path:line3", "path:*camera3*9.jpg",
    "7f3a", "reason:glare", "-reason:glare|blur", "digest:7f", "-scored", "width>1300",
)  # fmt: skip
TICKS = os.sysconf("SC_CLK_TCK")


def run(quick: bool = False) -> dict[str, Any]:
    """{"name", "rows": [{"what", "value", "unit", "ratio", "target", "ok"}]}."""
    frames = 100_000 if quick else 1_000_000
    with tempfile.TemporaryDirectory(prefix="calibtui-bench-") as folder:
        os.environ["XDG_RUNTIME_DIR"] = folder
        root = Path(folder) / "workspace"
        (root / "nowhere").mkdir(parents=True)
        # Another process, so that what it needs is gone when the rest begins.
        filling = multiprocessing.get_context("spawn").Process(target=fill_at, args=(root, frames))
        filling.start()
        filling.join()
        (root / "calibtui.toml").write_text(WORKSPACE, encoding="utf-8")
        rows = asyncio.run(_measured(root, frames))
    return {"name": f"large pool, {frames:,} frames", "rows": rows}


async def _measured(root: Path, frames: int) -> list[dict[str, Any]]:
    place = await asyncio.to_thread(attach_or_start, root)
    came_up = _cpu_s(place.pid)
    engine = SocketEngine(place.socket, terminal="bench")
    try:
        asked = _Asked(engine, place.pid)
        # What a client imports with its first question is not the engine's to answer for.
        await engine.ask(RecentChanges())
        at_once = await asked.first_rows(Frames(limit=ROWS))
        await _settled(place.pid)
        return [
            {"what": "the engine comes up, CPU", "value": came_up, "unit": "s"},
            {"what": "the first page, asked as soon as it answers", "value": at_once[0], "unit": "ms"},
            {"what": "CPU by then", "value": _cpu_s(place.pid), "unit": "s"},
            {"what": "memory of the engine, once all is prepared", "value": _resident_mib(place.pid), "unit": "MiB"},
            *await _asked(asked, frames),
            {"what": "memory of the engine after all this", "value": _resident_mib(place.pid), "unit": "MiB"},
        ]
    finally:
        await engine.do(Stop(confirmed=True))
        await engine.close()


async def _asked(asked: _Asked, frames: int) -> list[dict[str, Any]]:
    """One row a kind of question, its slowest."""
    sorts = [Frames(sort=sort, descending=way, limit=ROWS) for sort in SORTS for way in (False, True)]
    filters = [Frames(filter=text, limit=ROWS) for text in FILTERS]
    pages = [Frames(offset=number * 9973 % frames, limit=ROWS) for number in range(50)]
    end = Frames(offset=frames - ROWS, limit=ROWS)
    jumps = [Find(percentile=float(percentile)) for percentile in range(5, 100, 10)]
    rows = [
        *await asked.slowest("sorts, each way", sorts, lambda query: query.sort),
        *await asked.slowest("filters", filters, lambda query: query.filter),
        *await asked.slowest("pages anywhere", pages, lambda query: f"{query.offset:,}"),
        *await asked.slowest("the end of the pool", [end], lambda query: f"{query.offset:,}"),
        *await asked.slowest("jumps to a percentile", jumps, lambda query: f"{query.percentile:.0f}"),
    ]
    last = (await asked.engine.ask(end)).rows
    looked = [(await asked.first_rows(Frame(digest=row.digest)))[0] for row in last[:9]]
    rows.append({"what": "a frame in full, median of 9", "value": statistics.median(looked), "unit": "ms"})
    digest = last[0].digest
    times = []
    for mark in ("pinned", "") * 3:
        began = time.monotonic()
        await asked.engine.do(Mark(digests=(digest,), mark=mark))
        await asked.engine.ask(Frames(limit=ROWS))
        times.append(1000 * (time.monotonic() - began))
    return [*rows, _held("a mark, and the page with it, slowest of 6", max(times))]


class _Asked:
    """Asks one engine, and takes the time."""

    def __init__(self, engine: SocketEngine, pid: int) -> None:
        self.engine = engine
        self._pid = pid

    async def first_rows(self, query: Query[Any]) -> tuple[float, float]:
        """(ms until the answer, ms on a core of the engine meanwhile)."""
        cpu, began = _cpu_s(self._pid), time.monotonic()
        await self.engine.ask(query)
        return 1000 * (time.monotonic() - began), 1000 * (_cpu_s(self._pid) - cpu)

    async def slowest(self, what: str, queries: Iterable[Any], name: Any) -> list[dict[str, Any]]:
        found = [(await self.first_rows(query), name(query)) for query in queries]
        (worst, _), which = max(found, key=lambda each: each[0][0])
        cpu = max(found, key=lambda each: each[0][1])
        return [
            _held(f"{len(found)} {what}, the slowest ({which})" if len(found) > 1 else what, worst),
            {"what": f"  CPU of the engine, the most ({cpu[1]})", "value": cpu[0][1], "unit": "ms"},
        ]


async def _settled(pid: int) -> None:
    """Once the engine has nothing left to do by itself."""
    before = -1.0
    while (now := _cpu_s(pid)) - before > 0.02:
        before = now
        await asyncio.sleep(1.0)


def _held(what: str, ms: float) -> dict[str, Any]:
    return {"what": what, "value": ms, "unit": "ms", "target": f"≤ {FIRST_ROWS_MS:g} ms", "ok": ms <= FIRST_ROWS_MS}


def _cpu_s(pid: int) -> float:
    """Of the process, all its threads, dead ones too."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def _resident_mib(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGESIZE") >> 20
