"""Runs and the stages in them: who did what when, and how it ended."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from calibtui.store.table import Table


@dataclass(frozen=True, slots=True)
class RunRow:
    """`state` is running, done, failed or interrupted; a run that is still "running" when a store is opened was killed.
    Times are UTC seconds since the epoch."""

    id: str
    command: str
    state: str
    started_at: float
    ended_at: float | None
    summary: dict[str, Any] | None


class RunTable(Table):
    def begin(self, run: str, command: str, at: float, *, alone: bool = True) -> None:
        """Starts a run; earlier ones that never ended are marked as killed, unless it is not `alone`."""
        if alone:
            self.mark_killed()
        self._rows("INSERT INTO runs (id, command, state, started_at) VALUES (?, ?, 'running', ?)", [run, command, at])

    def mark_killed(self, run: str | None = None) -> None:
        """Marks as killed what is still running: of that run, or of all of them."""
        which, values = ("", []) if run is None else (" AND {} = ?", [run])
        with self._transaction() as cursor:
            for table, name in (("runs", "id"), ("jobs", "run")):
                cursor.execute(
                    f"UPDATE {table} SET state = 'killed' WHERE state = 'running'" + which.format(name), values
                )

    def end(self, run: str, state: str, at: float, summary: dict[str, Any]) -> None:
        self._rows(
            "UPDATE runs SET state = ?, ended_at = ?, summary = ? WHERE id = ?", [state, at, json.dumps(summary), run]
        )

    def state(self, run: str) -> str | None:
        """None for a run that nobody began."""
        rows = self._rows("SELECT state FROM runs WHERE id = ?", [run])
        return str(rows[0][0]) if rows else None

    def begin_stage(self, run: str, stage: str, at: float) -> None:
        self._rows("INSERT INTO jobs (run, stage, state, started_at) VALUES (?, ?, 'running', ?)", [run, stage, at])

    def end_stage(self, run: str, stage: str, state: str, at: float, summary: dict[str, Any] | None) -> None:
        self._rows(
            "UPDATE jobs SET state = ?, ended_at = ?, summary = ? WHERE run = ? AND stage = ?",
            [state, at, json.dumps(summary), run, stage],
        )

    def newest(self, limit: int = 20) -> list[RunRow]:
        sql = "SELECT id, command, state, started_at, ended_at, summary FROM runs ORDER BY started_at DESC LIMIT ?"
        rows = self._rows(sql, [limit])
        return [
            RunRow(id, command, state, started, ended, json.loads(summary) if summary else None)
            for id, command, state, started, ended, summary in rows
        ]
