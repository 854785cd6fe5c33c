"""Which of the queued jobs may begin: decisions alone."""

from __future__ import annotations

from collections.abc import Sequence, Set

from calibtui.engine.wire.snapshot import STAGES
from calibtui.pipeline.asked import asked_of
from calibtui.store.jobs import JobRow

_TASK_LANES = {"stability": {"scoring"}, "ablate": {"scoring", "computing"}}
_NEEDS_SET = ("diagnose", "coverage")


def lanes(job: JobRow) -> Set[str]:
    """Jobs of one lane go one after the other: of the scoring ones, so that one ledger owns the balances; of the
    others, so that they don't share the cores among too many. An ablation may score, and keeps every core busy."""
    if job.task:
        return _TASK_LANES.get(asked_of(job.task).kind, {"computing"})
    return {"scoring" if "score" in job.stages else "computing"}


def startable(queued: Sequence[JobRow], running: Sequence[JobRow]) -> JobRow | None:
    """The next one to begin, if any: higher priority first, then the one asked first.

    A job waits for one asked before it that makes what it is made of: selecting for scoring, quantizing for selecting.
    """
    busy = {lane for job in running for lane in lanes(job)}
    for job in sorted(queued, key=lambda job: (-job.priority, job.queued_at, job.name)):
        before = [*running, *(other for other in queued if other.queued_at < job.queued_at)]
        if not lanes(job) & busy and not any(_feeds(other, job) for other in before):
            return job
    return None


def _feeds(earlier: JobRow, later: JobRow) -> bool:
    if later.task:
        return "select" in earlier.stages and asked_of(later.task).kind in _NEEDS_SET
    if not later.stages:
        return False
    first = min(STAGES.index(stage) for stage in later.stages)
    return first > 0 and STAGES[first - 1] in earlier.stages
