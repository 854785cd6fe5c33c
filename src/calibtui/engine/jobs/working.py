"""What the jobs have to say in a snapshot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from calibtui.core.summary import BudgetLine
from calibtui.engine.wire.snapshot import Job, Scoring, Stage


@dataclass(frozen=True, slots=True)
class Working:
    """`stages`: those that are queued or run, by name; `budgets`: of the open ledger, None where none is open;
    `paused_by`: who paused everything, None while it goes on."""

    jobs: tuple[Job, ...] = ()
    stages: Mapping[str, Stage] = field(default_factory=dict)
    scoring: Scoring | None = None
    budgets: tuple[BudgetLine, ...] | None = None
    paused_by: str | None = None
