"""Marks that people set on frames by hand, with a journal that every one of them can be undone by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from threading import Lock

import duckdb
import pyarrow as pa

from calibtui.store.table import Connection, Table, bulk


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """`frames` whose mark it changed; `at` UTC seconds; `state`: done, undone or abandoned."""

    number: int
    said: str
    by: str
    at: float
    state: str
    frames: int


class MarkTable(Table):
    """A mark is "picked", "dropped", "pinned" or "excluded"; "" is none. `version` grows with every change."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        # Two changes at once would each take the other's outcome for what was before.
        self._writing = Lock()
        self.version = 0

    def all(self) -> dict[str, str]:
        """Mark by digest, of the frames that have one."""
        return dict(self._rows("SELECT digest, mark FROM marks"))

    def table(self) -> pa.Table:
        """The same as Arrow columns digest and mark."""
        return self._arrow("SELECT digest, mark FROM marks")

    def set(self, marks: Mapping[str, str], said: str, by: str, at: float) -> int:
        """Sets each frame's mark in one durable change; how many frames it changed. Nothing is written for 0."""
        wanted = pa.table(
            {"digest": pa.array(list(marks), pa.string()), "after": pa.array(list(marks.values()), pa.string())}
        )
        with self._writing, self._transaction() as cursor:
            number = _next_number(cursor)
            sql = (
                f"INSERT INTO mark_change_frames SELECT {number}, incoming.digest, coalesce(marks.mark, ''), after "
                "FROM incoming LEFT JOIN marks USING (digest) WHERE coalesce(marks.mark, '') <> after"
            )
            bulk(cursor, sql, wanted)
            count = _count(cursor, number)
            if count:
                cursor.execute("UPDATE mark_changes SET state = 'abandoned' WHERE state = 'undone'")
                cursor.execute("INSERT INTO mark_changes VALUES (?, ?, ?, ?, 'done')", [number, said, by, at])
                _apply(cursor, number, "after")
            self.version += 1
        return count

    def undo(self) -> ChangeRow | None:
        """Takes the newest change back that isn't yet; None where there is none."""
        return self._turn("SELECT max(number) FROM mark_changes WHERE state = 'done'", "before", "undone")

    def redo(self) -> ChangeRow | None:
        """Makes the change again that was taken back last; None where there is none."""
        return self._turn("SELECT min(number) FROM mark_changes WHERE state = 'undone'", "after", "done")

    def changes(self, limit: int) -> list[ChangeRow]:
        """The newest first."""
        sql = (
            'SELECT number, said, "by", "at", state, '
            "(SELECT count(*) FROM mark_change_frames AS f WHERE f.number = c.number) FROM mark_changes AS c "
            "ORDER BY number DESC LIMIT ?"
        )
        return [ChangeRow(*row) for row in self._rows(sql, [limit])]

    def changed_frames(self, number: int, limit: int) -> list[str]:
        """Digests of some frames of a change."""
        sql = "SELECT digest FROM mark_change_frames WHERE number = ? ORDER BY digest LIMIT ?"
        return [digest for (digest,) in self._rows(sql, [number, limit])]

    def _turn(self, which: str, values: str, state: str) -> ChangeRow | None:
        with self._writing, self._transaction() as cursor:
            ((found,),) = cursor.execute(which).fetchall()
            if found is None:
                return None
            number = int(found)
            _apply(cursor, number, values)
            cursor.execute("UPDATE mark_changes SET state = ? WHERE number = ?", [state, number])
            said = cursor.execute('SELECT said, "by", "at" FROM mark_changes WHERE number = ?', [number]).fetchall()[0]
            count = _count(cursor, number)
            self.version += 1
        return ChangeRow(number, said[0], said[1], said[2], state, count)


def _next_number(cursor: duckdb.DuckDBPyConnection) -> int:
    return int(cursor.execute("SELECT coalesce(max(number), 0) + 1 FROM mark_changes").fetchall()[0][0])


def _count(cursor: duckdb.DuckDBPyConnection, number: int) -> int:
    counted = "SELECT count(*) FROM mark_change_frames WHERE number = ?"
    return int(cursor.execute(counted, [number]).fetchall()[0][0])


def _apply(cursor: duckdb.DuckDBPyConnection, number: int, values: str) -> None:
    """Gives the frames of a change the marks of its column `values`."""
    of_change = f"SELECT digest, {values} FROM mark_change_frames WHERE number = {number}"
    cursor.execute(f"DELETE FROM marks WHERE digest IN (SELECT digest FROM ({of_change}))")
    cursor.execute(f"INSERT INTO marks {of_change} AND {values} <> ''")
