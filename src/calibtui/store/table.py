"""What every table object shares: a cursor of its own per call, transactions, bulk writes through Arrow."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol

import duckdb
import pyarrow as pa

from calibtui.core.errors import StoreDamagedError, WorkspaceUnwritableError


class Connection(Protocol):
    def cursor(self) -> duckdb.DuckDBPyConnection: ...


class Table:
    """A cursor is taken for each operation, since a second execute on one silently replaces its open result."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @contextlib.contextmanager
    def _cursor(self) -> Iterator[duckdb.DuckDBPyConnection]:
        with named_failures():
            cursor = self._connection.cursor()
            try:
                yield cursor
            finally:
                cursor.close()

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[duckdb.DuckDBPyConnection]:
        with self._cursor() as cursor:
            cursor.begin()
            try:
                yield cursor
                cursor.commit()
            except BaseException:
                with contextlib.suppress(duckdb.Error):
                    cursor.rollback()
                raise

    def _rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with self._cursor() as cursor:
            return cursor.execute(sql, list(parameters)).fetchall()

    def _arrow(self, sql: str, **tables: pa.Table) -> pa.Table:
        """The result as an Arrow table; `tables` are joined by their names. The SQL takes no parameters: it goes
        through a relation,
        which spares a copy of the rows."""
        with self._cursor() as cursor:
            for name, table in tables.items():
                cursor.register(name, table)
            return cursor.sql(sql).to_arrow_table()


def bulk(cursor: duckdb.DuckDBPyConnection, sql: str, rows: pa.Table) -> None:
    """Runs `sql`, which reads the Arrow table as `incoming`."""
    cursor.register("incoming", rows)
    cursor.execute(sql)
    cursor.unregister("incoming")


def append_rows(
    cursor: duckdb.DuckDBPyConnection, table: str, columns: Sequence[str], rows: Iterable[Sequence[object]]
) -> None:
    """Adds rows of these columns. Raises duckdb.ConstraintException for one that is there already, and adds none where
    one can't be added."""
    appender = cursor.appender(table, columns=list(columns))
    try:
        appender.append_rows(rows)
        appender.flush()
    except BaseException:
        # Else the rows before a bad one would be written when the appender is freed.
        with contextlib.suppress(duckdb.Error):
            appender.clear()
        raise


@contextlib.contextmanager
def named_failures() -> Iterator[None]:
    try:
        yield
    except (duckdb.IOException, duckdb.TransactionException) as error:
        first = str(error).splitlines()[0]
        if isinstance(error, duckdb.TransactionException) and "No space left" not in first:
            # Two writers at once, which is for the caller to try again.
            raise
        if "No space left" in first or "disk" in first.lower():
            raise WorkspaceUnwritableError(
                f"The disk is full: the store could not be written ({first}).",
                "Free some space and run the same command again.",
            ) from error
        raise StoreDamagedError(
            f"The store failed: {first}", "Run the same command again; what was committed is kept."
        ) from error
    except duckdb.FatalException as error:
        first = str(error).splitlines()[0]
        raise StoreDamagedError(
            f"The store failed: {first}", "Run the same command again; what was committed is kept."
        ) from error
