"""What changed between two snapshots that a user should hear of: jobs that ended, notices to everyone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from calibtui.engine.wire.snapshot import Job, Snapshot
from calibtui.tui.remedies import remedy
from calibtui.tui.states import sign

Level = Literal["information", "warning", "error"]
ENDED = ("done", "failed", "interrupted", "cancelled")


@dataclass(frozen=True, slots=True)
class Item:
    text: str
    hint: str
    level: Level


def news(before: Snapshot | None, now: Snapshot) -> Iterator[Item]:
    """Nothing for the first snapshot: what ended before one attached is no news."""
    if before is None:
        return
    heard = max((notice.number for notice in before.notices), default=-1)
    if now.engine_started_at != before.engine_started_at:
        heard = max((notice.number for notice in now.notices), default=-1)
    states = {job.name: job.state for job in before.jobs}
    for job in now.jobs:
        if job.state in ENDED and states.get(job.name, "") not in (*ENDED, ""):
            yield _ended(job)
    for notice in now.notices:
        if notice.number > heard and not _told_by_its_job(notice.text, now.jobs, states):
            yield Item(notice.text, "", _level(notice.level))


def _told_by_its_job(text: str, jobs: Sequence[Job], states: Mapping[str, str]) -> bool:
    """Whether the notice only says that a job ended that was seen to run or to wait: then its end is news already."""
    ended = [job for job in jobs if job.state in ENDED and text.startswith(f"{job.title} ")]
    return bool(ended) and max(ended, key=lambda job: job.ended_at or 0.0).name in states


def _ended(job: Job) -> Item:
    level: Level = {"done": "information", "failed": "error"}.get(job.state, "warning")  # type: ignore[assignment]
    return Item(f"{sign(job.state).text}: {job.title}{'. ' + job.error if job.error else ''}", remedy(job), level)


def _level(level: str) -> Level:
    return level if level in ("warning", "error") else "information"  # type: ignore[return-value]
