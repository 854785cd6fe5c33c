"""Everything that was ever done in the workspace, and what differs between two runs."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from calibtui.core.errors import ConfigurationError
from calibtui.core.text import one_line
from calibtui.engine.queries.registry import QueryContext, answers
from calibtui.engine.wire.runs import Diff, Difference, Run, RunDetail, RunLine, RunLines, Runs
from calibtui.store.runs import RunRow

MOST = 100_000
LONGEST_PAGE = 1000
_STATES = {"killed": "interrupted"}
_SETTINGS = {
    ("scoring", "judge"): "scoring.judge",
    ("scoring", "model"): "scoring.model",
    ("scoring", "prompt"): "scoring.prompt",
    ("selection", "strategy"): "selection.strategy",
    ("selection", "size"): "selection.size",
    ("selection", "seed"): "selection.seed",
    ("quantization", "target"): "quantization.target",
    ("quantization", "calibrator"): "quantization.calibrator",
}
"""Where a summary tells a setting that the run had."""
_TELLS_NOTHING = ("schema", "workspace", "run", "notes")


@answers(Runs)
def run_lines(context: QueryContext, query: Runs) -> RunLines:
    words = query.filter.casefold().split()
    lines = [line for line in _lines(context) if all(word in _searched(line) for word in words)]
    first = max(0, query.offset)
    return RunLines(total=len(lines), runs=tuple(lines[first : first + max(0, min(query.limit, LONGEST_PAGE))]))


@answers(Run)
def run_detail(context: QueryContext, query: Run) -> RunDetail:
    """Raises ConfigurationError for a run that there isn't."""
    row = run_row(context, query.run)
    line = next(line for line in _lines(context) if line.run == row.id)
    return RunDetail(
        line=line,
        summary=json.dumps(row.summary, indent=2, ensure_ascii=False) if row.summary else "",
        settings=_settings(context, row),
    )


@answers(Diff)
def run_difference(context: QueryContext, query: Diff) -> Difference:
    """Raises ConfigurationError for a run that there isn't."""
    first, second = (_told(context, run_row(context, name)) for name in (query.first, query.second))
    names = [*first, *(name for name in second if name not in first)]
    return Difference(
        lines=tuple(
            (name, first.get(name, ""), second.get(name, ""))
            for name in names
            if first.get(name, "") != second.get(name, "")
        )
    )


def run_row(context: QueryContext, name: str) -> RunRow:
    """Raises ConfigurationError."""
    row = next((row for row in context.store.runs.newest(MOST) if row.id == name), None)
    if row is None:
        raise ConfigurationError(f"There is no run {name[:60]!r}.", "`calibtui status` lists the newest.")
    return row


def outcome_said(summary: Mapping[str, Any] | None) -> str:
    """The furthest that a run came, in one line."""
    summary = summary or {}
    try:
        return one_line(_outcome_said(summary))
    except (KeyError, TypeError, ValueError):
        return ""


def _outcome_said(summary: Mapping[str, Any]) -> str:
    if measured := summary.get("measured"):
        return str(measured["said"])
    if evaluation := summary.get("evaluation"):
        return str(evaluation["verdict"])
    if quantization := summary.get("quantization"):
        return f"INT8 for {quantization['target']} by {quantization['calibrator']} of {quantization['frames']:,} frames"
    if selection := summary.get("selection"):
        return f"{selection['size']:,} frames by {selection['strategy']}"
    if scoring := summary.get("scoring"):
        left = f", {scoring['remaining']:,} remain" if scoring["remaining"] else ""
        failed = f", {scoring['failed']:,} failed" if scoring["failed"] else ""
        return f"{scoring['scored']:,} frames scored{failed}{left}"
    if pool := summary.get("pool"):
        return f"{pool['frames']:,} frames indexed"
    return ""


def _lines(context: QueryContext) -> list[RunLine]:
    """Newest first."""
    stages: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for run, stage, state in context.store.browsing.stages():
        stages[run].append((stage, _STATES.get(state, state)))
    spent = context.store.browsing.spent_by_run()
    return [
        RunLine(
            run=row.id,
            command=row.command,
            state=_STATES.get(row.state, row.state),
            started_at=row.started_at,
            ended_at=row.ended_at,
            stages=tuple(stages[row.id]),
            spent=spent.get(row.id, 0),
            said=outcome_said(row.summary),
        )
        for row in context.store.runs.newest(MOST)
    ]


def _searched(line: RunLine) -> str:
    return " ".join((line.run, line.command, line.state, line.said, *(stage for stage, _ in line.stages))).casefold()


def _settings(context: QueryContext, row: RunRow) -> dict[str, str]:
    """As far as its summary and the overrides of its job tell."""
    summary = row.summary or {}
    settings = {
        key: json.dumps(summary[stage][name], ensure_ascii=False)
        for (stage, name), key in _SETTINGS.items()
        if isinstance(summary.get(stage), dict) and name in summary[stage]
    }
    job = next((job for job in context.store.jobs.newest(MOST) if job.run == row.id), None)
    for override in job.overrides if job is not None else ():
        key, _, value = override.partition("=")
        settings[key.strip()] = value.strip()
    return settings


def _told(context: QueryContext, row: RunRow) -> dict[str, str]:
    """Every value of the summary by its dotted name, the settings first."""
    told = _settings(context, row)
    for key, value in (row.summary or {}).items():
        if key not in _TELLS_NOTHING:
            _flatten(key, value, told)
    return told


def _flatten(name: str, value: Any, told: dict[str, str]) -> None:
    if isinstance(value, dict) and value:
        for key, each in value.items():
            _flatten(f"{name}.{key}", each, told)
    else:
        told[name] = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
