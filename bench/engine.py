"""Whether the engine answers while it quantizes, and whether eight who watch slow the scoring."""

from __future__ import annotations

import asyncio
import itertools
import multiprocessing
import os
import shutil
import socket
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from calibtui.engine.client.places import Place
from calibtui.engine.client.socket import SocketEngine
from calibtui.engine.client.starting import attach_or_start
from calibtui.engine.wire.runs import Start, Stop
from calibtui.engine.wire.sets import Sets
from calibtui.pipeline.demo import make_demo

VIEWERS = 8
ALLOWED_SLOWER = 1.03
ALLOWED_MS = 50.0
EVERY_S = 0.02


def run(quick: bool = False) -> dict[str, Any]:
    """p99 of a small question, ms, beside the same on the idle engine; seconds to score the sample pool without and
    with viewers, in alternating rounds."""
    folder = Path(tempfile.mkdtemp(prefix="calibtui-bench-"))
    os.environ["XDG_RUNTIME_DIR"] = str(folder)
    try:
        root = make_demo(folder / "demo")
        place = attach_or_start(root)
        return asyncio.run(_measured(place, 2 if quick else 5))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _measured(place: Place, rounds: int) -> dict[str, Any]:
    engine = SocketEngine(place.socket, terminal="bench")
    temperatures = itertools.count(1)
    await _scored(engine, next(temperatures))
    chosen = ("selection.size=500", "selection.strategy=random")
    await _done(engine, Start(stages=("select",), overrides=chosen, confirmed=True))
    idle = await _latencies(engine, asyncio.create_task(asyncio.sleep(3.0)))
    busy = await _latencies(engine, asyncio.create_task(_quantized(engine, rounds)))
    alone, watched, cpu = [], [], []
    for _ in range(rounds):
        began = _cpu_seconds(place.pid)
        alone.append(await _scored(engine, next(temperatures)))
        between = _cpu_seconds(place.pid)
        with _Viewers(place):
            watched.append(await _scored(engine, next(temperatures)))
        cpu.append((_cpu_seconds(place.pid) - between) - (between - began))
    ratio = statistics.median(watched) / statistics.median(alone)
    spread = max(alone) / min(alone)
    await engine.do(Stop(confirmed=True))
    await engine.close()
    return {
        "name": "engine",
        "rows": [
            {"what": "a question to the idle engine, p99", "value": _p99(idle), "unit": "ms"},
            {
                "what": "the same while it quantizes, p99",
                "value": _p99(busy),
                "unit": "ms",
                "ratio": _p99(busy) / _p99(idle),
                "target": f"< {ALLOWED_MS:.0f} ms",
                "ok": _p99(busy) < ALLOWED_MS,
            },
            {"what": "scoring 594 frames, nobody watching", "value": statistics.median(alone), "unit": "s"},
            {
                "what": f"the same with {VIEWERS} watching (one round differs from another by {spread:.2f}×)",
                "value": statistics.median(watched),
                "unit": "s",
                "ratio": ratio,
                "target": f"≤ {ALLOWED_SLOWER}×",
                "ok": ratio <= ALLOWED_SLOWER,
            },
            {
                "what": "CPU that they take of the engine meanwhile",
                "value": 1000 * statistics.median(cpu),
                "unit": "ms",
                "ratio": statistics.median(cpu) / statistics.median(alone),
            },
        ],
    }


async def _quantized(engine: SocketEngine, rounds: int) -> None:
    for calibrator, _ in zip(itertools.cycle(("minmax", "percentile", "mse", "entropy")), range(rounds), strict=False):
        start = Start(stages=("quantize",), overrides=(f"quantization.calibrator={calibrator}",), confirmed=True)
        await _done(engine, start)


async def _scored(engine: SocketEngine, number: int) -> float:
    """Seconds between the first and the last answer: another temperature makes every question a new one."""
    overrides = (f"scoring.temperature={number / 1000}", "scoring.concurrency=8")
    return await _done(engine, Start(stages=("score",), overrides=overrides, confirmed=True))


async def _done(engine: SocketEngine, start: Start) -> float:
    job = (await engine.do(start)).job
    began = 0.0
    async for snapshot in engine.snapshots():
        found = next((each for each in snapshot.jobs if each.name == job), None)
        scoring = snapshot.scoring
        if not began and found is not None and scoring is not None and scoring.run == found.run and scoring.done:
            began = time.perf_counter()
        if found is not None and found.ended_at is not None:
            assert found.state == "done", found.error
            break
    return time.perf_counter() - began


async def _latencies(engine: SocketEngine, meanwhile: asyncio.Task[None]) -> list[float]:
    """Milliseconds of one question after the other, until `meanwhile` is over."""
    took = []
    while not meanwhile.done():
        before = time.perf_counter()
        await engine.ask(Sets())
        took.append(1000 * (time.perf_counter() - before))
        await asyncio.sleep(EVERY_S)
    await meanwhile
    return took


def _cpu_seconds(pid: int) -> float:
    """Of the process itself, user and system."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _p99(values: list[float]) -> float:
    return sorted(values)[min(len(values) - 1, int(0.99 * len(values)))]


class _Viewers:
    """A process that reads the snapshots of as many viewers, and does nothing with them."""

    def __init__(self, place: Place) -> None:
        self._process = multiprocessing.get_context("spawn").Process(target=_view, args=(str(place.socket),))

    def __enter__(self) -> None:
        self._process.start()

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.join()


def _view(path: str) -> None:
    import selectors

    selector = selectors.DefaultSelector()
    for number in range(VIEWERS):
        viewer = socket.socket(socket.AF_UNIX)
        viewer.connect(path)
        head = (
            f"GET /snapshots HTTP/1.1\r\nhost: engine\r\nx-calibtui-wire: 1\r\nx-calibtui-terminal: v{number}\r\n\r\n"
        )
        viewer.sendall(head.encode())
        selector.register(viewer, selectors.EVENT_READ)
    while True:
        for key, _ in selector.select():
            key.fileobj.recv(1 << 16)  # type: ignore[union-attr]
