"""What must be on disk now, in one narrow row; its own tables later, in bulk.

A transaction costs time for every column that it touches: one score with its call and its money, in three tables of
40 columns together, takes 7 ms of a core, and a hundred of them take little more. So what is written several hundred
times a second goes into `journal` first, a row a commit, and from there into its tables once a few thousand rows have
come together. Whoever takes a cursor finds everything in its tables, and so does whoever opens the store after a crash.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import duckdb
import msgspec
import pyarrow as pa

from calibtui.core.errors import CalibtuiError
from calibtui.store.table import append_rows, bulk, named_failures

FOLD_AT = 4096
"""Rows; about a thousand scores. Half a second's work for what a killed run leaves, and a few MB of memory."""
LARGEST = 2**63 - 1
TRIES = 5


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of one table, each with a value a column. Where `keyed`, those whose primary key is there already are passed
    over, or take the old one's place with `replace`."""

    table: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    keyed: bool = False
    replace: bool = False


class Journal:
    """The connection of a store, which gives cursors that see everything that was written here. For several threads."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self._writing, self._folding = threading.Lock(), threading.Lock()
        self._pending: list[tuple[int, list[Rows]]] = []
        self._place = self._rows = 0
        self._cursor: duckdb.DuckDBPyConnection | None = None
        self._appender: Any = None
        self._thread = ThreadPoolExecutor(1, "journal")
        self._fold: Future[None] | None = None
        self._recover()

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """Raises what keeps written rows from their tables."""
        self.fold()
        return self._connection.cursor()

    def write(self, entry: Iterable[Rows]) -> None:
        """Durable when it returns, all of it or, where it raises, none. Raises WorkspaceUnwritableError,
        StoreDamagedError."""
        kept = [rows for rows in entry if rows.rows]
        if not kept:
            return
        _check_integers(kept)
        body = msgspec.msgpack.encode(kept)
        with self._writing:
            self._raise_failed_fold()
            self._place += 1
            self._commit(self._place, body)
            self._pending.append((self._place, kept))
            self._rows += sum(len(rows.rows) for rows in kept)
            if self._rows >= FOLD_AT and self._fold is None:
                self._rows = 0
                self._fold = self._thread.submit(self.fold)

    def fold(self) -> None:
        """Everything written so far is in its tables when it returns."""
        if not self._pending:
            return
        with self._folding, named_failures():
            if not self._pending:
                return
            # Writers only add to the end, and folds are one at a time.
            pending = list(self._pending)
            cursor = self._connection.cursor()
            try:
                for left in reversed(range(TRIES)):
                    try:
                        self._move(cursor, pending)
                        break
                    except duckdb.TransactionException:
                        # Somebody else's transaction changes the same rows: it is over soon.
                        if not left:
                            raise
            finally:
                cursor.close()
            del self._pending[: len(pending)]

    def close(self) -> None:
        """Ends the connection; what could not be folded is, at the next opening."""
        self._thread.shutdown(wait=True)
        with suppress(CalibtuiError, duckdb.Error):
            self.fold()
        self._forget_cursor()
        self._connection.close()

    def _commit(self, place: int, body: bytes) -> None:
        with named_failures():
            try:
                if self._cursor is None:
                    self._cursor = self._connection.cursor()
                    self._appender = self._cursor.appender("journal")
                self._appender.append_row(place, body)
                # A transaction of its own, outside any other: each call less is a turn less to wait for at the
                # interpreter's lock.
                self._appender.flush()
            except BaseException:
                # Else the row would be written when the appender is freed, and its sender believes that it is not.
                with suppress(Exception):
                    self._appender.clear()
                self._forget_cursor()
                raise

    def _forget_cursor(self) -> None:
        cursor, self._cursor, self._appender = self._cursor, None, None
        if cursor is not None:
            with suppress(duckdb.Error):
                cursor.close()

    def _raise_failed_fold(self) -> None:
        """Rows that can't reach their tables must not pile up unseen."""
        fold = self._fold
        if fold is not None and fold.done():
            self._fold = None
            fold.result()

    def _move(self, cursor: duckdb.DuckDBPyConnection, pending: Sequence[tuple[int, list[Rows]]]) -> None:
        entries = [rows for _, entry in pending for rows in entry]
        done = "DELETE FROM journal WHERE place <= ?"
        for place_all in (_append_all, _insert_all):
            cursor.begin()
            try:
                place_all(cursor, entries)
                cursor.execute(done, [pending[-1][0]])
                cursor.commit()
                return
            except BaseException as error:
                with suppress(duckdb.Error):
                    cursor.rollback()
                if not isinstance(error, duckdb.ConstraintException) or place_all is _insert_all:
                    raise

    def _recover(self) -> None:
        with named_failures():
            found = self._connection.execute("SELECT place, body FROM journal ORDER BY place").fetchall()
        self._pending = [(place, msgspec.msgpack.decode(body, type=list[Rows])) for place, body in found]
        self._place = found[-1][0] if found else 0
        self.fold()


def _append_all(cursor: duckdb.DuckDBPyConnection, entries: Iterable[Rows]) -> None:
    """Through one appender a table, which raises duckdb.ConstraintException for a key that is there already."""
    together: dict[tuple[str, tuple[str, ...]], list[Sequence[Any]]] = {}
    for rows in entries:
        together.setdefault((rows.table, tuple(rows.columns)), []).extend(rows.rows)
    for (table, columns), values in together.items():
        append_rows(cursor, table, columns, values)


def _insert_all(cursor: duckdb.DuckDBPyConnection, entries: Iterable[Rows]) -> None:
    for rows in entries:
        if rows.keyed:
            known = "REPLACE" if rows.replace else "IGNORE"
            bulk(cursor, f"INSERT OR {known} INTO {rows.table} BY NAME SELECT * FROM incoming", _arrow(rows))
        else:
            append_rows(cursor, rows.table, rows.columns, rows.rows)


def _arrow(rows: Rows) -> pa.Table:
    """Lists are of strings: of an empty one nothing else would tell."""
    columns = [list(column) for column in zip(*rows.rows, strict=True)]
    kinds = [pa.list_(pa.string()) if isinstance(column[0], (list, tuple)) else None for column in columns]
    return pa.table([pa.array(column, kind) for column, kind in zip(columns, kinds, strict=True)], list(rows.columns))


def _check_integers(entry: Iterable[Rows]) -> None:
    """A number that no column holds must fail now: in the journal it would keep the store from ever being opened."""
    for rows in entry:
        for row in rows.rows:
            for value in row:
                if type(value) is int and not -LARGEST <= value <= LARGEST:
                    raise OverflowError(f"{value:.3e} is out of the range of {rows.table}")
