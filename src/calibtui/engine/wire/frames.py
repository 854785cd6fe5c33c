"""The pool, page by page; one frame in full; its picture."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from calibtui.engine.wire.exchange import Query

SORTS = ("difficulty", "path", "spread", "objects", "classes", "size", "captured", "mark")


class FrameLine(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A row of the pool. `digest` is the lower-case hex SHA-256. `difficulty` in [0, 1] or None where unscored;
    `spread`: the largest difference between its passes. `mark`: "", "picked", "dropped", "pinned" or "excluded";
    `in_set`: belongs to the draft set as it stands. `classes`: names of annotated classes with counts, most first.
    `cached`: "exact", "similar" or "". `error`: why it could not be read or scored."""

    digest: str
    uri: str
    difficulty: float | None
    spread: float | None = None
    reasons: tuple[str, ...] = ()
    mark: str = ""
    in_set: bool = False
    classes: tuple[tuple[str, int], ...] = ()
    objects: int | None = None
    width: int = 0
    height: int = 0
    cached: str = ""
    error: str = ""


class FramePage(msgspec.Struct, frozen=True, kw_only=True):
    """`matching` of `total` frames pass the filter; `rows` begin at `offset`. `data`: of the snapshot that the rows are
    of. While scores pour in over a large pool it is older than the newest snapshot's: ask again a second later."""

    total: int
    matching: int
    offset: int
    rows: tuple[FrameLine, ...]
    data: int


class Frames(Query[FramePage], frozen=True, kw_only=True):
    """Rows in the order of `sort` (of SORTS), hardest or last first where `descending`; `filter` in the language of
    `calibtui.core.frame_filter`. Unscored frames come last in either direction."""

    path: ClassVar[str] = "frames"
    answer: ClassVar[type] = FramePage
    sort: str = "difficulty"
    descending: bool = True
    filter: str = ""
    offset: int = 0
    limit: int = 100


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """`row` counts from 0 in the order asked for; None where no frame is there."""

    row: int | None


class Find(Query[Place], frozen=True, kw_only=True):
    """Where a frame is (`digest`), or the row at `percentile` of difficulty (0–100, 100 the hardest)."""

    path: ClassVar[str] = "find"
    answer: ClassVar[type] = Place
    sort: str = "difficulty"
    descending: bool = True
    filter: str = ""
    digest: str | None = None
    percentile: float | None = None


class Box(msgspec.Struct, frozen=True, kw_only=True):
    """x1, y1, x2, y2 as fractions of the frame's width and height. `confidence` None: ground truth."""

    x1: float
    y1: float
    x2: float
    y2: float
    label: str
    confidence: float | None = None


class PastScore(msgspec.Struct, frozen=True, kw_only=True):
    """One stored verdict. `cost` in micro-EUR."""

    difficulty: float
    reasons: tuple[str, ...]
    prompt: str
    requested_model: str
    answered_model: str
    pass_number: int
    cached: str
    cost: int
    latency_ms: float
    at: float
    current: bool


class Neighbour(msgspec.Struct, frozen=True, kw_only=True):
    """A frame that looks like it, by the cosine `similarity` of their descriptors."""

    digest: str
    uri: str
    similarity: float
    difficulty: float | None
    in_set: bool


class FrameDetail(msgspec.Struct, frozen=True, kw_only=True):
    """`why`: why the draft set holds it, or why not. `boxes`: by source, "truth", "float" and "int8", as far as they
    are known (predictions are known for frames that were evaluated or judged by the detector)."""

    line: FrameLine
    path: str
    format: str
    size_bytes: int
    rank: int | None
    percentile: float | None
    why: str
    history: tuple[PastScore, ...]
    neighbours: tuple[Neighbour, ...]
    boxes: dict[str, tuple[Box, ...]]
    columns: dict[str, str] = {}


class Frame(Query[FrameDetail], frozen=True, kw_only=True):
    """One frame in full. `digest` of the pool or of an evaluation frame."""

    path: ClassVar[str] = "frame"
    answer: ClassVar[type] = FrameDetail
    digest: str


class Picture(msgspec.Struct, frozen=True, kw_only=True):
    """`rgb`: width × height × 3 bytes, row by row (base64 in JSON). `png`: the same as a file, where asked for."""

    width: int
    height: int
    rgb: bytes = b""
    png: bytes = b""


class FramePicture(Query[Picture], frozen=True, kw_only=True):
    """The frame scaled down to fit into `width` × `height` px, aspect kept; never scaled up. `predict`: nothing is
    computed for it. `crop`: x1, y1, x2, y2 as fractions, to look closer."""

    path: ClassVar[str] = "picture"
    answer: ClassVar[type] = Picture
    digest: str
    width: int
    height: int
    png: bool = False
    crop: tuple[float, float, float, float] | None = None


class Detections(msgspec.Struct, frozen=True, kw_only=True):
    """`boxes` by model, "float" and "int8" (the newest), as far as there are models."""

    boxes: dict[str, tuple[Box, ...]]
    said: str = ""


class Detect(Query[Detections], frozen=True, kw_only=True):
    """Runs the float model, and the newest INT8 one, on this one frame, at low priority; answers are remembered."""

    path: ClassVar[str] = "detect"
    answer: ClassVar[type] = Detections
    digest: str
