"""The Frames screen at 1,000,000 rows in a pseudo-terminal of 200×50: key to paint, bytes, CPU.

`python -m bench frames_screen`. A key is written to the terminal, and the time taken until the last byte of what it
caused has been read; what comes after a silence of `QUIET_S` belongs to something else (rows that arrive, the frame's
picture). The clock also runs while other processes do.
"""

from __future__ import annotations

import fcntl
import multiprocessing
import os
import pty
import select
import signal
import statistics
import struct
import sys
import tempfile
import termios
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.frames_query import fill_at
from calibtui.engine.client.starting import attach_or_start

COLUMNS, LINES = 200, 50
QUIET_S = 0.012
PAINT_MS, DOWN_BYTES, FIRST_ROWS_MS = 30.0, 600, 300.0
WORKSPACE = """\
[pool]
images = "nowhere"
[scoring]
model = "m"
[providers.p]
base_url = "http://127.0.0.1:9/v1"
[providers.p.models.m]
eur_per_million_input = 1.0
eur_per_million_output = 1.0
[selection]
size = 512
"""
TICKS = os.sysconf("SC_CLK_TCK")

DOWN, PAGE_DOWN, END, HOME = b"\x1b[B", b"\x1b[6~", b"G", b"g"


@dataclass(frozen=True, slots=True)
class Painted:
    """What one key caused: ms until the last byte of its paint, and how many bytes that was."""

    ms: float
    size: int


class Terminal:
    """The workbench in a terminal of its own."""

    def __init__(self, pid: int, descriptor: int) -> None:
        self.pid, self.descriptor = pid, descriptor

    def press(self, key: bytes, quiet_s: float = QUIET_S, within_s: float = 2.0) -> Painted:
        """Presses a key and waits for its paint."""
        started = last = time.monotonic()
        os.write(self.descriptor, key)
        size, wait = 0, within_s
        while select.select([self.descriptor], [], [], wait)[0]:
            size += len(os.read(self.descriptor, 1 << 20))
            last, wait = time.monotonic(), quiet_s
        return Painted(1000 * (last - started), size)

    def until(self, sought: bytes, key: bytes = b"", within_s: float = 60.0) -> float:
        """ms from `key` until the terminal shows `sought`. Raises RuntimeError where it never does."""
        started = time.monotonic()
        if key:
            os.write(self.descriptor, key)
        written = bytearray()
        while (left := started + within_s - time.monotonic()) > 0:
            if select.select([self.descriptor], [], [], left)[0]:
                written += os.read(self.descriptor, 1 << 20)
                if sought in written:
                    return 1000 * (time.monotonic() - started)
        raise RuntimeError(f"the workbench never showed {sought!r}")

    def settle(self, seconds: float = 1.5) -> int:
        """Reads for so long; how many bytes that was."""
        end, size = time.monotonic() + seconds, 0
        while (left := end - time.monotonic()) > 0:
            if select.select([self.descriptor], [], [], left)[0]:
                size += len(os.read(self.descriptor, 1 << 20))
        return size

    def cpu_ms(self) -> float:
        fields = Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return 1000 * (int(fields[11]) + int(fields[12])) / TICKS


