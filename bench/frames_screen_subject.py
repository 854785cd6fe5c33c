"""What bench/frames_screen.py runs in a terminal: the workbench on its Frames screen.

`python -m bench.frames_screen_subject`: over a million rows that are made up as they are asked for, so that only the
workbench is measured. `python -m bench.frames_screen_subject WORKSPACE`: over the engine of a workspace, which runs.
"""

from __future__ import annotations

import asyncio
import hashlib
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec

from calibtui.engine.wire.frames import (
    Find,
    Frame,
    FrameDetail,
    FrameLine,
    FramePage,
    FramePicture,
    Frames,
    Picture,
    Place,
)

ROWS = 1_000_000
ANSWERS_AFTER_S = 0.02
"""About what an engine takes for a page."""

THEMES = Path(__file__).resolve().parent.parent / "themes"
REASONS = ("glare on the sensor cover", "small dense objects", "motion blur", "low contrast", "unusual viewpoint")


class Rows:
    """An engine whose pool is a formula."""

    async def ask(self, query: Any) -> Any:
        await asyncio.sleep(ANSWERS_AFTER_S)
        if isinstance(query, Frames):
            rows = ROWS // 10 if query.filter else ROWS
            places = range(query.offset, min(rows, query.offset + query.limit))
            turn = (lambda place: place) if query.descending else (lambda place: rows - 1 - place)
            return FramePage(
                total=ROWS,
                matching=rows,
                offset=query.offset,
                rows=tuple(line(turn(place)) for place in places),
                data=1,
            )
        if isinstance(query, Find):
            return Place(row=0)
        if isinstance(query, Frame):
            return FrameDetail(
                line=msgspec.structs.replace(line(0), digest=query.digest), path="/data/frame.jpg", format="JPEG",
                size_bytes=345_000, rank=1, percentile=99.0, why="hardest", history=(), neighbours=(), boxes={},
            )  # fmt: skip
        if isinstance(query, FramePicture):
            return picture(query)
        from calibtui.engine.wire.curation import Changes

        return Changes(changes=())

    async def do(self, command: Any) -> Any:
        raise AssertionError("nothing is done here")

    async def snapshots(self) -> AsyncIterator[Any]:
        from bench.tui_subject import moment

        yield msgspec.structs.replace(moment(0), data=1)
        await asyncio.sleep(3600)

    async def close(self) -> None:
        return


def line(place: int) -> FrameLine:
    """Frame `place` of the made-up pool."""
    return FrameLine(
        digest=hashlib.sha256(str(place).encode()).hexdigest(),
        uri=f"images/line{place % 5}/2026-11-{place % 28 + 1:02}/cam{place % 3}/frame_{place:07}.jpg",
        difficulty=1 - place / ROWS, spread=place % 20 / 100, reasons=(REASONS[place % 5], REASONS[place % 3]),
        in_set=place % 7 == 0, classes=(("scratch", 3), ("dent", 1)), objects=4, width=1920, height=1080,
    )  # fmt: skip


def picture(query: FramePicture) -> Picture:
    """A photograph's worth of colours: no two neighbouring pixels are equal."""
    width, height = query.width, min(query.height, query.width * 9 // 16)
    seed = int(query.digest[:4], 16)
    rgb = bytes(
        (x * 3 + y * 5 + seed * channel) & 255 for y in range(height) for x in range(width) for channel in (1, 2, 3)
    )
    return Picture(width=width, height=height, rgb=rgb)


def main() -> None:
    from calibtui.tui.app import Workbench

    async def connect() -> Any:
        if len(sys.argv) > 1:
            from calibtui.engine.client.places import socket_path
            from calibtui.engine.client.socket import SocketEngine

            return SocketEngine(socket_path(Path(sys.argv[1])), terminal="bench")
        return Rows()

    class OnFrames(Workbench):
        DEFAULT_MODE = "frames"

    with tempfile.TemporaryDirectory() as config:
        OnFrames(connect, workspace="/data/line3", themes=THEMES, config=Path(config)).run()


if __name__ == "__main__":
    main()
