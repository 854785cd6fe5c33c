"""What an engine in memory says of a pool of 1,234 frames, always the same: for what the screen looks like."""

from __future__ import annotations

import hashlib
from typing import Any

from tests.tui.stand_in import AT, MemoryEngine

from calibtui.engine.wire.frames import (
    Box,
    Find,
    Frame,
    FrameDetail,
    FrameLine,
    FramePage,
    FramePicture,
    Frames,
    Neighbour,
    PastScore,
    Picture,
    Place,
)

POOL = 1234
MARKS = ("", "picked", "", "dropped", "pinned", "", "excluded", "", "", "")
REASONS = ("glare on the cover", "low contrast", "small dense objects", "motion blur", "occluded")
NAMES = (
    "frame_{:05}.jpg",
    "[bold]frame_{:05}[dim].jpg",
    "日本語の長い名前のフレーム_{:05}.jpg",
    "a\x1b[31m{:05}\n.jpg",
)


def frame_line(place: int) -> FrameLine:
    name = NAMES[place % 17 % 4 if place % 17 < 4 else 0].format(place)
    failed, unscored = place == 7, place > POOL - 20
    return FrameLine(
        digest=hashlib.sha256(str(place).encode()).hexdigest(),
        uri=f"images/line{place % 3}/2026-11-{place % 28 + 1:02}/{name}",
        difficulty=None if failed or unscored else 1 - place / POOL,
        spread=None if place % 4 == 1 else place % 13 / 100,
        reasons=() if failed else (REASONS[place % 5], REASONS[place * 3 % 5]),
        mark=MARKS[place % 10],
        in_set=place % 10 in (1, 4, 5),
        classes=(("scratch", 1 + place % 3), ("dent", 1))[: place % 3],
        objects=place % 4,
        width=1920,
        height=1080,
        error="the reply is not JSON" if failed else "",
    )


def pool_engine() -> MemoryEngine:
    engine = MemoryEngine()
    engine.answers |= {Frames: _page, Find: lambda query: Place(row=0), Frame: _detail, FramePicture: _picture}
    return engine


def _page(query: Frames) -> FramePage:
    places = range(query.offset, min(POOL, query.offset + query.limit))
    return FramePage(
        total=POOL, matching=POOL, offset=query.offset, rows=tuple(frame_line(place) for place in places), data=1
    )


def _detail(query: Frame) -> FrameDetail:
    place = next(place for place in range(POOL) if frame_line(place).digest == query.digest)
    score: dict[str, Any] = {"difficulty": 0.93, "reasons": REASONS[:2], "prompt": "difficulty@1", "pass_number": 1}
    return FrameDetail(
        line=frame_line(place), path=f"/data/line3/images/{place}.jpg", format="JPEG", size_bytes=345_678,
        rank=place + 1, percentile=100 - place / 12.34, why="in the set: picked by hand",
        history=(
            PastScore(**score, requested_model="gpt-4o", answered_model="gpt-4o-2024-08-06", cached="", cost=3456,
                      latency_ms=812.0, at=AT, current=True),
            PastScore(**score, requested_model="mini", answered_model="[red]mini", cached="exact", cost=0,
                      latency_ms=3.0, at=AT - 9000, current=False),
        ),
        neighbours=tuple(
            Neighbour(digest=other.digest, uri=other.uri, similarity=0.99 - step / 50, difficulty=other.difficulty,
                      in_set=other.in_set)
            for step in range(1, 6)
            if (other := frame_line(place + step))
        ),
        boxes={
            "truth": (Box(x1=0.2, y1=0.2, x2=0.5, y2=0.6, label="scratch"),),
            "float": (Box(x1=0.25, y1=0.2, x2=0.55, y2=0.65, label="scratch", confidence=0.93),),
            "int8": (Box(x1=0.7, y1=0.6, x2=0.9, y2=0.9, label="dent", confidence=0.41),),
        },
        columns={"camera": "3"},
    )  # fmt: skip


def _picture(query: FramePicture) -> Picture:
    """Two colours: sky and ground."""
    width = min(query.width, query.height * 16 // 9)
    height = width * 9 // 16
    sky = width * (height // 2)
    return Picture(width=width, height=height, rgb=b"\x50\x60\x70" * sky + b"\x30\x2c\x20" * (width * height - sky))
