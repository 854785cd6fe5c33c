"""The queue, who is attached, the pool in figures, the newest comparison, and what to do next."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from calibtui.engine.wire.snapshot import Job, Snapshot
from calibtui.tui.figures import clock, count, moment
from calibtui.tui.remedies import remedy
from calibtui.tui.states import sign
from calibtui.tui.text import cut
from calibtui.tui.widgets.lines import Line, Span
from calibtui.tui.widgets.wrapping import wrapped

SHOWN_JOBS = 6


def next_step(snapshot: Snapshot, width: int) -> Sequence[Line]:
    lines: list[Line] = [
        [("→ " if not number else "  ", "accent"), (text, "strong")]
        for number, text in enumerate(wrapped(snapshot.next_step, max(10, width - 2)) if snapshot.next_step else ())
    ]
    for warning in snapshot.warnings:
        lines += [
            [("▲ " if not number else "  ", "warn"), (text, "warn")]
            for number, text in enumerate(wrapped(warning, max(10, width - 2)))
        ]
    return lines


def jobs(snapshot: Snapshot, width: int) -> Sequence[Line]:
    """Those that run or wait first, then the newest that ended."""
    order = {"running": 0, "paused": 0, "queued": 1}
    shown = sorted(snapshot.jobs, key=lambda job: (order.get(job.state, 2), -job.priority, -(job.ended_at or 0)))
    if not shown:
        return []
    lines: list[Line] = [[("Jobs", "title")]]
    for number, job in enumerate(shown[:SHOWN_JOBS]):
        lines += _failure(job, width) if number == 0 and job.error else [_job(job, width)]
    return lines


def _failure(job: Job, width: int) -> Sequence[Line]:
    """The newest job in full where something is wrong with it: what, and what to do."""
    said: list[Line] = [[("  " + line, "bad")] for line in wrapped(job.error, max(10, width - 2))]
    hint: list[Line] = [[("  " + line, "plain")] for line in wrapped(remedy(job), max(10, width - 2)) if line]
    return [_job(replace(job, error=""), width), *said, *hint]


def _job(job: Job, width: int) -> Line:
    state = sign(job.state)
    spans: list[Span] = [(f"{state.text:<14}", state.role), (cut(job.title, max(8, width - 14)), "plain")]
    at = job.ended_at or job.started_at or job.queued_at
    tail = f"  {cut(job.by, 12)} {clock(at)}"
    if sum(len(span[0]) for span in spans) + len(tail) <= width:
        spans.append((tail, "muted"))
    if job.error:
        spans.append((cut("  " + job.error, max(0, width - sum(len(span[0]) for span in spans))), "bad"))
    return spans


def people(snapshot: Snapshot, width: int) -> Sequence[Line]:
    """Who sees this too."""
    names = [f"{viewer.user} on {viewer.terminal}{' (you)' if viewer.me else ''}" for viewer in snapshot.viewers]
    if not names:
        return []
    lines = wrapped(" · ".join(names), max(10, width - 10))
    return [
        [("Attached  " if not number else " " * 10, "title"), (text, "plain")] for number, text in enumerate(lines[:3])
    ]


def pool(snapshot: Snapshot, width: int) -> Sequence[Line]:
    totals = snapshot.totals
    if not totals.frames:
        return []
    parts = [
        f"{count(totals.frames)} frames",
        *(
            f"{count(n)} {word}"
            for n, word in ((totals.duplicates, "duplicates"), (totals.unreadable, "unreadable"))
            if n
        ),
        f"{count(totals.selected)} in the draft set",
        *(
            f"{count(n)} {word}"
            for n, word in ((totals.pinned, "pinned"), (totals.excluded, "excluded"), (totals.picked, "picked"))
            if n
        ),
    ]
    lines = wrapped(", ".join(parts), max(10, width - 10))
    return [
        [("Pool      " if not number else " " * 10, "title"), (text, "plain")] for number, text in enumerate(lines[:3])
    ]


def outcome(snapshot: Snapshot, width: int) -> Sequence[Line]:
    """The newest comparison of the INT8 model with the float one."""
    newest = snapshot.outcome
    if newest is None:
        return []
    return [
        [("Outcome", "title"), (cut(f"  {moment(newest.at)}", width - 7), "muted")],
        [("mAP float ", "muted"), (f"{100 * newest.reference_map:5.1f}", "strong"),
         ("   int8 ", "muted"), (f"{100 * newest.int8_map:5.1f}", "strong")],
        *([(text, "plain")] for text in wrapped(newest.verdict, max(10, width))[:2]),
    ]  # fmt: skip
