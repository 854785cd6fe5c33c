"""The index pass beside its physical limits: hashing and decoding alone, and a bare walk of the same directory.

Frames/s per core are of CPU time, which a shared machine changes least; the re-index is wall time.
"""

from __future__ import annotations

import hashlib
import io
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from calibtui.core.frames import Candidate, IndexedFrame
from calibtui.core.progress import StopFlag, silent
from calibtui.pipeline.context import Context
from calibtui.pipeline.index_stage import index_role
from calibtui.pool.index import DESCRIPTOR_VERSION, index_frames
from calibtui.pool.sources import find_candidates
from calibtui.store.store import Store
from calibtui.workspace.load import settings_from

Row = dict[str, Any]
FRAMES_PER_CORE = 150.0
UNCHANGED_SECONDS = 3.0
UNCHANGED_FILES = 100_000


def run(quick: bool = False) -> dict[str, Any]:
    """{"name", "rows": [{"what", "value", "unit", "ratio", "target", "ok"}]}. `ratio` is to the limit measured in the
    same run, 1 the best; `quick` takes fewer files and scales the target of the walk with them."""
    with tempfile.TemporaryDirectory(prefix="calibtui-bench-") as directory:
        root = Path(directory)
        rows = _indexing(root, frames=24 if quick else 160, repeats=2 if quick else 3)
        rows += _unchanged(root, files=10_000 if quick else UNCHANGED_FILES)
    return {"name": "indexing", "rows": rows}


def _indexing(root: Path, frames: int, repeats: int) -> list[Row]:
    paths = _frames(root / "frames", frames)
    candidates = find_candidates(["frames"], root)
    blobs = [path.read_bytes() for path in paths]
    both = _cpu(lambda: [_hash_and_decode(blob) for blob in blobs], repeats) / frames
    limit = 1 / both
    rows = [
        _row("bare sha256 + 1/8 draft decode (Pillow)", limit, "frames/s per core"),
        _row("mean size of a frame", sum(map(len, blobs)) / frames / 1000, "kB"),
    ]
    for workers in (1, 2):
        seconds = _cpu(lambda workers=workers: _index(candidates, workers), repeats) / frames
        what = f"index pass, 1080p JPEG, {workers} thread{'s' if workers > 1 else ''}"
        target = f"≥ {FRAMES_PER_CORE:g} frames/s per core"
        rows.append(
            _row(what, 1 / seconds, "frames/s per core", seconds / both, target, 1 / seconds >= FRAMES_PER_CORE)
        )
    return rows


def _unchanged(root: Path, files: int) -> list[Row]:
    """The whole index stage over files that the store knows: finding them, what is known, what has gone."""
    _small_files(root / "small", files)
    settings = settings_from({"pool": {"images": "small"}}, root, root / "calibtui.toml")
    most = UNCHANGED_SECONDS * files / UNCHANGED_FILES
    bare = _wall(lambda: _bare_walk(root / "small"), 2)
    with Store(settings.state) as store:
        context = Context(settings, store, "bench", silent, StopFlag())
        stamps = [
            IndexedFrame(file.uri, file.path, file.uri, file.size_bytes, file.mtime_ns, 1, 1, "JPEG", None, "unusable")
            for file in find_candidates(["small"], root)
        ]
        store.frames.write("pool", stamps, DESCRIPTOR_VERSION)
        ours = _wall(lambda: index_role(context, "pool", settings.pool.images), 3)
    return [
        _row(f"bare os.scandir + stat, {files:,} files", bare, "s"),
        _row(f"re-index of {files:,} unchanged files", ours, "s", ours / bare, f"≤ {most:g} s", ours <= most),
    ]


def _index(candidates: Sequence[Candidate], workers: int) -> None:
    rows = [row for batch in index_frames(candidates, {}, workers=workers, stop=StopFlag()) for row in batch]
    unreadable = [row.reason for row in rows if row.reason]
    if len(rows) != len(candidates) or unreadable:
        raise RuntimeError(f"the index pass did not read every frame: {unreadable[:1]}")


def _hash_and_decode(blob: bytes) -> None:
    hashlib.sha256(blob).digest()
    with Image.open(io.BytesIO(blob)) as image:
        image.draft(None, (image.width // 8, image.height // 8))
        image.load()


def _bare_walk(directory: Path) -> int:
    count, waiting = 0, [str(directory)]
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                else:
                    count += entry.stat().st_size >= 0
    return count


def _frames(directory: Path, count: int) -> list[Path]:
    """`count` different 1080p JPEGs with shading, surface texture, scratches and sensor noise, about 0.4 MB each."""
    directory.mkdir()
    rng = np.random.default_rng(0)
    paths = []
    for number in range(count):
        path = directory / f"frame_{number:04}.jpg"
        Image.fromarray(_surface(rng)).save(path, quality=85)
        paths.append(path)
    return paths


def _surface(rng: np.random.Generator) -> np.ndarray:
    """(1080, 1920, 3) uint8: noise at four scales, as light, cast structure, grain and sensor give it."""
    total = np.full((1080, 1920), 120.0, np.float32)
    for cells, strength in ((4, 50), (40, 18), (400, 14)):
        coarse = rng.normal(0, strength, (cells * 9 // 16 + 1, cells)).astype(np.float32)
        total += np.asarray(Image.fromarray(coarse).resize((1920, 1080), Image.Resampling.BICUBIC))
    for _ in range(12):
        y, x, length = rng.integers(0, 1000), rng.integers(0, 1700), rng.integers(30, 200)
        total[y : y + 2, x : x + length] += 60
    total += rng.normal(0, 5, total.shape).astype(np.float32)
    tint = np.array([1.0, 0.97, 0.9], np.float32)
    return np.clip(total[..., None] * tint, 0, 255).astype(np.uint8)


def _small_files(directory: Path, count: int) -> None:
    for station in range(0, count, 1000):
        (directory / f"station_{station:06}").mkdir(parents=True)
        for number in range(min(1000, count - station)):
            (directory / f"station_{station:06}" / f"frame_{number:06}.jpg").touch()


def _cpu(work: Callable[[], object], repeats: int) -> float:
    """The least CPU seconds, of all threads, of `repeats` runs after a first one to warm up."""
    work()
    times = []
    for _ in range(repeats):
        started = time.process_time()
        work()
        times.append(time.process_time() - started)
    return min(times)


def _wall(work: Callable[[], object], repeats: int) -> float:
    """The least wall seconds of `repeats` runs."""
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return min(times)


def _row(
    what: str,
    value: float,
    unit: str,
    ratio: float | None = None,
    target: str | None = None,
    ok: bool | None = None,
) -> Row:
    return {"what": what, "value": value, "unit": unit, "ratio": ratio, "target": target, "ok": ok}
