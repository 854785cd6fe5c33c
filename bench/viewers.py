"""Whether eight who watch slow the scoring: blocks of one long run without and with them, in turns.

The judge answers at once, so that a run takes all of the processor that it can get: what viewers take is missing there.
With a judge that takes its time there is more than enough left.
"""

from __future__ import annotations

import asyncio
import itertools
import multiprocessing
import os
import random
import select
import shutil
import socket
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from calibtui.engine.client.places import Place
from calibtui.engine.client.socket import SocketEngine
from calibtui.engine.client.starting import attach_or_start
from calibtui.engine.wire.exchange import WIRE
from calibtui.engine.wire.runs import Start, Stop
from calibtui.pipeline.demo import make_demo

VIEWERS = 8
ALLOWED = 1.03
BLOCK_S = 3.0
PASSES = 16
"""Answers a frame: one run of the sample pool is then 9,504 answers, some 25 s."""
POLL_S = 0.1
NEAR_END = 0.97
"""A run that is so far is left to end, and the next one begun."""


@dataclass(frozen=True, slots=True)
class Block:
    """What a stretch of scoring came to, or how far it was at a moment. `cpu_s`: of the engine and its worker."""

    answers: int
    seconds: float
    engine_s: float
    cpu_s: float

    def __sub__(self, other: Block) -> Block:
        pairs = ((getattr(self, name), getattr(other, name)) for name in self.__slots__)
        return Block(*(now - then for now, then in pairs))

    @property
    def rate(self) -> float:
        return self.answers / self.seconds


Pair = tuple[Block, Block]
"""Without viewers and with them, one right after the other."""


def run(quick: bool = False) -> dict[str, Any]:
    """Rates and CPU time an answer, without and with viewers; the ratios are medians over pairs of neighbouring blocks,
    with their 95 % bootstrap interval."""
    folder = Path(tempfile.mkdtemp(prefix="calibtui-bench-"))
    os.environ["XDG_RUNTIME_DIR"] = str(folder)
    try:
        place = attach_or_start(make_demo(folder / "demo"))
        pairs = asyncio.run(_pairs(place, 4 if quick else 24))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return {"name": "viewers", "rows": _rows(pairs)}


def _rows(pairs: Sequence[Pair]) -> list[dict[str, Any]]:
    alone, watched = ([pair[which] for pair in pairs] for which in (0, 1))
    slower = [without.rate / with_.rate for without, with_ in pairs]
    engine = [_engine_ms(with_) / _engine_ms(without) for without, with_ in pairs]
    all_cpu = [_cpu_ms(with_) / _cpu_ms(without) for without, with_ in pairs]
    low, high = _interval(slower)
    cpu_low, cpu_high = _interval(all_cpu)
    return [
        {"what": f"answers a second, nobody watching ({len(pairs)} blocks of {BLOCK_S:.0f} s)",
         "value": statistics.median(block.rate for block in alone), "unit": "1/s"},
        {"what": f"the same with {VIEWERS} watching; slower by [{low:.3f}, {high:.3f}]×",
         "value": statistics.median(block.rate for block in watched), "unit": "1/s",
         "ratio": statistics.median(slower), "target": f"≤ {ALLOWED}×", "ok": _verdict(low, high)},
        {"what": "CPU an answer of engine and worker, nobody watching",
         "value": statistics.median(_cpu_ms(block) for block in alone), "unit": "ms"},
        {"what": f"the same with {VIEWERS} watching; more by [{cpu_low:.3f}, {cpu_high:.3f}]×",
         "value": statistics.median(_cpu_ms(block) for block in watched), "unit": "ms",
         "ratio": statistics.median(all_cpu), "target": f"≤ {ALLOWED}×", "ok": _verdict(cpu_low, cpu_high)},
        {"what": "the engine's alone", "value": statistics.median(_engine_ms(block) for block in watched),
         "unit": "ms", "ratio": statistics.median(engine)},
    ]  # fmt: skip


def _verdict(low: float, high: float) -> bool | None:
    """None where the interval lies on both sides of what is allowed: the machine had too much else to do."""
    return True if high <= ALLOWED else False if low > ALLOWED else None


def _cpu_ms(block: Block) -> float:
    return 1000 * block.cpu_s / block.answers


def _engine_ms(block: Block) -> float:
    return 1000 * block.engine_s / block.answers


