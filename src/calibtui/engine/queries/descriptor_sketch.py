"""Descriptors of a large pool in a twenty-fifth of their size: enough to tell which frames may look like one.

The projection on the first principal axes of a sample keeps most of what descriptors of real pictures differ in; the
candidates that it finds are compared by all their components, rounded to 8 bits, which are in a file: a cosine is off
by
less than 0.005. Made beside the answers, since a million frames take some seconds.
"""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from calibtui.core.errors import ConfigurationError
from calibtui.engine.queries.pool_rows import PoolRows
from calibtui.engine.queries.registry import QueryContext
from calibtui.engine.queries.remembering import place_for
from calibtui.store.browsing import Extent

AXES = 32
SAMPLE = 4096
CANDIDATES = 512
BLOCK = 1 << 14
"""Rows that are compared at once, so that they stay in the processor's cache."""
PIECE = 32
NICE = 10


@dataclass(frozen=True)
class Sketch:
    """Of U usable frames in the order they are stored, row by row. `place_of` (U,) int32 of a row and `row_of` (U,)
    int32 of a place. `projected` (U, AXES) int8 × `scale` (AXES,) float32; `rounded`: a file of (U, D) int8 ×
    `step` (U,) float32, which is the descriptor."""

    place_of: NDArray[np.int32]
    row_of: NDArray[np.int32]
    projected: NDArray[np.int8]
    scale: NDArray[np.float32]
    rounded: IO[bytes]
    size: int
    step: NDArray[np.float32]

    def candidates(self, place: int) -> NDArray[np.int64]:
        """Places of the frames that may be most like the one at `place`, itself among them."""
        wanted = self.projected[self.row_of[place]] * self.scale**2
        likeness = np.empty(len(self.projected), np.float32)
        for first in range(0, len(likeness), BLOCK):
            block = self.projected[first : first + BLOCK].astype(np.float32)
            # A product by the linear algebra library would wake its threads for each block, which costs more than it.
            likeness[first : first + BLOCK] = np.einsum("ra,a->r", block, wanted)
        count = min(CANDIDATES, len(likeness))
        return self.place_of[np.argpartition(-likeness, count - 1)[:count]].astype(np.int64)

    def nearest(self, place: int, count: int) -> list[tuple[int, float]]:
        """(place, cosine) of the `count` frames most like the one at `place`, the likest first."""
        places = self.candidates(place)
        places = places[places != place]
        cosine = self._descriptors(places) @ self._descriptors(np.array([place]))[0]
        best = np.argsort(-cosine, kind="stable")[:count]
        return [(int(places[row]), float(cosine[row])) for row in best]

    def _descriptors(self, places: NDArray[np.int64]) -> NDArray[np.float32]:
        """(P, D) float32."""
        rows, file = self.row_of[places], self.rounded.fileno()
        read = b"".join(os.pread(file, self.size, row * self.size) for row in rows.tolist())
        return np.frombuffer(read, np.int8).reshape(-1, self.size) * self.step[rows, None]


def sketch_of(rows: PoolRows, stored: Iterable[pa.RecordBatch], folder: Path) -> Sketch:
    """`stored`: every descriptor, as BrowsingTable.descriptors gives them, read once; the file is in `folder`, has no
    name and goes with the sketch. Raises ConfigurationError where a frame has no descriptor."""
    drawn = np.zeros(len(rows) + 1, bool)
    drawn[np.random.default_rng(0).choice(rows.usable, min(SAMPLE, rows.usable), replace=False)] = True
    places, steps, sample = [np.zeros(0, np.int32)], [np.zeros(0, np.float32)], []
    file = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115 - the sketch closes it
    for batch in stored:
        found = rows.places(batch["digest"])
        keep = (found >= 0) & (found < rows.usable)
        vectors = batch["vector"].flatten().to_numpy().reshape(len(found), -1)[keep]
        step = np.maximum(np.abs(vectors).max(axis=1), 1e-12) / 127
        file.write(np.rint(vectors / step[:, None]).astype(np.int8).tobytes())
        places.append(found[keep].astype(np.int32))
        steps.append(step.astype(np.float32))
        sample.append(vectors[drawn[places[-1]]])
    place_of, step = np.concatenate(places), np.concatenate(steps)
    if len(place_of) != rows.usable:
        raise ConfigurationError("The pool was indexed by another version of calibtui.", "Index it anew.")
    row_of = np.empty(len(place_of), np.int32)
    row_of[place_of] = np.arange(len(place_of), dtype=np.int32)
    basis, scale = _axes(np.concatenate(sample))
    return Sketch(place_of, row_of, _projected(file, step, basis / scale), scale, file, len(basis), step)


def _axes(sample: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(D, AXES) principal axes of a sample, and (AXES,) what a unit of 8 bits is worth along each."""
    # In ascending order of what lies along them.
    _, axes = np.linalg.eigh(sample.T.astype(np.float64) @ sample)
    basis = np.ascontiguousarray(axes[:, ::-1][:, :AXES], np.float32)
    # What lies beyond the sample's extremes by more than a quarter is taken for that.
    scale = 1.25 * np.maximum(np.abs(sample @ basis).max(axis=0), 1e-6) / 127
    return basis, scale.astype(np.float32)


def _projected(file: IO[bytes], step: NDArray[np.float32], onto: NDArray[np.float32]) -> NDArray[np.int8]:
    """(U, AXES) of the rounded descriptors in `file`; `onto` (D, AXES)."""
    projected = np.empty((len(step), onto.shape[1]), np.int8)
    size = len(onto)
    for first in range(0, len(step), BLOCK):
        block = slice(first, first + BLOCK)
        rounded = np.frombuffer(os.pread(file.fileno(), BLOCK * size, first * size), np.int8).reshape(-1, size)
        along = _product(rounded.astype(np.float32), onto) * step[block, None]
        projected[block] = np.clip(np.rint(along), -127, 127)
    return projected


def _product(rows: NDArray[np.float32], onto: NDArray[np.float32]) -> NDArray[np.float32]:
    """rows @ onto, in pieces for which the library wakes no threads: on a busy machine they wait longer than they
    work."""
    even = len(rows) // PIECE * PIECE
    pieces = rows[:even].reshape(-1, PIECE, rows.shape[1]) @ onto
    return np.concatenate([pieces.reshape(even, onto.shape[1]), rows[even:] @ onto])


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

    def newest(self, extent: Extent, make: Callable[[], Sketch]) -> Sketch | None:
        """None while it is being made."""
        with self._lock:
            if self._of != extent:
                self._of, self._sketch = extent, None
                threading.Thread(target=self._make, args=(extent, make), daemon=True).start()
            return self._sketch

    def _make(self, extent: Extent, make: Callable[[], Sketch]) -> None:
        with suppress(OSError):
            # Of this thread alone: whoever asks the engine something goes first.
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
        # An engine that ends closes the store under this thread; without a sketch the store is searched.
        with suppress(Exception):
            made = make()
            with self._lock:
                if self._of == extent:
                    self._sketch = made


def newest_sketch(context: QueryContext, rows: PoolRows, version: int) -> Sketch | None:
    """The pool's sketch, of descriptors of that version; None while it is being made."""

    def make() -> Sketch:
        return sketch_of(rows, context.store.browsing.descriptors(version), context.state)

    return place_for(context, "descriptor sketch", SketchKeeper).newest(rows.extent, make)
