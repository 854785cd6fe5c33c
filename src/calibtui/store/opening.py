"""Opening the one DuckDB file of a workspace, and bringing it to the newest schema.

The file is never read, copied or hashed beside the connection: closing any other descriptor of it in this process
would drop
DuckDB's lock.
"""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path

import duckdb

from calibtui.core.errors import StoreDamagedError, StoreVersionError, WorkspaceBusyError, WorkspaceUnwritableError
from calibtui.core.files import unwritable_named

FILE_NAME = "store.duckdb"

# Extensions would be downloaded at the first use of their functions; nothing here needs one.
_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
}


def connect(state: Path) -> duckdb.DuckDBPyConnection:
    """The migrated store in the state directory, held for writing until it is closed.

    Raises WorkspaceBusyError where another process holds it, StoreDamagedError, StoreVersionError,
    WorkspaceUnwritableError.
    """
    file = state / FILE_NAME
    with unwritable_named(state):
        state.mkdir(parents=True, exist_ok=True)
    try:
        connection = duckdb.connect(str(file), config=_CONFIG)
    except duckdb.Error as error:
        raise _explained(error, file) from error
    try:
        # What the store dates itself is read as UTC; local time would also repeat an hour once a year.
        connection.execute("SET GLOBAL TimeZone = 'UTC'")
        _migrate(connection, file)
    except BaseException:
        connection.close()
        raise
    return connection


def _explained(error: duckdb.Error, file: Path) -> Exception:
    text = str(error)
    if "Could not set lock" in text or "being used by another process" in text:
        holder = re.search(r"PID (\d+)", text)
        who = f"process {holder[1]}" if holder else "another process"
        return WorkspaceBusyError(
            f"The workspace {file.parent.parent} is in use by {who}.",
            "Wait for it to end, or stop it, and run the same command again.",
        )
    if "Permission denied" in text or "Read-only" in text or "Cannot open file" in text:
        return WorkspaceUnwritableError(
            f"{file} can't be opened for writing.", "Check the directory's owner and permissions."
        )
    if "No space left" in text:
        return WorkspaceUnwritableError(
            f"The disk is full: {file} could not be written.", "Free some space and run the same command again."
        )
    first = text.splitlines()[0]
    return StoreDamagedError(
        f"{file} can't be opened: {first}",
        "Restore it from a backup, or move it away: the score shards beside it keep what was paid for.",
    )


def migrations() -> list[tuple[int, str]]:
    """(number, SQL) of every migration in order."""
    folder = resources.files("calibtui.store") / "migrations"
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".sql"))
    return [(int(name.split("_")[0]), (folder / name).read_text(encoding="utf-8")) for name in names]


def _migrate(connection: duckdb.DuckDBPyConnection, file: Path) -> None:
    connection.execute(
        "CREATE TABLE IF NOT EXISTS schema_versions (version INTEGER PRIMARY KEY, applied_at TIMESTAMP DEFAULT "
        "current_timestamp)"
    )
    have = {int(number) for (number,) in connection.execute("SELECT version FROM schema_versions").fetchall()}
    steps = migrations()
    newest = steps[-1][0]
    if max(have, default=0) > newest:
        raise StoreVersionError(
            f"{file} was written by a newer calibtui (schema {max(have)}; this one knows {newest}).",
            "Update calibtui to open it.",
        )
    for number, sql in steps:
        if number not in have:
            connection.begin()
            try:
                connection.execute(sql)
                connection.execute("INSERT INTO schema_versions (version) VALUES (?)", [number])
                connection.commit()
            except BaseException:
                connection.rollback()
                raise