@contextmanager
def workbench(*arguments: str) -> Iterator[Terminal]:
    pid, descriptor = pty.fork()
    if pid == 0:
        os.environ |= {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
        os.execv(sys.executable, [sys.executable, "-m", "bench.frames_screen_subject", *arguments])
    fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
    try:
        yield Terminal(pid, descriptor)
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(descriptor)


def run(quick: bool = False) -> dict[str, Any]:
    """{"name", "rows": [{"what", "value", "unit", "ratio", "target", "ok"}]}."""
    turns = 60 if quick else 300
    with workbench() as terminal:
        terminal.until(b"1,000,000")
        terminal.settle()
        rows = _walking(terminal, turns) + _leaping(terminal, turns) + _ordering(terminal, turns // 20)
        before = terminal.cpu_ms()
        idle = terminal.settle(5.0)
        rows += [
            _row("nothing happens, bytes to the terminal", idle, "B", idle == 0, "0"),
            {"what": "nothing happens, CPU", "value": (terminal.cpu_ms() - before) / 50, "unit": "% of a core"},
        ]
    return {"name": "frames_screen", "rows": rows + _over_an_engine(100_000 if quick else 1_000_000)}


def _over_an_engine(frames: int) -> list[dict[str, Any]]:
    """The same with the rows of a real engine on a real store: from the key until the first rows of another order."""
    with tempfile.TemporaryDirectory(prefix="calibtui-bench-") as folder:
        root = Path(folder)
        filling = multiprocessing.get_context("spawn").Process(target=fill_at, args=(root, frames))
        filling.start()
        filling.join()
        (root / "nowhere").mkdir()
        (root / "calibtui.toml").write_text(WORKSPACE, encoding="utf-8")
        place = attach_or_start(root)
        try:
            with workbench(str(root)) as terminal:
                return _ordering_rows(terminal, frames)
        finally:
            os.kill(place.pid, signal.SIGKILL)


def _ordering_rows(terminal: Terminal, frames: int) -> list[dict[str, Any]]:
    name = f"engine, {frames:,} frames"
    rows: list[dict[str, Any]] = [
        {"what": f"{name}: first rows after start", "value": terminal.until(f"{frames:,}".encode()), "unit": "ms"}
    ]
    terminal.settle(3.0)
    for what, key, sought in (
        ("turn round", b"r", "↑".encode()),
        ("sort by path, the first time", b">", b"path"),
        ("back to difficulty", b"<", b"difficulty"),
        ("filter score>80", b"/score>80\r", b" of "),
        ("no filter", b"\x1b", b"frames"),
    ):
        worst = terminal.until(sought, key)
        rows.append(_row(f"{name}: {what}", worst, "ms", worst <= FIRST_ROWS_MS, f"≤ {FIRST_ROWS_MS:.0f} ms"))
        terminal.settle(1.5)
    pages = [terminal.press(PAGE_DOWN) for _ in range(40)]
    terminal.settle()
    return [*rows, *_times(f"{name}: page down", pages)]


def _walking(terminal: Terminal, turns: int) -> list[dict[str, Any]]:
    """Down, held: quicker than a frame is looked at. Most presses repaint two lines, one in fifteen scrolls; where this
    machine is so busy that a key takes longer than a frame has to wait for being looked at, that is painted, too."""
    cpu = terminal.cpu_ms()
    painted = [terminal.press(DOWN) for _ in range(turns)]
    cpu = (terminal.cpu_ms() - cpu) / turns
    typical = statistics.median(each.size for each in painted)
    terminal.settle()
    return [
        *_times("down, held", painted),
        {"what": "down, held, CPU a key", "value": cpu, "unit": "ms"},
        _row("down within the screen, bytes", typical, "B", typical <= DOWN_BYTES, f"≤ {DOWN_BYTES}"),
        {"what": "down, bytes on average, scrolling included", "value": statistics.mean(p.size for p in painted),
         "unit": "B"},
    ]  # fmt: skip


def _leaping(terminal: Terminal, turns: int) -> list[dict[str, Any]]:
    """Screen by screen, and from end to end: rows that aren't here yet are painted as such at once."""
    pages = [terminal.press(PAGE_DOWN) for _ in range(turns // 3)]
    terminal.settle()
    ends = [terminal.press(key) for key in (END, HOME) * (turns // 6)]
    terminal.settle()
    return [*_times("page down", pages), *_times("to the other end of the pool", ends)]


def _ordering(terminal: Terminal, turns: int) -> list[dict[str, Any]]:
    """Until the first rows of another order stand there."""
    terminal.press(HOME)
    terminal.settle()
    times = []
    for place in range(max(2, turns)):
        times.append(terminal.until(b"0999999" if place % 2 == 0 else b"0000000", b"r"))
        terminal.settle(0.5)
    worst = max(times)
    return [_row("reverse to first rows, slowest", worst, "ms", worst <= FIRST_ROWS_MS, f"≤ {FIRST_ROWS_MS:.0f} ms")]


def _times(what: str, painted: Sequence[Painted]) -> list[dict[str, Any]]:
    times = sorted(each.ms for each in painted)
    p99 = _quantile(times, 0.99)
    return [
        {"what": f"{what}, key to paint, p50", "value": _quantile(times, 0.5), "unit": "ms"},
        _row(f"{what}, key to paint, p99", p99, "ms", p99 <= PAINT_MS, f"≤ {PAINT_MS:.0f} ms"),
    ]


def _quantile(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def _row(what: str, value: float, unit: str, ok: bool, target: str) -> dict[str, Any]:
    return {"what": what, "value": value, "unit": unit, "target": target, "ok": ok}
