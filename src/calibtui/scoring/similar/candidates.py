"""The scored frames that look most like a new one, by cosine of descriptors; exact search, as one matrix product.

Up to about a million vectors an exact product is faster than building a graph, and it misses nothing.

An index holds frames that a judge has really answered for, under one prompt, one model and one set of parameters; the
caller keeps one index for each. A frame whose score was taken over never enters: if it did, a score could wander from
frame to frame, each step within the guard, until it describes a picture that nobody has looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

COSINE = 0.92
"""From this cosine on a frame is a candidate; the guard decides."""
MOST = 4
"""Candidates of one frame: each costs a comparison, and the guard's answers of near ones agree."""

_QUERIES_AT_ONCE = 512
_ROWS_AT_ONCE = 1024
"""The products of one block, 2 MiB, are still in the processor's cache when they are compared."""
_SMALLEST = 1024
_UNIT_TOLERANCE = 1e-3

Descriptors = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A scored frame by its digest, and its cosine to the frame in question."""

    digest: str
    cosine: float


class ScoredIndex:
    """Grows while a run scores. For one thread at a time."""

    def __init__(self, size: int) -> None:
        """`size`: numbers in a descriptor."""
        self._rows = np.empty((_SMALLEST, size), np.float32)
        self._digests: list[str] = []
        self._known: set[str] = set()

    def __len__(self) -> int:
        return len(self._digests)

    def __contains__(self, digest: str) -> bool:
        return digest in self._known

    def append(self, digests: Sequence[str], descriptors: Descriptors) -> None:
        """Adds really scored frames; a digest that is there already is passed over.

        `descriptors`: (N, D) float32 of unit length. Raises ValueError for another shape, for a vector that is not of
        unit length (zero, NaN), and for counts that differ; nothing is added then.
        """
        rows = self._checked(descriptors)
        if len(digests) != len(rows):
            raise ValueError(f"{len(digests)} digests for {len(rows)} descriptors")
        fresh: dict[str, int] = {}
        for place, digest in enumerate(digests):
            if digest not in self._known:
                fresh.setdefault(digest, place)
        places = list(fresh.values())
        self._make_room(len(places))
        self._rows[len(self) : len(self) + len(places)] = rows[places]
        self._digests += fresh
        self._known.update(fresh)

    def nearest(self, queries: Descriptors, *, most: int = MOST, cosine: float = COSINE) -> list[tuple[Candidate, ...]]:
        """For each of the (Q, D) unit vectors at most `most` scored frames with a cosine of at least `cosine`, best
        first, the earlier scored first among equals. Raises ValueError as `append` does."""
        vectors = self._checked(queries)
        found: list[tuple[Candidate, ...]] = []
        for start in range(0, len(vectors), _QUERIES_AT_ONCE):
            found += self._nearest(vectors[start : start + _QUERIES_AT_ONCE], most, cosine)
        return found

    def _nearest(self, queries: Descriptors, most: int, cosine: float) -> list[tuple[Candidate, ...]]:
        """Only what passes the threshold outlives its block, so memory is one block of products."""
        asking, places, cosines = [], [], []
        for start in range(0, len(self), _ROWS_AT_ONCE):
            products = queries @ self._rows[start : min(start + _ROWS_AT_ONCE, len(self))].T
            near = np.flatnonzero(products >= cosine)
            row, column = np.divmod(near, products.shape[1])
            asking.append(row)
            places.append(start + column)
            cosines.append(products.ravel()[near])
        if not asking:
            return [()] * len(queries)
        return self._ranked(len(queries), np.concatenate(asking), np.concatenate(places), np.concatenate(cosines), most)

    def _ranked(
        self, count: int, asking: NDArray[np.int64], places: NDArray[np.int64], cosines: Descriptors, most: int
    ) -> list[tuple[Candidate, ...]]:
        order = np.lexsort((places, -cosines, asking))
        places, cosines = places[order], cosines[order]
        bounds = np.searchsorted(asking[order], np.arange(count + 1))
        return [
            tuple(
                Candidate(self._digests[place], float(value))
                for place, value in zip(places[low:high][:most], cosines[low:high][:most], strict=True)
            )
            for low, high in pairwise(bounds)
        ]

    def _checked(self, vectors: Descriptors) -> Descriptors:
        if vectors.ndim != 2 or vectors.shape[1] != self._rows.shape[1] or vectors.dtype != np.float32:
            raise ValueError(f"descriptors {vectors.dtype} {vectors.shape}, not float32 (N, {self._rows.shape[1]})")
        lengths = np.linalg.norm(vectors, axis=1)
        if not bool(np.all(np.abs(lengths - 1) <= _UNIT_TOLERANCE)):
            raise ValueError("a descriptor that is not of unit length")
        return vectors

    def _make_room(self, more: int) -> None:
        needed = len(self) + more
        if needed > len(self._rows):
            grown = np.empty((max(needed, 2 * len(self._rows)), self._rows.shape[1]), np.float32)
            grown[: len(self)] = self._rows[: len(self)]
            self._rows = grown
