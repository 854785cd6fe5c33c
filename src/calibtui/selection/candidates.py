"""The frames a set is chosen from, in an order that only the seed and the frames' contents decide."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence, Set
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibtui.selection.range_cover import PoolRanges, pool_ranges
from calibtui.selection.similarity import Vectors, vectors


@dataclass(frozen=True)
class SelectionInput:
    """What is known of N frames, in any order.

    `digests`: lower-case hex SHA-256 of each file; `difficulty` (N,) float64 in [0, 1], nan where a frame is not
    scored; `descriptors` (N, D) float32; `strata`: one stratum a frame, as the annotated class, None where there are
    no strata; `lows`, `highs` (N, T) float32: bounds of T activations on each frame, rows of nan where they were not
    measured, None where none were.
    """

    uris: Sequence[str]
    digests: Sequence[str]
    difficulty: NDArray[np.float64]
    reasons: Sequence[tuple[str, ...]]
    descriptors: NDArray[np.float32]
    strata: Sequence[str] | None = None
    lows: NDArray[np.float32] | None = None
    highs: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        lengths = {len(self.uris), len(self.digests), len(self.difficulty), len(self.reasons), len(self.descriptors)}
        if self.strata is not None:
            lengths.add(len(self.strata))
        lengths |= {len(bounds) for bounds in (self.lows, self.highs) if bounds is not None}
        if len(lengths) > 1:
            raise ValueError(f"the columns of a selection differ in length: {sorted(lengths)}")
        if np.ndim(self.descriptors) != 2:
            raise ValueError(f"descriptors must be (N, D), not {np.shape(self.descriptors)}")
        broken = np.flatnonzero(~np.isfinite(self.descriptors).all(axis=1))
        if len(broken):
            raise ValueError(f"the descriptor of frame {self.uris[broken[0]]!r} is not finite")
        if not all(self.digests):
            raise ValueError("a frame without a digest can't be chosen")


@dataclass(frozen=True)
class Candidates:
    """M frames of different content, sorted by a hash of seed and digest: the order that settles every tie.

    `index` (M,) int64 points into the input; `difficulty` (M,); `strata`, where known; `pinned` (P,) int64 are
    positions; `ranges` of these frames, where they were measured.
    """

    index: NDArray[np.int64]
    difficulty: NDArray[np.float64]
    vectors: Vectors
    strata: list[str] | None
    pinned: NDArray[np.int64]
    ranges: PoolRanges | None = None

    def __len__(self) -> int:
        return len(self.index)

    @property
    def free(self) -> NDArray[np.bool_]:
        """(M,): not pinned."""
        free = np.ones(len(self), bool)
        free[self.pinned] = False
        return free

    @property
    def scored(self) -> NDArray[np.bool_]:
        """(M,): has a difficulty."""
        scored: NDArray[np.bool_] = ~np.isnan(self.difficulty)
        return scored


def candidates(data: SelectionInput, pinned: Sequence[int], excluded: Set[str], seed: int) -> Candidates:
    """One frame for each digest that is not in `excluded`: of copies the pinned one, else a scored one, else the first
    by uri. `pinned` are indices into the input."""
    pins = set(pinned)
    best: dict[str, tuple[bool, bool, str, int]] = {}
    unscored = np.isnan(data.difficulty)
    for number, (digest, uri) in enumerate(zip(data.digests, data.uris, strict=True)):
        claim = (number not in pins, bool(unscored[number]), uri, number)
        if digest not in excluded and (digest not in best or claim < best[digest]):
            best[digest] = claim
    ordered = sorted(best, key=lambda digest: tie_break(seed, digest))
    index = np.array([best[digest][3] for digest in ordered], np.int64)
    return Candidates(
        index=index,
        difficulty=np.asarray(data.difficulty, np.float64)[index],
        vectors=vectors(data.descriptors, index),
        strata=None if data.strata is None else [data.strata[i] for i in index],
        pinned=np.flatnonzero([not best[digest][0] for digest in ordered]),
        ranges=_ranges(data, index),
    )


def _ranges(data: SelectionInput, index: NDArray[np.int64]) -> PoolRanges | None:
    if data.lows is None or data.highs is None or np.isnan(data.lows[index]).any(axis=1).all():
        return None
    return pool_ranges(data.lows[index], data.highs[index])


def tie_break(seed: int, text: str) -> bytes:
    """SHA-256 of seed and text: an order that looks random, and that neither the machine nor the order of the input
    decides."""
    return hashlib.sha256(f"{seed}:{text}".encode("utf-8", "surrogatepass")).digest()
