"""Trials of searches for INT8 settings: each is a row as soon as it is measured, so that a search goes on where it
was."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from calibtui.store.table import Table

_COLUMNS = "search, recipe, number, what, options, int8_share, float_nodes, error, map, drop_points, drop_sd, seconds"


@dataclass(frozen=True, slots=True)
class TrialRow:
    """`recipe`: digest of `options`; `what` says it in words. `int8_share` of the multiply-adds, in [0, 1];
    `float_nodes`: how many stay in float. `error` of the outputs. `map` in [0, 1] and `drop`, percentage points with
    their standard deviation `drop_sd`, on the search split; None where they were not measured. `seconds` it took."""

    search: str
    recipe: str
    number: int
    what: str
    options: dict[str, Any]
    int8_share: float
    float_nodes: int
    error: float
    map: float | None
    drop: float | None
    drop_sd: float | None
    seconds: float


class TrialTable(Table):
    def add(self, trial: TrialRow, run: str) -> None:
        """Writes a trial; one of the same search and recipe is replaced."""
        self._rows(
            f"INSERT OR REPLACE INTO trials ({_COLUMNS}, run) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                trial.search, trial.recipe, trial.number, trial.what, json.dumps(trial.options, sort_keys=True),
                trial.int8_share, trial.float_nodes, trial.error, trial.map, trial.drop, trial.drop_sd, trial.seconds,
                run,
            ],
        )  # fmt: skip

    def of(self, search: str) -> list[TrialRow]:
        """All trials of a search in the order they were made."""
        rows = self._rows(f"SELECT {_COLUMNS} FROM trials WHERE search = ? ORDER BY number", [search])
        return [
            TrialRow(*(json.loads(value) if place == 4 else value for place, value in enumerate(row))) for row in rows
        ]
