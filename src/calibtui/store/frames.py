"""Frames and their descriptors."""

from __future__ import annotations

import contextlib
import itertools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from calibtui.core.frames import IndexedFrame
from calibtui.store.table import Connection, Table, bulk

Role = Literal["pool", "evaluation"]


@dataclass(frozen=True, slots=True)
class FrameRow:
    """A usable frame as stored. `columns` are the manifest's further columns."""

    uri: str
    digest: str
    width: int
    height: int
    columns: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class PoolCounts:
    """`frames` are readable and present, exact duplicates included; `duplicates` are those beyond the first of a
    digest."""

    frames: int
    unreadable: int
    duplicates: int


class FrameTable(Table):
    """Rows by (role, uri). `version` is another after every change."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self.version = 0
        self._versions = itertools.count(1)

    @contextlib.contextmanager
    def _change(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A transaction. Who sees the version that it makes finds what it wrote."""
        try:
            with self._transaction() as cursor:
                yield cursor
        finally:
            self.version = next(self._versions)

    def known(self, role: Role, descriptor_version: int) -> dict[str, tuple[int, int]]:
        """uri → (size_bytes, mtime_ns) of every file that need not be opened again while these two stay: unusable
        ones, and
        those that have a descriptor of this version."""
        rows = self._arrow(
            f"SELECT uri, size_bytes, mtime_ns FROM frames WHERE role = '{role}' "
            "AND ((reason IS NOT NULL AND digest <> '') "
            f"OR digest IN (SELECT digest FROM descriptors WHERE version = {int(descriptor_version)}))"
        )
        uris, sizes, times = (column.to_pylist() for column in rows.columns)
        return dict(zip(uris, zip(sizes, times, strict=True), strict=True))

    def uris(self, role: Role) -> set[str]:
        """Every uri ever seen under the role."""
        return set(self._arrow(f"SELECT uri FROM frames WHERE role = '{role}'")["uri"].to_pylist())

    def set_columns(self, role: Role, columns: Mapping[str, Mapping[str, str]]) -> None:
        """Writes a manifest's further columns where they differ from what is stored."""
        if not columns:
            return
        rows = pa.table({"uri": list(columns), "columns": [_columns_text(values) for values in columns.values()]})
        with self._change() as cursor:
            sql = (
                "UPDATE frames SET columns = incoming.columns FROM incoming "
                f"WHERE role = '{role}' AND frames.uri = incoming.uri AND frames.columns <> incoming.columns"
            )
            bulk(cursor, sql, rows)

    def write(self, role: Role, frames: Sequence[IndexedFrame], descriptor_version: int) -> None:
        """One transaction: rows replaced by uri, descriptors kept by digest."""
        with self._change() as cursor:
            bulk(cursor, "INSERT OR REPLACE INTO frames BY NAME SELECT * FROM incoming", _frame_rows(role, frames))
            described = {frame.digest: frame.descriptor for frame in frames if frame.descriptor is not None}
            if described:
                rows = pa.table(
                    {
                        "digest": list(described),
                        "version": pa.array([descriptor_version] * len(described), pa.int32()),
                        "vector": pa.array(list(described.values()), pa.list_(pa.float32())),
                    }
                )
                bulk(cursor, "INSERT OR IGNORE INTO descriptors BY NAME SELECT * FROM incoming", rows)

    def set_present(self, role: Role, gone: Iterable[str], back: Iterable[str]) -> None:
        """Marks uris that no source names any more, and those that are named again."""
        for uris, present in ((list(gone), "FALSE"), (list(back), "TRUE")):
            if uris:
                with self._change() as cursor:
                    which = f"role = '{role}' AND uri IN (SELECT uri FROM incoming)"
                    sql = f"UPDATE frames SET present = {present} WHERE {which}"
                    bulk(cursor, sql, pa.table({"uri": uris}))

    def absent(self, role: Role) -> set[str]:
        """uris that the last index pass did not find."""
        return {row[0] for row in self._rows("SELECT uri FROM frames WHERE role = ? AND NOT present", [role])}

    def usable(self, role: Role, *, unique: bool) -> list[FrameRow]:
        """Readable, present frames by uri; with `unique` the first uri of each digest alone."""
        first = "QUALIFY row_number() OVER (PARTITION BY digest ORDER BY uri) = 1" if unique else ""
        rows = self._rows(
            "SELECT uri, digest, width, height, columns FROM frames "
            f"WHERE role = ? AND present AND reason IS NULL {first} ORDER BY uri",
            [role],
        )
        return [FrameRow(uri, digest, w, h, json.loads(c) if c != "{}" else {}) for uri, digest, w, h, c in rows]

    def unreadable(self, role: Role) -> list[tuple[str, str]]:
        """(uri, reason) of present files that can't be used."""
        sql = "SELECT uri, reason FROM frames WHERE role = ? AND present AND reason IS NOT NULL ORDER BY uri"
        return [(uri, reason) for uri, reason in self._rows(sql, [role])]

    def counts(self, role: Role) -> PoolCounts:
        sql = (
            "SELECT count(*) FILTER (reason IS NULL), count(*) FILTER (reason IS NOT NULL), "
            "count(DISTINCT digest) FILTER (reason IS NULL) FROM frames WHERE role = ? AND present"
        )
        (readable, unreadable, distinct), *_ = self._rows(sql, [role])
        return PoolCounts(readable, unreadable, readable - distinct)

    def descriptors(self, digests: Sequence[str], version: int) -> NDArray[np.float32]:
        """(N, D) float32 in the order of `digests`; every digest must have been indexed."""
        wanted = pa.table({"digest": list(digests), "place": np.arange(len(digests))})
        sql = f"SELECT vector FROM wanted JOIN descriptors USING (digest) WHERE version = {int(version)} ORDER BY place"
        vectors = self._arrow(sql, wanted=wanted)["vector"].combine_chunks()
        flat: NDArray[np.float32] = vectors.flatten().to_numpy(zero_copy_only=False)
        return flat.reshape(len(digests), -1)


def _frame_rows(role: Role, frames: Sequence[IndexedFrame]) -> pa.Table:
    return pa.table(
        {
            "role": [role] * len(frames),
            "uri": [frame.uri for frame in frames],
            "digest": [frame.digest for frame in frames],
            "size_bytes": pa.array([frame.size_bytes for frame in frames], pa.int64()),
            "mtime_ns": pa.array([frame.mtime_ns for frame in frames], pa.int64()),
            "width": pa.array([frame.width for frame in frames], pa.int32()),
            "height": pa.array([frame.height for frame in frames], pa.int32()),
            "format": [frame.format for frame in frames],
            "reason": pa.array([frame.reason for frame in frames], pa.string()),
            "columns": [_columns_text(frame.columns) for frame in frames],
            "present": [True] * len(frames),
        }
    )


def _columns_text(columns: Mapping[str, str]) -> str:
    return json.dumps(dict(columns), sort_keys=True) if columns else "{}"
