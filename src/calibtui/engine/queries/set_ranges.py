"""Which activation ranges of the pool a set misses, as far as frames were measured (`calibtui coverage`)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from calibtui.engine.queries.measured_ranges import MeasuredRanges, measured_now
from calibtui.engine.queries.pool_view import PoolView
from calibtui.engine.queries.registry import QueryContext
from calibtui.engine.wire.sets import TensorRange

UNKNOWN = "The pool's activation ranges are not measured: m, or `calibtui coverage`, does it, once a model."
LEAST_CLIPPED = 0.02
SHOWN = 40
FIXES = 3

Places = NDArray[np.int64]


def set_ranges(context: QueryContext, view: PoolView, places: Places) -> tuple[tuple[TensorRange, ...] | None, str]:
    """The tensors of which the set misses most, the worst first, and a sentence about it; None where nothing is
    measured."""
    measured = measured_now(context)
    if measured is None or not measured.digests:
        return None, UNKNOWN
    where = view.rows.places(list(measured.digests))
    in_set = np.isin(where, places)
    if not in_set.any():
        return None, "None of the set's frames is measured: m, or `calibtui coverage`, does it."
    missed = _missed(measured, in_set, where >= 0)
    known = int(in_set.sum())
    said = f"{len(missed)} of {len(measured.tensors)} tensors reach further in the pool than in the set."
    if known < len(places):
        said += f" {known} of its {len(places)} frames are measured: m, or `calibtui coverage`, measures the others."
    return missed, said


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
