"""Which activation ranges of the pool a set misses, as far as frames were measured (`calibtui coverage`)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from calibtui.engine.queries.pool_view import PoolView
from calibtui.engine.queries.registry import QueryContext
from calibtui.engine.queries.remembering import remembered
from calibtui.engine.wire.sets import TensorRange

UNKNOWN = "The pool's activation ranges are not measured: `calibtui coverage` does it, once a model."
LEAST_CLIPPED = 0.02
SHOWN = 40
FIXES = 3
_DIGEST_BYTES, _CHECK_BYTES, _HEADER_MOST = 32, 4, 8 << 20

Places = NDArray[np.int64]


@dataclass(frozen=True)
class MeasuredRanges:
    """`digests` of F measured frames; `low`, `high` (F, T) of each of `tensors`, stray elements left out. The file's
    format: see quantization.coverage.range_file."""

    tensors: tuple[str, ...]
    digests: tuple[str, ...]
    low: NDArray[np.float32]
    high: NDArray[np.float32]


def set_ranges(context: QueryContext, view: PoolView, places: Places) -> tuple[tuple[TensorRange, ...] | None, str]:
    """The tensors of which the set misses most, the worst first, and a sentence about it; None where nothing is
    measured."""
    path = newest_ranges(context.state)
    if path is None:
        return None, UNKNOWN
    about = path.stat()
    measured = remembered(context, "ranges", (path, about.st_mtime_ns, about.st_size), lambda: read_ranges(path))
    if measured is None or not measured.digests:
        return None, UNKNOWN
    where = view.rows.places(list(measured.digests))
    in_set = np.isin(where, places)
    if not in_set.any():
        return None, "None of the set's frames is measured: `calibtui coverage` does it."
    missed = _missed(measured, in_set, where >= 0)
    known = int(in_set.sum())
    said = f"{len(missed)} of {len(measured.tensors)} tensors reach further in the pool than in the set."
    if known < len(places):
        said += f" {known} of its {len(places)} frames are measured: `calibtui coverage` measures the others."
    return missed, said


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


def _missed(measured: MeasuredRanges, in_set: NDArray[np.bool_], in_pool: NDArray[np.bool_]) -> tuple[TensorRange, ...]:
    pool = in_pool | in_set
    pool_low, pool_high = measured.low[pool].min(axis=0), measured.high[pool].max(axis=0)
    set_low, set_high = measured.low[in_set].min(axis=0), measured.high[in_set].max(axis=0)
    beyond = np.maximum(set_low - pool_low, 0) + np.maximum(pool_high - set_high, 0)
    width = pool_high - pool_low
    clipped = np.divide(beyond, width, out=np.zeros_like(beyond), where=width > 0)
    worst = np.argsort(-clipped, kind="stable")
    return tuple(
        TensorRange(
            tensor=measured.tensors[tensor],
            set_low=float(set_low[tensor]),
            set_high=float(set_high[tensor]),
            pool_low=float(pool_low[tensor]),
            pool_high=float(pool_high[tensor]),
            clipped=float(clipped[tensor]),
            fixed_by=_fixes(measured, int(tensor), pool, float(set_low[tensor]), float(set_high[tensor])),
        )
        for tensor in worst[:SHOWN]
        if clipped[tensor] >= LEAST_CLIPPED
    )


def _fixes(measured: MeasuredRanges, tensor: int, pool: NDArray[np.bool_], low: float, high: float) -> tuple[str, ...]:
    """The frames that reach furthest beyond the set."""
    reach = np.maximum(low - measured.low[:, tensor], 0) + np.maximum(measured.high[:, tensor] - high, 0)
    reach[~pool] = 0
    best = np.argsort(-reach, kind="stable")[:FIXES]
    return tuple(measured.digests[place] for place in best if reach[place] > 0)
