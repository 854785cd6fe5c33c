"""Activation ranges of single frames, as far as they were measured: read from the file that measuring keeps."""

from __future__ import annotations

import json
from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from calibtui.engine.queries.registry import QueryContext
from calibtui.engine.queries.remembering import remembered

_DIGEST_BYTES, _CHECK_BYTES, _HEADER_MOST = 32, 4, 8 << 20


@dataclass(frozen=True)
class MeasuredRanges:
    """`digests` of F measured frames; `low`, `high` (F, T) of each of `tensors`, stray elements left out. The file's
    format: see quantization.coverage.range_file."""

    tensors: tuple[str, ...]
    digests: tuple[str, ...]
    low: NDArray[np.float32]
    high: NDArray[np.float32]


def measured_now(context: QueryContext) -> MeasuredRanges | None:
    """What was measured last; None where nothing was."""
    path = newest_ranges(context.state)
    return None if path is None else remembered(context, "ranges", ranges_stamp(context), lambda: read_ranges(path))


def ranges_stamp(context: QueryContext) -> Hashable:
    """Another whenever more was measured."""
    path = newest_ranges(context.state)
    if path is None:
        return None
    about = path.stat()
    return path, about.st_mtime_ns, about.st_size


def newest_ranges(state: Path) -> Path | None:
    """The file of ranges that was written last."""
    files = [path for path in (state / "ranges").glob("*.ranges") if path.is_file()]
    return max(files, key=lambda path: path.stat().st_mtime_ns, default=None)


def read_ranges(path: Path) -> MeasuredRanges | None:
    """None for a file that is something else."""
    try:
        data = path.read_bytes()
        head = data[: data.find(b"\n", 0, _HEADER_MOST) + 1]
        tensors = tuple(map(str, json.loads(head)["tensors"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    size = _DIGEST_BYTES + 16 * len(tensors) + _CHECK_BYTES
    count = (len(data) - len(head)) // size
    rows = np.frombuffer(data, np.uint8, count * size, len(head)).reshape(count, size)
    digests = tuple(bytes(row[:_DIGEST_BYTES]).hex() for row in rows)
    bounds = np.ascontiguousarray(rows[:, _DIGEST_BYTES:-_CHECK_BYTES]).view("<f4").reshape(count, 4, len(tensors))
    return MeasuredRanges(tensors, digests, bounds[:, 2], bounds[:, 3])
