"""Descriptors of a large pool in three eighths of their size: enough to tell which frames look like one.

The projection on the first principal axes of a sample keeps most of what descriptors of real pictures differ in; the
candidates that it finds are compared by all their components, rounded to 8 bits: a cosine is off by less than 0.005.
Made beside the answers, since a million frames take some seconds.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibtui.engine.queries.pool_rows import PoolRows
from calibtui.engine.queries.registry import QueryContext
from calibtui.engine.queries.remembering import place_for
from calibtui.store.browsing import Extent

AXES = 32
SAMPLE = 4096
CANDIDATES = 512
BLOCK = 50_000

Read = Callable[[Sequence[str]], NDArray[np.float32]]


@dataclass(frozen=True)
class Sketch:
    """Of the U usable frames by place: `projected` (U, AXES) float32; `rounded` (U, D) int8 × `step` (U,) float32 is
    the
    descriptor."""

    projected: NDArray[np.float32]
    rounded: NDArray[np.int8]
    step: NDArray[np.float32]

    def candidates(self, place: int) -> NDArray[np.int64]:
        """Places of the frames that may be most like the one at `place`, itself among them."""
        likeness = self.projected @ self.projected[place]
        count = min(CANDIDATES, len(likeness))
        return np.argpartition(-likeness, count - 1)[:count].astype(np.int64)

    def nearest(self, place: int, count: int) -> list[tuple[int, float]]:
        """(place, cosine) of the `count` frames most like the one at `place`, the likest first."""
        places = self.candidates(place)
        places = places[places != place]
        cosine = (self.rounded[places] * self.step[places, None]) @ (self.rounded[place] * self.step[place])
        best = np.argsort(-cosine, kind="stable")[:count]
        return [(int(places[row]), float(cosine[row])) for row in best]


def sketch_of(rows: PoolRows, read: Read) -> Sketch:
    """`read` gives descriptors (P, D) by digest."""
    draw = np.random.default_rng(0)
    drawn = np.sort(draw.choice(rows.usable, min(SAMPLE, rows.usable), replace=False))
    _, _, axes = np.linalg.svd(read(rows.digests_of(drawn)), full_matrices=False)
    basis = np.ascontiguousarray(axes[:AXES].T, np.float32)
    projected = np.empty((rows.usable, basis.shape[1]), np.float32)
    rounded = np.empty((rows.usable, len(basis)), np.int8)
    step = np.empty(rows.usable, np.float32)
    for first in range(0, rows.usable, BLOCK):
        block = slice(first, first + BLOCK)
        vectors = read(rows.digests_of(np.arange(first, min(first + BLOCK, rows.usable))))
        projected[block] = vectors @ basis
        step[block] = np.maximum(np.abs(vectors).max(axis=1), 1e-12) / 127
        rounded[block] = np.rint(vectors / step[block, None])
    return Sketch(projected, rounded, step)


class SketchKeeper:
    """One sketch, made by a thread of its own when it is first asked for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._of: Extent | None = None
        self._sketch: Sketch | None = None

    @property
    def made(self) -> Sketch | None:
        """The one that is there, of whatever pool."""
        return self._sketch

    def newest(self, rows: PoolRows, read: Read) -> Sketch | None:
        """None while it is being made."""
        with self._lock:
            if self._of != rows.extent:
                self._of, self._sketch = rows.extent, None
                threading.Thread(target=self._make, args=(rows, read), daemon=True).start()
            return self._sketch

    def _make(self, rows: PoolRows, read: Read) -> None:
        # An engine that ends closes the store under this thread; without a sketch the store is searched.
        with suppress(Exception):
            made = sketch_of(rows, read)
            with self._lock:
                if self._of == rows.extent:
                    self._sketch = made


def newest_sketch(context: QueryContext, rows: PoolRows, read: Read) -> Sketch | None:
    """The pool's sketch; None while it is being made."""
    return place_for(context, "descriptor sketch", SketchKeeper).newest(rows, read)
