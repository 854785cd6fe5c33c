"""What a judge said of a million frames: each reason is kept once, and looked through once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

LARGEST = 1 << 15
"""Rows of a chunk that takes no more in."""

Mask = NDArray[np.bool_]
Fits = Callable[[pa.StringArray], Mask]


@dataclass(frozen=True)
class _Chunk:
    """R rows: those of `words` that row r has are at `codes[ends[r]:ends[r + 1]]`."""

    ends: NDArray[np.int32]
    codes: NDArray[np.integer]
    words: pa.StringArray

    def __len__(self) -> int:
        return len(self.ends) - 1

    def of(self, rows: NDArray[np.int64]) -> list[tuple[str, ...]]:
        coded = [
            self.codes[begin:end].tolist() for begin, end in zip(self.ends[rows], self.ends[rows + 1], strict=True)
        ]
        needed = sorted({code for codes in coded for code in codes})
        word = dict(zip(needed, self.words.take(pa.array(needed, pa.int64())).to_pylist(), strict=True))
        return [tuple(word[code] for code in codes) for codes in coded]

    def having(self, fits: Fits) -> Mask:
        """(R,) whether any word of a row fits."""
        counted = np.zeros(len(self.codes) + 1, np.int32)
        np.cumsum(fits(self.words)[self.codes], out=counted[1:])
        having: Mask = counted[self.ends[1:]] > counted[self.ends[:-1]]
        return having

    def followed_by(self, other: _Chunk) -> _Chunk:
        spoken = [chunk.words.take(pa.array(chunk.codes)) for chunk in (self, other)]
        return _coded(np.concatenate([self.ends, other.ends[1:] + self.ends[-1]]), pa.concat_arrays(spoken))


@dataclass(frozen=True)
class Reasons:
    """Rows of texts. It never changes: more rows make another, which shares what both have."""

    chunks: tuple[_Chunk, ...] = ()

    def __len__(self) -> int:
        return int(self._firsts[-1])

    def plus(self, said: pa.ListArray) -> Reasons:
        """With the rows of `said` behind; null is a row of none."""
        if not len(said):
            return self
        lengths = pc.fill_null(pc.list_value_length(said), 0).to_numpy()
        new = _coded(np.concatenate([[0], np.cumsum(lengths)]), pc.fill_null(pc.list_flatten(said), ""))
        chunks = list(self.chunks)
        # Each chunk is at least twice as long as the next, so that a row is copied a few times at most, and rows that
        # come by tens make no thousands of chunks.
        while chunks and len(chunks[-1]) < min(2 * len(new), LARGEST):
            new = chunks.pop().followed_by(new)
        return Reasons((*chunks, new))

    def of(self, rows: NDArray[np.int64]) -> list[tuple[str, ...]]:
        """What those rows hold."""
        said: list[tuple[str, ...]] = [()] * len(rows)
        within = np.searchsorted(self._firsts, rows, side="right") - 1
        for number in np.unique(within).tolist():
            at = np.flatnonzero(within == number)
            found = self.chunks[number].of(rows[at] - self._firsts[number])
            for place, each in zip(at.tolist(), found, strict=True):
                said[place] = each
        return said

    def having(self, fits: Fits) -> Mask:
        """(R,) whether any text of a row is one that `fits` holds of; it is asked for each text once a chunk."""
        return np.concatenate([np.zeros(0, bool), *(chunk.having(fits) for chunk in self.chunks)])

    @cached_property
    def _firsts(self) -> NDArray[np.int64]:
        return np.cumsum([0, *(len(chunk) for chunk in self.chunks)])


def _coded(ends: NDArray[np.integer], spoken: pa.StringArray) -> _Chunk:
    coded = pc.dictionary_encode(spoken)
    smallest = next(kind for kind in (np.uint8, np.uint16, np.int32) if len(coded.dictionary) <= np.iinfo(kind).max)
    return _Chunk(ends.astype(np.int32), coded.indices.to_numpy().astype(smallest), coded.dictionary)
