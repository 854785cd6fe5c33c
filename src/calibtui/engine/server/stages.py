"""What came of each stage, and whether it still holds: told from the summaries of the runs, oldest first."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from calibtui.core.text import one_line
from calibtui.engine.wire.snapshot import STAGES, Outcome
from calibtui.store.jobs import StageRow
from calibtui.store.runs import RunRow

STAGE_NAMES = STAGES


@dataclass(frozen=True, slots=True)
class Made:
    """What a run says it made. `calls` of its judge; `manifest` and `model` are absolute paths, None where it made
    none; `said`: a line a stage."""

    run: str
    ended_at: float
    calls: int
    manifest: str | None
    model: str | None
    said: Mapping[str, str]
    outcome: Outcome | None


@dataclass(frozen=True, slots=True)
class NewestSet:
    """The calibration set chosen last, by a run or by hand. `manifest` is an absolute path; `at`: when it was locked
    by hand, UTC seconds, None where it never was."""

    digest: str
    manifest: str
    at: float | None
    said: str


def made_by(row: RunRow) -> Made | None:
    """None for a run that left no summary, and for one of a shape that nobody knows any more."""
    if row.summary is None:
        return None
    try:
        return _made(row, row.summary)
    except (KeyError, TypeError, ValueError):
        return None


def stage_said(row: StageRow) -> str:
    """What came of a stage, or why it failed, as it was told when it ended: its run may go on for long after it."""
    if row.summary is None:
        return ""
    try:
        return one_line(str(row.summary.get("error", ""))) or _said(row.summary).get(row.stage, "")
    except (KeyError, TypeError, ValueError, AttributeError):
        return ""


def chosen_at(newest: NewestSet | None, stage: StageRow | None) -> float | None:
    """When the set was chosen last, None where none ever was. `stage`: the newest run's selecting, which also ends
    where it chooses a set that was there already."""
    ends = (newest.at if newest else None, stage.ended_at if stage else None)
    return max((at for at in ends if at is not None), default=None)


def outdated_stages(
    runs: Sequence[Made],
    newest: NewestSet | None,
    stages: Mapping[str, StageRow],
    scored_at: Mapping[str, float],
    set_of: Callable[[str], str],
) -> set[str]:
    """Stages that are done, but of something that is no longer the newest. `scored_at`: when scoring ended, by run;
    `set_of` tells the digest of the set that a model (its path) was made of, "" where nobody knows."""
    outdated = set()
    at = chosen_at(newest, stages.get("select"))
    # A run goes on for long after its scoring: what another chose meanwhile is of these scores already.
    asked_at = max((scored_at.get(made.run, made.ended_at) for made in runs if made.calls), default=0.0)
    if at is not None and asked_at > at:
        outdated.add("select")
    made_of, evaluated, model, set_then = "", "", "", ""
    for made in runs:
        set_then = made.manifest or set_then
        if made.model is not None:
            model, made_of = made.model, set_then
        if made.outcome is not None:
            evaluated = model
    if model and newest is not None:
        # A set that was locked by hand is in no run's summary, so the record beside the model counts first.
        digest = set_of(model)
        current = digest == newest.digest if digest else made_of in ("", newest.manifest)
        if not current:
            outdated.add("quantize")
    if evaluated != model or "quantize" in outdated:
        outdated.add("evaluate")
    return outdated


def _made(row: RunRow, summary: Mapping[str, Any]) -> Made:
    scoring, selection = summary.get("scoring"), summary.get("selection")
    quantization, evaluation = summary.get("quantization"), summary.get("evaluation")
    ended = row.ended_at or row.started_at
    return Made(
        run=row.id,
        ended_at=ended,
        calls=int(scoring["calls"]) if scoring else 0,
        manifest=str(selection["manifest"]) if selection else None,
        model=str(quantization["model"]) if quantization else None,
        said=_said(summary),
        outcome=_outcome(evaluation, ended) if evaluation else None,
    )


def _outcome(evaluation: Mapping[str, Any], at: float) -> Outcome | None:
    drop = evaluation["drop"]
    if drop["points"] is None:
        return None
    low, high = drop["ci95"]
    return Outcome(
        reference_map=float(evaluation["reference"]["map"] or 0.0),
        int8_map=float(evaluation["int8"]["map"] or 0.0),
        drop=float(drop["points"]),
        low=float(drop["points"] if low is None else low),
        high=float(drop["points"] if high is None else high),
        verdict=one_line(str(evaluation.get("verdict", ""))),
        at=at,
    )


def _said(summary: Mapping[str, Any]) -> dict[str, str]:
    said = {}
    if pool := summary.get("pool"):
        said["pool"] = (
            f"{pool['frames']:,} frames, {pool['duplicates']:,} duplicates, {pool['unreadable']:,} unreadable"
        )
    if scoring := summary.get("scoring"):
        hits = scoring["cache_hits"]["exact"] + scoring["cache_hits"]["similar"]
        said["score"] = f"{scoring['scored']:,} scored, {hits:,} from the cache, {scoring['spent_eur']:.2f} EUR"
        if scoring["failed"] or scoring["remaining"]:
            said["score"] += f"; {scoring['failed']:,} failed, {scoring['remaining']:,} remain"
    if selection := summary.get("selection"):
        said["select"] = f"{selection['size']:,} frames by {selection['strategy']}"
    if quantization := summary.get("quantization"):
        said["quantize"] = (
            f"{quantization['target']}, {quantization['calibrator']} of {quantization['frames']:,} frames"
        )
    if evaluation := summary.get("evaluation"):
        said["evaluate"] = str(evaluation.get("verdict") or "the models are compared")
    return {stage: one_line(text) for stage, text in said.items()}
