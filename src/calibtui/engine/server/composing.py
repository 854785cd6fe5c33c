"""One snapshot out of what the store says, what the jobs say, and who watches."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from calibtui import __version__
from calibtui.engine.jobs.working import Working
from calibtui.engine.server.facts import Facts, budget_told
from calibtui.engine.wire.exchange import WIRE
from calibtui.engine.wire.snapshot import Budget, Notice, Snapshot, Stage, Viewer
from calibtui.workspace.settings import ScoringSettings, Settings

_UNFINISHED = ("queued", "running", "paused")
_NEXT = {
    "pool": "Nothing is scored yet: s starts scoring, and the frames are indexed first.",
    "score": "Score the pool: it tells which frames the detector finds hard.",
    "select": "Choose the calibration set from the scores.",
    "quantize": "Quantize the model with the set.",
    "evaluate": "Compare the INT8 model with the float one.",
}


def composed(
    settings: Settings,
    facts: Facts,
    working: Working,
    *,
    data: int,
    started_at: float,
    viewers: Sequence[Viewer],
    notices: Sequence[Notice],
    warnings: Sequence[str],
) -> Snapshot:
    """The content of a snapshot; its number and time are the board's."""
    stages = _staged(facts.stages, working)
    return Snapshot(
        wire=WIRE,
        version=__version__,
        workspace=str(settings.root),
        number=0,
        data=data,
        at=0.0,
        engine_started_at=started_at,
        stages=stages,
        jobs=working.jobs,
        paused=working.paused_by is not None,
        paused_by=working.paused_by or "",
        scoring=working.scoring,
        budgets=facts.budgets if (known := ledger_budgets(settings, working)) is None else known,
        totals=facts.totals,
        outcome=facts.outcome,
        viewers=tuple(viewers),
        notices=tuple(notices),
        next_step=next_step(settings, stages),
        warnings=(*warnings, *facts.warnings),
    )


def ledger_budgets(settings: Settings, working: Working) -> tuple[Budget, ...] | None:
    """As the open ledger tells them, which knows better than its rows; None while none is open."""
    if working.budgets is None:
        return None
    lines = (line for line in working.budgets if line.node in settings.budgets)
    return tuple(budget_told(line.node, line.cap, line.spent, line.held, settings.budgets[line.node]) for line in lines)


def _staged(stages: Sequence[Stage], working: Working) -> tuple[Stage, ...]:
    now = working.stages
    return tuple(_as_it_goes(stage, now[stage.name]) if stage.name in now else stage for stage in stages)


def _as_it_goes(before: Stage, now: Stage) -> Stage:
    """What waits for its turn still shows what came of it the last time; of what has ended the store knows more, once
    it knows that."""
    if now.state == "queued":
        return replace(before, state="queued")
    return before if now.state == before.state == "done" else now


def next_step(settings: Settings, stages: Sequence[Stage]) -> str:
    """The first thing that is left to do, in one sentence; "" where nothing is, or something is being done."""
    if any(stage.state in _UNFINISHED for stage in stages):
        return ""
    if _nobody_judges(settings.scoring) and any(stage.name == "score" and stage.state != "done" for stage in stages):
        return "Name the judge's model in [scoring] of calibtui.toml, and in [providers] who serves it."
    for stage in stages:
        if stage.name == "quantize" and settings.model is None:
            return "Name the detector in [model] of calibtui.toml to quantize it."
        if stage.name == "evaluate" and settings.evaluation is None:
            return "Name annotated frames in [evaluation] of calibtui.toml to compare the models."
        if stage.state == "never":
            return _NEXT[stage.name]
        if stage.state in ("failed", "interrupted"):
            ended = "failed" if stage.state == "failed" else "was interrupted"
            return f"The stage {stage.name} {ended}: start it again, what is done is kept."
        if stage.state == "outdated":
            return f"What came before {stage.name} has changed: run it again."
    return ""


def _nobody_judges(scoring: ScoringSettings) -> bool:
    return scoring.judge == "vlm" and scoring.model is None and not scoring.stages