def _interval(ratios: Sequence[float]) -> tuple[float, float]:
    """95 % of the medians of what might as well have been measured."""
    draw = random.Random(0)
    medians = sorted(statistics.median(draw.choices(ratios, k=len(ratios))) for _ in range(2000))
    return medians[50], medians[1949]


async def _pairs(place: Place, count: int) -> list[Pair]:
    engine, crowd = SocketEngine(place.socket, terminal="bench"), _Crowd(place)
    pairs: list[Pair] = []
    try:
        scored = _scoring(engine, place.pid)
        for number in range(count):
            blocks: dict[bool, Block] = {}
            # Either comes first as often, so that a machine that slows down or warms up favours neither.
            for watched in (number % 2 == 1, number % 2 == 0):
                crowd.watch(watched)
                blocks[watched] = await anext(scored)
            pairs.append((blocks[False], blocks[True]))
        await scored.aclose()  # type: ignore[attr-defined]
        await engine.do(Stop(confirmed=True))
    finally:
        crowd.close()
        await engine.close()
    return pairs


async def _scoring(engine: SocketEngine, pid: int) -> AsyncIterator[Block]:
    """Blocks of scoring, one run after the other: another temperature makes every question a new one."""
    for number in itertools.count(1):
        overrides = (f"scoring.temperature={number / 1000}", "scoring.concurrency=8", f"scoring.passes={PASSES}")
        job = (await engine.do(Start(stages=("score",), overrides=overrides, confirmed=True))).job
        while (begun := await _moment(engine, job, pid)) is not None:
            await asyncio.sleep(BLOCK_S)
            ended = await _moment(engine, job, pid)
            if ended is None:
                break
            yield ended - begun


async def _moment(engine: SocketEngine, job: str, pid: int) -> Block | None:
    """How far the run is at the very moment at which news of its answers come; None where it is at its end."""
    first = 0
    async with aclosing(engine.snapshots()) as snapshots:  # type: ignore[type-var]
        async for snapshot in snapshots:
            found = next((each for each in snapshot.jobs if each.name == job), None)
            scoring = snapshot.scoring
            if found is not None and found.ended_at is not None:
                assert found.state == "done", found.error
                return None
            if found is None or scoring is None or scoring.run != found.run or not scoring.done:
                continue
            if scoring.total and scoring.done > NEAR_END * scoring.total:
                continue
            if first and scoring.done != first:
                own = _cpu_s(pid)
                return Block(scoring.done, time.perf_counter(), own, own + sum(map(_cpu_s, _workers(pid))))
            first = scoring.done
    return None


def _workers(pid: int) -> list[int]:
    """The engine's children that do its jobs; the judge on this machine stands for one elsewhere."""
    children = {int(each) for file in Path(f"/proc/{pid}/task").glob("*/children") for each in file.read_text().split()}
    return [child for child in children if b"calibtui.engine.jobs" in Path(f"/proc/{child}/cmdline").read_bytes()]


def _cpu_s(pid: int) -> float:
    """User and system time of a process, threads that have ended included."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class _Crowd:
    """A process that reads the snapshots of as many viewers, when it is told to, and does nothing with them."""

    def __init__(self, place: Place) -> None:
        self._told, theirs = multiprocessing.get_context("spawn").Pipe()
        self._process = multiprocessing.get_context("spawn").Process(target=_view, args=(str(place.socket), theirs))
        self._process.start()
        self.watch(False)

    def watch(self, watching: bool) -> None:
        """They watch, or don't, from now on."""
        self._told.send(watching)
        self._told.recv()

    def close(self) -> None:
        self._process.kill()
        self._process.join()


def _view(path: str, told: Connection) -> None:
    viewers: list[socket.socket] = []
    while True:
        if told.poll(0 if viewers else None):
            watching = told.recv()
            while viewers:
                viewers.pop().close()
            viewers += [_viewer(path, number) for number in range(VIEWERS if watching else 0)]
            told.send(None)
        for viewer in select.select(viewers, [], [], POLL_S)[0] if viewers else ():
            viewer.recv(1 << 16)


def _viewer(path: str, number: int) -> socket.socket:
    viewer = socket.socket(socket.AF_UNIX)
    viewer.connect(path)
    head = ("GET /snapshots HTTP/1.1", "host: engine", f"x-calibtui-wire: {WIRE}", f"x-calibtui-terminal: v{number}")
    viewer.sendall("\r\n".join([*head, "", ""]).encode())
    return viewer
