"""A job as it goes: each phase with its state, how far it is, how fast and how long it takes yet."""

from __future__ import annotations

from collections.abc import Sequence

from calibtui.engine.wire.snapshot import Job, Outcome, Stage
from calibtui.tui.figures import moment
from calibtui.tui.pace import pace
from calibtui.tui.remedies import remedy
from calibtui.tui.states import sign
from calibtui.tui.text import cut, padded
from calibtui.tui.widgets.bars import bar_spans
from calibtui.tui.widgets.lines import Line, LineView
from calibtui.tui.widgets.wrapping import wrapped

TITLES = {"pool": "index pool", "score": "score", "select": "select", "quantize": "quantize", "evaluate": "evaluate"}
_NAMES = 11


class JobProgress(LineView):
    """Shows the stages that matter here, and the job that works on them where there is one."""

    def __init__(self, stages: Sequence[str], *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._names = tuple(stages)
        self._stages: tuple[Stage, ...] = ()
        self._job: Job | None = None
        self._paused = ""
        self._outcome: Outcome | None = None

    def show(self, stages: Sequence[Stage], job: Job | None, paused: str = "", outcome: Outcome | None = None) -> None:
        """`paused`: who holds the jobs, "" where nobody does. `outcome`: of the newest comparison."""
        asked = job.stages if job is not None and job.state in ("running", "queued", "paused") else ()
        self._stages = tuple(one for one in stages if one.name in self._names or one.name in asked)
        self._job, self._paused, self._outcome = job, paused, outcome
        self.refill()

    def lines(self, width: int) -> Sequence[Line]:
        lines: list[Line] = [self._job_line(width)]
        if (job := self._job) is not None and job.kind and job.state in ("running", "paused"):
            measuring = Stage(name=job.kind, state=job.state, done=job.done, total=job.total, said=job.said)
            lines += _stage_lines(measuring, width)
        for stage in self._stages:
            lines += _stage_lines(stage, width)
        if self._job is not None and self._job.error:
            lines += [[(line, "bad")] for line in wrapped(self._job.error, width)]
            lines += [[(line, "muted")] for line in wrapped(remedy(self._job), width) if line]
        if self._outcome is not None and (self._job is None or self._job.state == "done"):
            lines.append([("5 ", "key"), (cut(f"reads the comparison: {self._outcome.verdict}", width - 2), "strong")])
        return lines

    def _job_line(self, width: int) -> Line:
        job = self._job
        if job is None:
            return [("nothing runs", "muted")]
        state = sign(job.state)
        by = f" · by {job.by}" if job.by else ""
        when = f" · {moment(job.ended_at)}" if job.ended_at else ""
        held = f" · held by {self._paused}" if self._paused else ""
        return [(f"{state.text} ", state.role), (cut(f" {job.title}{by}{when}{held}", width - 12), "plain")]


def _stage_lines(stage: Stage, width: int) -> list[Line]:
    state = sign(stage.state)
    line: Line = [(padded(TITLES.get(stage.name, stage.name), _NAMES), "strong"), (padded(state.text, 14), state.role)]
    if stage.state not in ("running", "paused"):
        return [[*line, (cut(stage.said, width - _NAMES - 14), "muted")]]
    return [[*line, (cut(_pace(stage), width - _NAMES - 14), "plain")], *_bar(stage, width), *_said(stage, width)]


def _pace(stage: Stage) -> str:
    far = f"{stage.done:,} of {stage.total:,}" if stage.total else f"{stage.done:,}" if stage.done else ""
    return " · ".join(filter(None, (far, *pace(stage)[0])))


def _bar(stage: Stage, width: int) -> list[Line]:
    if not stage.total:
        return []
    role = "fill" if stage.state == "running" else "fill-warn"
    return [[(" " * _NAMES, "plain"), *bar_spans(stage.done / stage.total, max(4, min(60, width - _NAMES)), role)]]


def _said(stage: Stage, width: int) -> list[Line]:
    said = pace(stage)[1]
    return [[(" " * _NAMES + cut(said, width - _NAMES), "muted")]] if said else []
