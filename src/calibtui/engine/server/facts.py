"""What the store says for the snapshot: read again only when its rows changed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from calibtui.core.errors import CalibtuiError
from calibtui.engine.queries.known_sets import set_of_model
from calibtui.engine.queries.registry import TOTALS, QueryContext
from calibtui.engine.server.stages import STAGE_NAMES, Made, NewestSet, chosen_at, made_by, outdated_stages, stage_said
from calibtui.engine.wire.snapshot import Budget, Outcome, Stage, Totals
from calibtui.pipeline.money import balances
from calibtui.store.jobs import StageRow
from calibtui.store.store import Store
from calibtui.workspace.settings import BudgetSettings, Settings

WARNED = (95, 80, 50)
RUNS_READ = 50
_STATES = {"running": "interrupted", "killed": "interrupted"}
"""A stage that the store has as running, and that no job of this engine runs, was cut off."""


@dataclass(frozen=True, slots=True)
class Facts:
    """The part of a snapshot that comes from the store alone."""

    totals: Totals
    stages: tuple[Stage, ...]
    budgets: tuple[Budget, ...]
    outcome: Outcome | None
    warnings: tuple[str, ...] = ()


def read_facts(context: QueryContext, now: float, known: tuple[Budget, ...] | None = None) -> Facts:
    """`now` in UTC seconds tells in which period budgets are. `known`: the budgets, where an open ledger knows better
    than its rows, which take long to add up when they are many."""
    totals = TOTALS[0](context) if TOTALS else _counted(context.store)
    runs = [made for row in reversed(context.store.runs.newest(RUNS_READ)) if (made := made_by(row)) is not None]
    warnings: tuple[str, ...] = ()
    try:
        budgets = budget_nodes(context.settings, context.store, now) if known is None else known
    except CalibtuiError as error:
        budgets, warnings = (), (error.message,)
    rows = {row.stage: row for row in context.store.jobs.newest_stages()}
    newest = _newest_set(context)
    scored_at = context.store.jobs.stage_ends("score")
    outdated = outdated_stages(runs, newest, rows, scored_at, lambda model: set_of_model(context, Path(model)))
    stages = tuple(
        _stage(name, rows.get(name), runs, outdated=name in outdated, indexed=name == "pool" and totals.frames > 0)
        if name != "select" or newest is None
        else _selecting(newest, rows.get(name), outdated=name in outdated)
        for name in STAGE_NAMES
    )
    return Facts(totals, stages, budgets, _outcome(runs), warnings)


def budget_nodes(settings: Settings, store: Store, now: float) -> tuple[Budget, ...]:
    """The tree as the ledger's rows say, when no ledger is open. Raises SettingsError."""
    return tuple(
        budget_told(line.node, line.cap, line.spent, line.held, settings.budgets[line.node])
        for line in balances(settings, store, now)
    )


def budget_told(node: str, cap: int, spent: int, held: int, settings: BudgetSettings) -> Budget:
    """A node of the tree for the wire; money in micro-EUR."""
    warned = next((percent for percent in WARNED if 100 * spent >= percent * cap), 0)
    return Budget(node=node, cap=cap, spent=spent, held=held, period=settings.period, user=settings.user, warned=warned)


def _counted(store: Store) -> Totals:
    counts = store.frames.counts("pool")
    return Totals(frames=counts.frames, duplicates=counts.duplicates, unreadable=counts.unreadable)


def _stage(name: str, row: StageRow | None, runs: list[Made], *, outdated: bool, indexed: bool) -> Stage:
    """`indexed`: the stage was done in passing, by another that needs it."""
    if row is None:
        return Stage(name=name, state="done" if indexed else "never", said=_newest_said(runs, name))
    state = _STATES.get(row.state, row.state)
    said = stage_said(row) or _newest_said([made for made in runs if made.run == row.run], name)
    state = "outdated" if state == "done" and outdated else state
    return Stage(name=name, state=state, said=said, ended_at=row.ended_at)


def _newest_set(context: QueryContext) -> NewestSet | None:
    newest = context.store.artifacts.newest_set()
    if newest is None:
        return None
    row = next(row for row in context.store.set_names.sets() if row.manifest == newest)
    said = f"{row.size:,} frames by {row.strategy}"
    return NewestSet(row.digest, str(context.state / newest), row.at if row.name else None, said)


def _selecting(newest: NewestSet, row: StageRow | None, *, outdated: bool) -> Stage:
    """There is a set: a stage chose it, or somebody by hand since."""
    if row is not None and row.state != "done" and row.started_at > (newest.at or 0.0):
        return Stage(name="select", state=_STATES.get(row.state, row.state), said=newest.said, ended_at=row.ended_at)
    state = "outdated" if outdated else "done"
    return Stage(name="select", state=state, said=newest.said, ended_at=chosen_at(newest, row))


def _newest_said(runs: list[Made], name: str) -> str:
    return next((said for made in reversed(runs) if (said := made.said.get(name, ""))), "")


def _outcome(runs: list[Made]) -> Outcome | None:
    return next((made.outcome for made in reversed(runs) if made.outcome is not None), None)
