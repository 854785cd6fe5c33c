"""The pool's files as columns, read once an index pass."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from calibtui.engine.queries.packed_digests import PackedDigests, joined, packed_digests
from calibtui.engine.queries.registry import QueryContext
from calibtui.engine.queries.remembering import place_for, remembered
from calibtui.store.browsing import Extent

SHARE = 20
FREE_S = 0.01
"""While rows change all the time, looking for changed files takes at most one part in so many of a core; a look-up as
quick as that is free."""

Places = NDArray[np.int64]

_COLUMNS = pa.schema(
    [("uri", pa.string()), ("mtime_ns", pa.int64()), ("width", pa.int32()), ("height", pa.int32()),
     ("reason", pa.string())]
)  # fmt: skip


@dataclass(frozen=True)
class PoolRows:
    """N files by place: the `usable` first ones by uri, one a digest, as the selection sees them, which leaves
    `duplicates` out; then those that can't be read, by uri, each with one of `reasons`."""

    extent: Extent
    usable: int
    duplicates: int
    uris: pa.StringArray
    digests: PackedDigests
    reasons: pa.StringArray
    width: NDArray[np.int32]
    height: NDArray[np.int32]
    mtime_ns: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.uris)

    def uri(self, place: int) -> str:
        return str(self.uris[place].as_py())

    def digest(self, place: int) -> str:
        return self.digests.at(np.array([place]))[0]

    def reason(self, place: int) -> str:
        """Why the file can't be read, "" where it can."""
        return str(self.reasons[place - self.usable].as_py()) if place >= self.usable else ""

    def uris_of(self, places: Places) -> list[str]:
        uris: list[str] = self.uris.take(pa.array(places)).to_pylist()
        return uris

    def digests_of(self, places: Places) -> list[str]:
        return self.digests.at(places)

    def usable_uris(self) -> list[str]:
        uris: list[str] = self.uris.slice(0, self.usable).to_pylist()
        return uris

    def usable_digests(self) -> list[str]:
        return self.digests.at(np.arange(self.usable))

    def place(self, digest: str) -> int | None:
        """Of a file by its digest."""
        found = int(self.places([digest])[0])
        return None if found < 0 else found

    def places(self, digests: pa.StringArray | Sequence[str]) -> Places:
        """(M,) int64 places, −1 for a digest that no file has."""
        asked = digests if isinstance(digests, pa.Array) else pa.array(list(digests), pa.string())
        return self.digests.places(packed_digests(asked))

    @cached_property
    def by_path(self) -> NDArray[np.int32]:
        """(N,) places in the order of the uris."""
        if self.usable == len(self):
            return np.arange(len(self), dtype=np.int32)
        order: NDArray[np.int32] = pc.sort_indices(self.uris).to_numpy().astype(np.int32)
        return order


class _Probe:
    """The pool's extent, looked up again when frames changed, and no more often than can be afforded."""

    def __init__(self) -> None:
        self._newest: tuple[int, int, Extent] | None = None
        self._not_before = 0.0

    def read(self, context: QueryContext) -> tuple[int, Extent]:
        """With the `data` of the snapshot that it is of."""
        now = context.store.frames.version
        if self._newest is not None:
            version, data, extent = self._newest
            if version == now and data < context.data:
                self._newest = now, context.data, extent
                return context.data, extent
            if data >= context.data or time.monotonic() < self._not_before:
                return data, extent
        started = time.monotonic()
        extent = context.store.browsing.frames_extent()
        self._newest = now, context.data, extent
        self._not_before = time.monotonic() + SHARE * max(0.0, time.monotonic() - started - FREE_S)
        return context.data, extent


def pool_rows(context: QueryContext) -> tuple[PoolRows, int]:
    """The pool as the newest index pass left it, and the `data` of the snapshot that it is of."""
    data, extent = place_for(context, "pool probe", _Probe).read(context)
    return remembered(context, "pool rows", extent, lambda: _read(context, extent)), data


def _read(context: QueryContext, extent: Extent) -> PoolRows:
    return rows_of(context.store.browsing.pool(), extent)


def rows_of(batches: Iterable[pa.RecordBatch], extent: Extent) -> PoolRows:
    """The files of BrowsingTable.pool, put in order."""
    rest, packed = [], []
    for batch in batches:
        rest.append(batch.select(_COLUMNS.names))
        packed.append(packed_digests(batch["digest"]))
    files, digests = pa.Table.from_batches(rest, _COLUMNS).combine_chunks(), joined(packed)
    usable = files["reason"].null_count
    order = _order(files)
    if order is not None:
        files, digests = files.take(pa.array(order)), digests.take(order)
    copies = digests.copies(usable)
    if duplicates := int(copies.sum()):
        kept = np.flatnonzero(~np.concatenate([copies, np.zeros(len(digests) - usable, bool)]))
        files, digests = files.take(pa.array(kept)), digests.take(kept)
    column = {name: whole_column(files[name]) for name in files.column_names}
    return PoolRows(
        extent=extent,
        usable=usable - duplicates,
        duplicates=duplicates,
        uris=column["uri"],
        digests=digests,
        reasons=pa.concat_arrays([column["reason"].slice(usable - duplicates)]),
        width=column["width"].to_numpy(),
        height=column["height"].to_numpy(),
        mtime_ns=column["mtime_ns"].to_numpy(),
    )


def _order(files: pa.Table) -> Places | None:
    """The usable ones by uri, then the others; None where they are so already, as an index pass writes them."""
    uris, usable = whole_column(files["uri"]), whole_column(files["reason"].is_null())
    ascending = len(uris) < 2 or pc.all(pc.less(uris[:-1], uris[1:])).as_py()
    if ascending and not files["reason"].null_count < len(files):
        return None
    order = np.arange(len(uris)) if ascending else pc.sort_indices(uris).to_numpy().astype(np.int64)
    first = usable.to_numpy(zero_copy_only=False)[order]
    return np.concatenate([order[first], order[~first]])


def whole_column(column: pa.ChunkedArray) -> pa.Array:
    """In one piece."""
    if column.num_chunks == 1:
        return column.chunk(0)
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
