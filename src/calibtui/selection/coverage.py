"""How well a set stands for its pool."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibtui.selection.percentiles import middle_ranks
from calibtui.selection.select import Chosen, SelectionInput
from calibtui.selection.similarity import Vectors, vectors

NEARLY_THE_SAME = 0.99


@dataclass(frozen=True, slots=True)
class Coverage:
    """`mean_similarity`, `least_similarity`: of each pool frame's cosine to its nearest frame of the set.
    `difficulty_percentile`: the mean over the set of each frame's percentile among the scored pool, 0 to 100, nan
    where none is scored. `strata`: frames of the set by stratum, those with none included; `strata_balance`: their
    entropy over that of equal shares, 1 the most even, nan without two strata. `near_duplicates`: frames of the set
    with another of the set at a cosine ≥ 0.99. `pool_duplicates`: frames of the pool that are exact copies of
    another."""

    frames: int
    mean_similarity: float
    least_similarity: float
    difficulty_percentile: float
    strata: Mapping[str, int]
    strata_balance: float
    near_duplicates: int
    pool_duplicates: int


def coverage(data: SelectionInput, chosen: Sequence[Chosen]) -> Coverage:
    """Measures the set `chosen` from the pool `data`. Raises ValueError for an empty set."""
    if not chosen:
        raise ValueError("an empty set covers nothing")
    of_set = np.array([each.index for each in chosen], np.int64)
    pool = vectors(data.descriptors, np.arange(len(data.uris)))
    strata = _by_stratum(data.strata, of_set) if data.strata is not None else {}
    nearest = pool.closest(of_set) / pool.one
    return Coverage(
        frames=len(of_set),
        mean_similarity=float(nearest.mean(dtype=np.float64)),
        least_similarity=float(nearest.min()),
        difficulty_percentile=_percentile(data.difficulty, of_set),
        strata=strata,
        strata_balance=_balance(list(strata.values())),
        near_duplicates=_near_duplicates(pool, of_set),
        pool_duplicates=len(data.digests) - len(set(data.digests)),
    )


def _percentile(difficulty: NDArray[np.float64], of_set: NDArray[np.int64]) -> float:
    scored = np.flatnonzero(~np.isnan(difficulty))
    percentile = np.full(len(difficulty), np.nan)
    percentile[scored] = 100 * (middle_ranks(difficulty[scored]) - 0.5) / max(1, len(scored))
    known = percentile[of_set][~np.isnan(percentile[of_set])]
    return float(known.mean()) if len(known) else math.nan


def _by_stratum(strata: Sequence[str], of_set: NDArray[np.int64]) -> dict[str, int]:
    held = Counter(strata[index] for index in of_set)
    return {name: held[name] for name in sorted(set(strata))}


def _balance(counts: Sequence[int]) -> float:
    if len(counts) < 2:
        return math.nan
    share = np.array(counts) / sum(counts)
    share = share[share > 0]
    return float(-(share * np.log(share)).sum() / math.log(len(counts))) + 0.0


def _near_duplicates(pool: Vectors, of_set: NDArray[np.int64]) -> int:
    products = pool.products(of_set, of_set)
    np.fill_diagonal(products, -pool.one)
    return int((products.max(axis=1) >= NEARLY_THE_SAME * pool.one).sum())
