"""The five stages, one a line: what state each is in and how far, or what came of it."""

from __future__ import annotations

from collections.abc import Sequence

from calibtui.engine.wire.snapshot import Snapshot, Stage
from calibtui.tui.figures import bar, count, percent
from calibtui.tui.pace import pace
from calibtui.tui.states import sign
from calibtui.tui.text import cut, padded
from calibtui.tui.widgets.lines import Line, Span

NAME, SIGN = 10, 15


def pipeline(snapshot: Snapshot, width: int) -> Sequence[Line]:
    return [_stage(stage, width) for stage in snapshot.stages]


def _stage(stage: Stage, width: int) -> Line:
    state = sign(stage.state)
    lead: list[Span] = [
        (padded(stage.name, NAME), "strong" if stage.state == "running" else "plain"),
        (padded(state.text, SIGN), state.role),
    ]
    left = width - NAME - SIGN
    if stage.state in ("running", "paused") and stage.total > 0:
        return [*lead, *_progress(stage, left)]
    return [*lead, (cut(stage.said, left), "muted")]


def _progress(stage: Stage, width: int) -> list[Span]:
    filled, rest = bar(stage.done / stage.total, max(6, min(40, width - 38)))
    figures = f" {percent(stage.done, stage.total)}"
    detail = f"  {count(stage.done)} of {count(stage.total)}"
    parts, said = pace(stage)
    fast = "".join(f"  {part}" for part in parts)
    room = width - len(filled + rest + figures)
    spans: list[Span] = [(filled, "fill"), (rest, "fill"), (figures, "strong")]
    if len(detail) + len(fast) <= room:
        spans += [(detail, "plain"), (fast, "muted")]
        return [*spans, (cut("  " + said, room - len(detail + fast)), "muted")] if said else spans
    return [*spans, (fast if 0 < len(fast) <= room else cut(detail, room), "muted")]
