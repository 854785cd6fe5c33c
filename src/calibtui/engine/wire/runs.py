"""Everything that was ever done in the workspace, and the commands that do more."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from calibtui.engine.wire.exchange import Command, Query
from calibtui.engine.wire.snapshot import Job


class RunLine(msgspec.Struct, frozen=True, kw_only=True):
    """`state`: "running", "done", "failed", "interrupted". `said`: the outcome in one line. `spent` in micro-EUR."""

    run: str
    command: str
    state: str
    started_at: float
    ended_at: float | None
    stages: tuple[tuple[str, str], ...]
    spent: int
    said: str


class RunLines(msgspec.Struct, frozen=True, kw_only=True):
    total: int
    runs: tuple[RunLine, ...]


class Runs(Query[RunLines], frozen=True, kw_only=True):
    """Newest first; `filter`: words that must all occur in the name, command, state or outcome."""

    path: ClassVar[str] = "runs"
    answer: ClassVar[type] = RunLines
    filter: str = ""
    offset: int = 0
    limit: int = 100


class RunDetail(msgspec.Struct, frozen=True, kw_only=True):
    """`summary`: the run's JSON, indented; `settings` that it ran with as table.key → JSON text."""

    line: RunLine
    summary: str
    settings: dict[str, str] = {}


class Run(Query[RunDetail], frozen=True, kw_only=True):
    path: ClassVar[str] = "run"
    answer: ClassVar[type] = RunDetail
    run: str


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """`lines`: what differs, (name, in the first run, in the second run)."""

    lines: tuple[tuple[str, str, str], ...]


class Diff(Query[Difference], frozen=True, kw_only=True):
    path: ClassVar[str] = "diff"
    answer: ClassVar[type] = Difference
    first: str
    second: str


class LogLines(msgspec.Struct, frozen=True, kw_only=True):
    """`next`: the offset to ask from for what comes after."""

    lines: tuple[str, ...]
    next: int


class Log(Query[LogLines], frozen=True, kw_only=True):
    """The log of a job: progress notes, warnings, errors; from `offset` on, -1: the last `limit` lines."""

    path: ClassVar[str] = "log"
    answer: ClassVar[type] = LogLines
    job: str = ""
    offset: int = -1
    limit: int = 200


class Start(Command, frozen=True, kw_only=True):
    """Queues a job of `stages`, in the order of the pipeline. `overrides` as of `--set`, on top of the knobs. A job
    that costs money is refused with "confirmation", and what it may cost, unless `confirmed`. `careful`: it ends by
    itself where its first frames tell that the budget is not likely to do, as a headless run does."""

    path: ClassVar[str] = "start"
    stages: tuple[str, ...]
    overrides: tuple[str, ...] = ()
    priority: int = 0
    confirmed: bool = False
    careful: bool = False


class Task(Command, frozen=True, kw_only=True):
    """Queues a job that measures something beside the stages. `kind`: "diagnose", "coverage", "ablate" or "stability";
    `options` as the headless command's, by name without dashes; the rest as of `Start`."""

    path: ClassVar[str] = "task"
    kind: str
    options: dict[str, str] = msgspec.field(default_factory=dict)
    overrides: tuple[str, ...] = ()
    confirmed: bool = False
    careful: bool = False


class Rerun(Command, frozen=True, kw_only=True):
    """Queues a job with the stages, or the measurement, and the settings of an earlier run."""

    path: ClassVar[str] = "rerun"
    run: str
    confirmed: bool = False


class Pause(Command, frozen=True, kw_only=True):
    """Holds the running and the queued jobs, for everyone, until `Resume`; requests in flight are still answered."""

    path: ClassVar[str] = "pause"


class Resume(Command, frozen=True, kw_only=True):
    path: ClassVar[str] = "resume"


class Cancel(Command, frozen=True, kw_only=True):
    """Ends a job at its next safe point, or takes it out of the queue."""

    path: ClassVar[str] = "cancel"
    job: str


class Stop(Command, frozen=True, kw_only=True):
    """Ends the engine after what runs came to a safe point; refused with "confirmation" while a job runs, unless
    `confirmed`."""

    path: ClassVar[str] = "stop"
    confirmed: bool = False


class JobEnd(msgspec.Struct, frozen=True, kw_only=True):
    """A job and, once it ended, the JSON text of its run's summary (calibtui.core.summary.RunSummary, with the NaN of
    Python's json), and of a `Task` that of what the headless command makes its output of; "" until then."""

    job: Job
    summary: str = ""
    result: str = ""


class JobOutcome(Query[JobEnd], frozen=True, kw_only=True):
    """What came of a job, also long after it ended."""

    path: ClassVar[str] = "job"
    answer: ClassVar[type] = JobEnd
    job: str


class Sheet(msgspec.Struct, frozen=True, kw_only=True):
    """`text`: the JSON of a dataclass that the headless command shows."""

    text: str


class Headless(Query[Sheet], frozen=True, kw_only=True):
    """What a headless command would read from the store if no engine held it. `what`: "status" or "books"."""

    path: ClassVar[str] = "headless"
    answer: ClassVar[type] = Sheet
    what: str
