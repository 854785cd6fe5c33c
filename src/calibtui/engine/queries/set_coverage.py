"""How well a set stands for the pool, by descriptors: on a sample of a large pool, so that it is told while one
waits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibtui.engine.queries.drafting import descriptors_of
from calibtui.engine.queries.pool_rows import PoolRows
from calibtui.engine.queries.registry import QueryContext
from calibtui.engine.queries.remembering import remembered

SAMPLE = 4096
"""Frames of the pool that stand for it: the mean over them is off by about 0.002."""
ALIKE = 0.98
MOST_COMPARED = 4096

Places = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class SetCoverage:
    """`mean`: cosine of a pool frame to its nearest of the set; `random_mean`: the same for a random set of that size.
    `duplicates`: pairs of the set at ALIKE or more."""

    mean: float
    random_mean: float
    duplicates: int


def set_coverage(context: QueryContext, rows: PoolRows, places: Places) -> SetCoverage | None:
    """Of the usable `places`; None for an empty set."""
    places = places[places < rows.usable]
    if not len(places):
        return None
    seen = remembered(context, "coverage sample", rows.extent, lambda: _sample(context, rows))
    of_set = descriptors_of(context, rows, places)
    count = len(places)
    random_mean = remembered(
        context, "random coverage", (rows.extent, count), lambda: _random(context, rows, count, seen), most=16
    )
    return SetCoverage(_nearest(seen, of_set), random_mean, _alike(of_set[:MOST_COMPARED]))


def _sample(context: QueryContext, rows: PoolRows) -> NDArray[np.float32]:
    draw = np.random.default_rng(0)
    places = np.arange(rows.usable)
    if rows.usable > SAMPLE:
        places = np.sort(draw.choice(rows.usable, SAMPLE, replace=False))
    return descriptors_of(context, rows, places)


def _random(context: QueryContext, rows: PoolRows, count: int, seen: NDArray[np.float32]) -> float:
    drawn = np.random.default_rng(1).choice(rows.usable, min(count, rows.usable), replace=False)
    return _nearest(seen, descriptors_of(context, rows, np.sort(drawn)))


def _nearest(seen: NDArray[np.float32], of_set: NDArray[np.float32]) -> float:
    best = np.full(len(seen), -1.0, np.float32)
    for first in range(0, len(of_set), 1024):
        np.maximum(best, (seen @ of_set[first : first + 1024].T).max(axis=1), out=best)
    return float(best.mean(dtype=np.float64))


def _alike(of_set: NDArray[np.float32]) -> int:
    alike = of_set @ of_set.T >= ALIKE
    return int(np.triu(alike, 1).sum())
