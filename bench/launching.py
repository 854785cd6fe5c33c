"""`calibtui launch` on an engine that runs, from the start of the process until the screen stands on the terminal: on a
small store and on one of 1,000,000 frames, beside Textual's hello app, in turns."""

from __future__ import annotations

import multiprocessing
import os
import signal
import statistics
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from bench.frames_query import fill_at
from bench.frames_screen import WORKSPACE
from bench.tui import SLOWER, first_paint
from calibtui.engine.client.starting import attach_or_start

SMALL = 600

Times = Sequence[tuple[float, float]]
"""Of every turn the seconds, wall and CPU."""


def run(quick: bool = False) -> dict[str, Any]:
    """{"name", "rows": [{"what", "value", "unit", "ratio", "target", "ok"}]}. CPU is the launched process's own."""
    large, turns = (100_000, 5) if quick else (1_000_000, 11)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="calibtui-bench-")))
        os.environ |= {"XDG_RUNTIME_DIR": str(folder), "XDG_CONFIG_HOME": str(folder)}
        roots = {frames: _warm(stack, folder / str(frames), frames) for frames in (SMALL, large)}
        hello: list[tuple[float, float]] = []
        starts: dict[str, list[tuple[float, float]]] = {}
        for _ in range(turns):
            hello.append(first_paint("-m", "bench.tui_subject", "hello", until=b"Hello"))
            for frames, root in roots.items():
                for what, sought in (("first paint", "Overview"), ("every figure", f"{frames:,} frames")):
                    start = first_paint("-m", "calibtui", "launch", str(root), until=sought.encode())
                    starts.setdefault(f"{frames:,} frames, {what}", []).append(start)
    return {"name": "launching", "rows": _rows(hello, starts)}


def _warm(stack: ExitStack, root: Path, frames: int) -> Path:
    """A workspace of so many scored frames, whose engine runs and has been attached to."""
    root.mkdir()
    filling = multiprocessing.get_context("spawn").Process(target=fill_at, args=(root, frames))
    filling.start()
    filling.join()
    (root / "nowhere").mkdir()
    (root / "calibtui.toml").write_text(WORKSPACE, encoding="utf-8")
    stack.callback(os.kill, attach_or_start(root).pid, signal.SIGKILL)
    first_paint("-m", "calibtui", "launch", str(root), until=f"{frames:,} frames".encode())
    return root


def _rows(hello: Times, starts: dict[str, list[tuple[float, float]]]) -> list[dict[str, Any]]:
    rows = []
    for place, kind in enumerate(("wall", "CPU")):
        bare = statistics.median(each[place] for each in hello)
        rows.append({"what": f"hello app, {kind}", "value": 1000 * bare, "unit": "ms"})
        for what, times in starts.items():
            seconds = statistics.median(each[place] for each in times)
            # Of neighbours in time, as the machine has more to do at one time than at another.
            ratio = statistics.median(each[place] / its[place] for each, its in zip(times, hello, strict=True))
            row = {"what": f"launch, {what}, {kind}", "value": 1000 * seconds, "unit": "ms", "ratio": ratio}
            held = {"target": f"≤ {SLOWER}× hello", "ok": ratio <= SLOWER} if "first" in what else {}
            rows.append({**row, **held})
    return rows
