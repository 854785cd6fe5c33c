"""The engine's queue: what was asked for, what came of it, and what must be taken up again."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from typing import Any

from calibtui.store.table import Table


@dataclass(frozen=True, slots=True)
class JobRow:
    """`state`: queued, running, done, failed, interrupted or cancelled. `run` is the newest attempt's, `attempts` how
    often it was begun. `summary`: JSON text of the run's RunSummary, "" until there is one. `task`: JSON text of what
    is measured beside the stages, "" for a job of stages; `result`: what came of that. Times are UTC seconds since the
    epoch."""

    name: str
    run: str
    title: str
    stages: tuple[str, ...]
    overrides: tuple[str, ...]
    state: str
    priority: int
    asked_by: str
    careful: bool
    attempts: int
    queued_at: float
    started_at: float | None = None
    ended_at: float | None = None
    exit_code: int | None = None
    error: str = ""
    hint: str = ""
    summary: str = ""
    task: str = ""
    result: str = ""


@dataclass(frozen=True, slots=True)
class StageRow:
    """A stage's newest run, as `RunTable` wrote it. `state`: running, done, failed, interrupted or killed. `summary`:
    what the run had done when the stage ended, or the stage's "error"; None while it goes on."""

    stage: str
    run: str
    state: str
    started_at: float
    ended_at: float | None
    summary: dict[str, Any] | None = None


_COLUMNS = tuple(column.name for column in fields(JobRow))
_NAMES = ", ".join(_COLUMNS)
_UNFINISHED = ("queued", "running")


class JobTable(Table):
    def write(self, job: JobRow) -> None:
        """Adds the job, or replaces the one of its name; durable when it returns."""
        values: list[Any] = [getattr(job, name) for name in _COLUMNS]
        values[3], values[4] = json.dumps(job.stages), json.dumps(job.overrides)
        marks = ", ".join("?" for _ in _COLUMNS)
        self._rows(f"INSERT OR REPLACE INTO queued_jobs ({_NAMES}) VALUES ({marks})", values)

    def job(self, name: str) -> JobRow | None:
        rows = self._rows(f"SELECT {_NAMES} FROM queued_jobs WHERE name = ?", [name])
        return _job(rows[0]) if rows else None

    def unfinished(self) -> list[JobRow]:
        """Queued and running ones, in the order they were asked for."""
        sql = f"SELECT {_NAMES} FROM queued_jobs WHERE state IN {_UNFINISHED} ORDER BY queued_at, name"
        return [_job(row) for row in self._rows(sql)]

    def newest(self, limit: int = 20) -> list[JobRow]:
        """The newest ended ones, newest first."""
        sql = (
            f"SELECT {_NAMES} FROM queued_jobs WHERE state NOT IN {_UNFINISHED} "
            "ORDER BY ended_at DESC, name DESC LIMIT ?"
        )
        return [_job(row) for row in self._rows(sql, [limit])]

    def newest_stages(self) -> list[StageRow]:
        """The newest run of every stage that ever ran."""
        sql = (
            "SELECT stage, run, state, started_at, ended_at, summary FROM jobs "
            "QUALIFY row_number() OVER (PARTITION BY stage ORDER BY started_at DESC) = 1"
        )
        return [
            StageRow(stage, run, state, started, ended, json.loads(summary) if summary else None)
            for stage, run, state, started, ended, summary in self._rows(sql)
        ]

    def stage_ends(self, stage: str) -> dict[str, float]:
        """When the stage ended, UTC seconds, by run; without runs in which it didn't."""
        rows = self._rows("SELECT run, ended_at FROM jobs WHERE stage = ? AND ended_at IS NOT NULL", [stage])
        return {str(run): float(at) for run, at in rows}

    def of_run(self, run: str) -> JobRow | None:
        """The job whose newest attempt is that run."""
        rows = self._rows(f"SELECT {_NAMES} FROM queued_jobs WHERE run = ?", [run])
        return _job(rows[0]) if rows else None

    def stages_of(self, run: str) -> tuple[str, ...]:
        """The stages that a run began, in their order."""
        rows = self._rows("SELECT stage FROM jobs WHERE run = ? ORDER BY started_at", [run])
        return tuple(stage for (stage,) in rows)

    def note(self, name: str) -> str:
        """What was noted under that name, "" for nothing."""
        rows = self._rows("SELECT value FROM engine_notes WHERE name = ?", [name])
        return str(rows[0][0]) if rows else ""

    def set_note(self, name: str, value: str) -> None:
        self._rows("INSERT OR REPLACE INTO engine_notes (name, value) VALUES (?, ?)", [name, value])


def _job(row: tuple[Any, ...]) -> JobRow:
    named = dict(zip(_COLUMNS, row, strict=True))
    named["stages"], named["overrides"] = tuple(json.loads(named["stages"])), tuple(json.loads(named["overrides"]))
    return JobRow(**named)
