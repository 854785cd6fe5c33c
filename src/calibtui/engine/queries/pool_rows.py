"""The pool's files as columns, read once an index pass."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from calibtui.engine.queries.registry import QueryContext
from calibtui.engine.queries.remembering import place_for, remembered
from calibtui.store.browsing import Extent

SHARE = 20
FREE_S = 0.01
"""While rows change all the time, looking for changed files takes at most one part in so many of a core; a look-up as
quick as that is free."""

_HEX = np.full(256, 255, np.uint8)
_HEX[np.frombuffer(b"0123456789abcdef", np.uint8)] = np.arange(16)
_KEY_DIGITS = 16
_DIGEST_DIGITS = 64


@dataclass(frozen=True)
class PoolRows:
    """N files by place: the `usable` first ones by uri, one a digest, as the selection sees them; then those that can't
    be read, by uri, each with a reason."""

    extent: Extent
    usable: int
    uris: pa.StringArray
    digests: pa.StringArray
    reasons: pa.StringArray
    width: NDArray[np.int32]
    height: NDArray[np.int32]
    mtime_ns: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.uris)

    def uri(self, place: int) -> str:
        return str(self.uris[place].as_py())

    def digest(self, place: int) -> str:
        return str(self.digests[place].as_py())

    def uris_of(self, places: NDArray[np.int64]) -> list[str]:
        uris: list[str] = self.uris.take(pa.array(places)).to_pylist()
        return uris

    def digests_of(self, places: NDArray[np.int64]) -> list[str]:
        digests: list[str] = self.digests.take(pa.array(places)).to_pylist()
        return digests

    def place(self, digest: str) -> int | None:
        """Of a file by its digest."""
        found = int(self.places(pa.array([digest], pa.string()))[0])
        return None if found < 0 else found

    def places(self, digests: pa.StringArray | Sequence[str]) -> NDArray[np.int64]:
        """(M,) int64 places, −1 for a digest that no file has."""
        asked = digests if isinstance(digests, pa.Array) else pa.array(list(digests), pa.string())
        if not len(asked) or not len(self):
            return np.full(len(asked), -1, np.int64)
        keys, order = self._by_key
        at = np.minimum(np.searchsorted(keys, _keys(asked, hashed=self._hashed)), len(keys) - 1)
        found = order[at]
        same = pc.equal(self.digests.take(pa.array(found)), asked).to_numpy(zero_copy_only=False)
        return np.where(same, found, -1)

    @cached_property
    def by_path(self) -> NDArray[np.int64]:
        """(N,) places in the order of the uris."""
        if self.usable == len(self):
            return np.arange(len(self), dtype=np.int64)
        order: NDArray[np.int64] = pc.sort_indices(self.uris).to_numpy().astype(np.int64)
        return order

    @cached_property
    def _hashed(self) -> bool:
        return _nibbles(self.digests) is None

    @cached_property
    def _by_key(self) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
        """Keys in ascending order and their places, the first of equal digests foremost."""
        keys = _keys(self.digests, hashed=self._hashed)
        order = np.argsort(keys, kind="stable")
        return keys[order], order


class _Probe:
    """The pool's extent, looked up again when rows changed, and no more often than can be afforded."""

    def __init__(self) -> None:
        self._newest: tuple[int, Extent] | None = None
        self._not_before = 0.0

    def read(self, context: QueryContext) -> tuple[int, Extent]:
        """With the `data` of the snapshot that it is of."""
        newest = self._newest
        if newest is not None and (newest[0] >= context.data or time.monotonic() < self._not_before):
            return newest
        started = time.monotonic()
        self._newest = newest = (context.data, context.store.browsing.frames_extent())
        self._not_before = time.monotonic() + SHARE * max(0.0, time.monotonic() - started - FREE_S)
        return newest


def pool_rows(context: QueryContext) -> tuple[PoolRows, int]:
    """The pool as the newest index pass left it, and the `data` of the snapshot that it is of."""
    data, extent = place_for(context, "pool probe", _Probe).read(context)
    return remembered(context, "pool rows", extent, lambda: _read(context, extent)), data


def _read(context: QueryContext, extent: Extent) -> PoolRows:
    table = context.store.browsing.pool().combine_chunks()
    column = {name: whole_column(table[name]) for name in table.column_names}
    return PoolRows(
        extent=extent,
        usable=column["reason"].null_count,
        uris=column["uri"],
        digests=column["digest"],
        reasons=column["reason"],
        width=column["width"].to_numpy(),
        height=column["height"].to_numpy(),
        mtime_ns=column["mtime_ns"].to_numpy(),
    )


def whole_column(column: pa.ChunkedArray) -> pa.Array:
    """In one piece."""
    if column.num_chunks == 1:
        return column.chunk(0)
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)


def _keys(digests: pa.StringArray, *, hashed: bool) -> NDArray[np.uint64]:
    """(N,) uint64: the first digits of each digest, or a hash of it."""
    nibbles = None if hashed else _nibbles(digests)
    if nibbles is None:
        texts = ((text or "").encode("utf-8", "replace") for text in digests.to_pylist())
        return np.array([int.from_bytes(hashlib.sha256(text).digest()[:8]) for text in texts], np.uint64)
    keys = np.zeros(len(digests), np.uint64)
    for digit in range(_KEY_DIGITS):
        keys = (keys << np.uint64(4)) | nibbles[:, digit].astype(np.uint64)
    return keys


def _nibbles(digests: pa.StringArray) -> NDArray[np.uint8] | None:
    """(N, 16) uint8, the first hex digits of each; None where one is no digest."""
    if digests.null_count or not len(digests):
        return None
    _, offsets, data = digests.buffers()
    ends = np.frombuffer(offsets, np.int32)[digests.offset : digests.offset + len(digests) + 1]
    if data is None or (np.diff(ends) != _DIGEST_DIGITS).any():
        return None
    characters = np.frombuffer(data, np.uint8)[ends[0] : ends[-1]].reshape(-1, _DIGEST_DIGITS)
    nibbles = _HEX[characters[:, :_KEY_DIGITS]]
    return None if (nibbles == 255).any() else nibbles
