"""The workbench in a pseudo-terminal: first paint beside Textual's hello app, bytes to the terminal, CPU.

`python -m bench tui`. First paint: from the start of the process until the text stands on the terminal, in turns.
"""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import statistics
import struct
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

COLUMNS, LINES = 120, 40
SLOWER = 1.3
LIVE_BYTES = 4096
IDLE_SHARE, LIVE_SHARE = 1.0, 8.0
SETTLE_S = 4.0


@dataclass(frozen=True, slots=True)
class Subject:
    """A process in its own terminal."""

    pid: int
    terminal: int

    def read(self, seconds: float, until: bytes = b"") -> bytes:
        """What it writes in so many seconds, or until it has written `until`."""
        written, end = bytearray(), time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if select.select([self.terminal], [], [], left)[0]:
                written += os.read(self.terminal, 65_536)
                if until and until in written:
                    return bytes(written)
        return bytes(written)

    def cpu_s(self) -> float:
        """Time on a core so far, s: of all threads that there are."""
        tasks = Path(f"/proc/{self.pid}/task").iterdir()
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


@contextmanager
def subject(*arguments: str) -> Iterator[Subject]:
    """Python with `arguments`, in a terminal of its own."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ |= {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
        os.execv(sys.executable, [sys.executable, *arguments])
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
    try:
        yield Subject(pid, terminal)
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(terminal)


def run(quick: bool = False) -> dict[str, Any]:
    """{"name", "rows": [{"what", "value", "unit", "ratio", "target", "ok"}]}."""
    turns, seconds = (3, 8.0) if quick else (7, 30.0)
    turn = [(_shown("hello", b"Hello"), _shown("still", b"Overview"), _shown("still", b"of 80,000"))
            for _ in range(turns)]  # fmt: skip
    hello, ours, full = (
        tuple(statistics.median(paints[which][kind] for paints in turn) for kind in (0, 1)) for which in range(3)
    )
    still_bytes, still_cpu = _steady("still", seconds)
    live_bytes, live_cpu = _steady("live", seconds)
    return {
        "name": "tui",
        "rows": [
            {"what": "hello app, first paint, CPU", "value": 1000 * hello[1], "unit": "ms"},
            _row("workbench, first paint, CPU", 1000 * ours[1], "ms", ours[1] <= SLOWER * hello[1],
                 f"≤ {SLOWER}× hello", ours[1] / hello[1]),
            _figures("CPU", full[1], hello[1]),
            {"what": "hello app, first paint, wall", "value": 1000 * hello[0], "unit": "ms"},
            _row("workbench, first paint, wall", 1000 * ours[0], "ms", ours[0] <= SLOWER * hello[0],
                 f"≤ {SLOWER}× hello", ours[0] / hello[0]),
            _figures("wall", full[0], hello[0]),
            _row("nothing changes, bytes to the terminal", still_bytes, "B/s", still_bytes == 0, "0"),
            _row("nothing changes, CPU", still_cpu, "% of a core", still_cpu <= IDLE_SHARE, f"≤ {IDLE_SHARE:.0f} %"),
            _row(f"live at {COLUMNS}×{LINES}, bytes to the terminal", live_bytes, "B/s", live_bytes <= LIVE_BYTES,
                 f"≤ {LIVE_BYTES}"),
            _row("live, CPU", live_cpu, "% of a core", live_cpu <= LIVE_SHARE, f"≤ {LIVE_SHARE:.0f} %"),
        ],
    }  # fmt: skip


def _row(what: str, value: float, unit: str, ok: bool, target: str, ratio: float | None = None) -> dict[str, Any]:
    row = {"what": what, "value": value, "unit": unit, "target": target, "ok": ok}
    return row if ratio is None else {**row, "ratio": ratio}


def _figures(kind: str, seconds: float, hello: float) -> dict[str, Any]:
    return {"what": f"workbench, every figure, {kind}", "value": 1000 * seconds, "unit": "ms", "ratio": seconds / hello}


def _shown(what: str, until: bytes) -> tuple[float, float]:
    return first_paint("-m", "bench.tui_subject", what, until=until)


def first_paint(*arguments: str, until: bytes) -> tuple[float, float]:
    """Seconds from the start of Python with `arguments` until its terminal shows `until`: (wall, CPU)."""
    started = time.monotonic()
    with subject(*arguments) as process:
        if until not in process.read(60.0, until):
            raise RuntimeError(f"{' '.join(arguments)} never showed {until!r}")
        return time.monotonic() - started, process.cpu_s()


def _steady(what: str, seconds: float) -> tuple[float, float]:
    """(bytes a second, % of a core) once it has settled."""
    with subject("-m", "bench.tui_subject", what) as process:
        process.read(60.0, b"live")
        process.read(SETTLE_S)
        before = process.cpu_s()
        written = len(process.read(seconds))
        return written / seconds, 100 * (process.cpu_s() - before) / seconds
