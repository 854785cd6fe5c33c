"""Whether the engine answers while it quantizes."""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
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

ALLOWED_MS = 50.0
EVERY_S = 0.02


def run(quick: bool = False) -> dict[str, Any]:
    """p99 of a small question, ms, beside the same on the idle engine."""
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
    await _done(engine, Start(stages=("score",), confirmed=True))
    chosen = ("selection.size=500", "selection.strategy=random")
    await _done(engine, Start(stages=("select",), overrides=chosen, confirmed=True))
    idle = await _latencies(engine, asyncio.create_task(asyncio.sleep(3.0)))
    busy = await _latencies(engine, asyncio.create_task(_quantized(engine, rounds)))
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
        ],
    }


async def _quantized(engine: SocketEngine, rounds: int) -> None:
    for calibrator, _ in zip(itertools.cycle(("minmax", "percentile", "mse", "entropy")), range(rounds), strict=False):
        start = Start(stages=("quantize",), overrides=(f"quantization.calibrator={calibrator}",), confirmed=True)
        await _done(engine, start)


async def _done(engine: SocketEngine, start: Start) -> None:
    job = (await engine.do(start)).job
    async for snapshot in engine.snapshots():
        found = next((each for each in snapshot.jobs if each.name == job), None)
        if found is not None and found.ended_at is not None:
            assert found.state == "done", found.error
            return


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


def _p99(values: list[float]) -> float:
    return sorted(values)[min(len(values) - 1, int(0.99 * len(values)))]
