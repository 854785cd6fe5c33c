"""Makes the screenshots of docs/tour.md: the sample data, a real engine, real keys.

    python docs/tour/make.py

Scores, curates 64 frames, quantizes and compares, as the tour tells it. Takes one to three minutes.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ["COLORTERM"] = "truecolor"
os.environ.pop("NO_COLOR", None)

from calibtui.engine.client.client import Engine
from calibtui.engine.client.places import announced, socket_path
from calibtui.engine.client.socket import SocketEngine
from calibtui.engine.client.starting import attach_or_start
from calibtui.engine.wire.runs import Stop
from calibtui.pipeline.demo import make_demo
from calibtui.tui.app import Workbench

HERE = Path(__file__).resolve().parent
THEMES = HERE.parent.parent / "themes"
SIZE = (120, 36)
SHOWN = "/home/ada"
"""What the pictures say instead of the temporary directory; a name of the same length, so that nothing moves."""


def main() -> int:
    parent = Path(tempfile.gettempdir())
    parent /= "t" * max(1, len(SHOWN) - len(str(parent)) - 1)
    root = parent / "inspection"
    shutil.rmtree(root, ignore_errors=True)
    try:
        make_demo(root)
        attach_or_start(root)
        asyncio.run(Tour(root).walk())
    finally:
        place = announced(root)
        if place is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(place.pid, signal.SIGTERM)
        shutil.rmtree(root, ignore_errors=True)
    return 0


class Tour:
    def __init__(self, root: Path) -> None:
        self.root = root
        self.app = Workbench(self._connect, workspace=str(root), themes=THEMES, config=root / "config")
        self.pilot: Any = None

    async def _connect(self) -> Engine:
        return SocketEngine(socket_path(self.root), terminal="tour")

    async def walk(self) -> None:
        async with self.app.run_test(size=SIZE) as self.pilot:
            await self._score()
            await self._curate()
            await self._quantize()
            await self._compare()
            await self.app.connection.do(Stop(confirmed=True))

    async def _score(self) -> None:
        await self._until(lambda: "not yet" in self._text())
        await self._keep("overview")
        await self._press("s", "2")
        await self._until(lambda: "yes, go ahead" in self._text())
        await self._keep("forecast")
        await self._press("enter")
        await self._until(lambda: self._scored() > 150)
        await self._keep("scoring")
        await self._until(lambda: not self._busy(), 180)
        await self._press("2")
        await self._until(lambda: "rank 1" in self._text())
        await self.pilot.pause(1.5)
        await self._press("down", "down")
        await self.pilot.pause(1.5)
        await self._keep("frames")

    async def _curate(self) -> None:
        await self._press("3")
        await self._until(lambda: "64 frames" in self._text())
        await self._press("right")
        await self._until(lambda: "tried out" in self._text())
        await self.pilot.pause(2.0)
        await self._keep("set")
        await self._press("k")
        await self._until(lambda: "tried out" not in self._text())
        await self._press("L")
        await self._until(lambda: "Lock the draft" in self._text())
        await self._press(*"release-1")
        await self._keep("lock")
        await self._press("enter")
        await self._until(lambda: "the same frames as" in self._text())

    async def _quantize(self) -> None:
        await self._press("4")
        await self._until(lambda: "set: release-1" in self._text())
        await self._press("g")
        await self._until(lambda: re.search(r"[1-9][0-9]* of 64 ", self._text()) is not None, 60)
        await self._keep("quantize")
        await self._until(lambda: "5 reads the comparison" in self._text(), 240)

    async def _compare(self) -> None:
        await self._press("5")
        await self._until(lambda: "95 % interval" in self._text() and "eval/" in self._text())
        await self.pilot.pause(1.0)
        await self._keep("compare")
        await self._press("right_square_bracket", "enter")
        await self._until(lambda: "float finds" in self._text())
        await self.pilot.pause(2.0)
        await self._keep("lost-frame")
        await self._press("escape")

    async def _press(self, *keys: str) -> None:
        for key in keys:
            await self.pilot.press(key)
            await self.pilot.pause(0.1)

    async def _until(self, happened: Callable[[], bool], seconds: float = 30.0) -> None:
        for _ in range(int(seconds / 0.05)):
            await self.pilot.pause(0.05)
            if happened():
                return
        raise SystemExit(f"The tour stopped: this is not what it expects to see.\n{self._text()}")

    def _text(self) -> str:
        strips = self.app.screen._compositor.render_strips()
        return "\n".join("".join(segment.text for segment in strip) for strip in strips)

    def _scored(self) -> int:
        scoring = self.app.snapshot.scoring if self.app.snapshot else None
        return scoring.done if scoring else 0

    def _busy(self) -> bool:
        jobs = self.app.snapshot.jobs if self.app.snapshot else ()
        return any(job.state in ("queued", "running", "paused") for job in jobs)

    async def _keep(self, name: str) -> None:
        """The screen as a file. Fonts are the reader's own: a picture in the documentation fetches nothing."""
        await self.pilot.pause(0.2)
        svg = self.app.export_screenshot(title="calibtui")
        svg = re.sub(r"@font-face\s*\{.*?\}", "", svg, flags=re.DOTALL)
        svg = svg.replace("Fira Code", "monospace").replace(str(self.root.parent), SHOWN)
        svg = "\n".join(line.rstrip() for line in svg.splitlines()) + "\n"
        (HERE / f"{name}.svg").write_text(svg, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
