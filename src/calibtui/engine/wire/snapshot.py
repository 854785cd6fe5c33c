"""The state of a workspace at one moment, as the engine sends it at most four times a second.

Money is micro-EUR, times are UTC seconds since the epoch, rates are units a second.
"""

from __future__ import annotations

import msgspec

STAGES = ("pool", "score", "select", "quantize", "evaluate")


class Stage(msgspec.Struct, frozen=True, kw_only=True):
    """A stage of the pipeline. `state`: "never", "queued", "running", "paused", "done", "failed", "interrupted" or
    "outdated" (done, but what it was made of has changed since). `total` 0: unknown. `seconds_left` None: unknown.
    `said`: what came of it, or what it is doing, in one line."""

    name: str
    state: str
    done: int = 0
    total: int = 0
    rate: float = 0.0
    seconds_left: float | None = None
    said: str = ""
    ended_at: float | None = None


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """Work in the queue. `state`: "queued", "running", "paused", "done", "failed", "interrupted", "cancelled". Higher
    `priority` goes first. `by`: the OS user who asked. `exit_code` as the headless command would have had. `kind`: what
    a job without stages measures, "" for a job of stages; `done` of `total` (0: unknown) and `said` tell how far that
    is while it runs."""

    name: str
    run: str
    title: str
    stages: tuple[str, ...]
    state: str
    priority: int
    by: str
    queued_at: float
    started_at: float | None = None
    ended_at: float | None = None
    exit_code: int | None = None
    error: str = ""
    hint: str = ""
    kind: str = ""
    done: int = 0
    total: int = 0
    said: str = ""


class Scoring(msgspec.Struct, frozen=True, kw_only=True):
    """Scoring as it goes, or as it ended. `spent` and `held` are of this run; `forecast` its expected EUR with the 95 %
    interval `forecast_low`, `forecast_high` (None until the first replies). `rates`: frames a second, oldest first,
    one a second. `errors`: replies by class of error."""

    run: str
    model: str
    prompt: str
    done: int
    total: int
    failed: int
    in_flight: int
    exact_hits: int
    similar_hits: int
    calls: int
    retries: int
    rate: float
    seconds_left: float | None
    spent: int
    held: int
    forecast: int | None = None
    forecast_low: int | None = None
    forecast_high: int | None = None
    latency_ms_p50: float | None = None
    rates: tuple[float, ...] = ()
    errors: tuple[tuple[str, int], ...] = ()


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """A node of the budget tree, parents before children; `cap` None: no cap of its own. `warned`: the highest of 50,
    80, 95 % that was passed, else 0. `period`: "day", "week", "month", "none"."""

    node: str
    cap: int | None
    spent: int
    held: int
    period: str = "none"
    user: str | None = None
    warned: int = 0


class Viewer(msgspec.Struct, frozen=True, kw_only=True):
    """Someone attached. `me` is set in the snapshot that goes to that client."""

    user: str
    terminal: str
    since: float
    me: bool = False


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """Something to tell everyone once; `number` grows. `level`: "information", "warning", "error"."""

    number: int
    level: str
    text: str
    at: float


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """`histogram`: frames by difficulty in 20 bins from 0 to 1. `selected`: the size of the draft set as it stands."""

    frames: int = 0
    duplicates: int = 0
    unreadable: int = 0
    scored: int = 0
    failed: int = 0
    pinned: int = 0
    excluded: int = 0
    picked: int = 0
    selected: int = 0
    histogram: tuple[int, ...] = (0,) * 20


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """The newest comparison: mAP50–95 as fractions, `drop` in points with its interval."""

    reference_map: float
    int8_map: float
    drop: float
    low: float
    high: float
    verdict: str
    at: float


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """`number` grows with every change; equal numbers mean equal content but for `at`. `data`: grows whenever rows that
    pages show (frames, scores, marks, sets, models, runs) changed, so a client knows when to ask again. `next_step`:
    what to do first in an empty workspace, or what would come next, in one sentence."""

    wire: int
    version: str
    workspace: str
    number: int
    data: int
    at: float
    engine_started_at: float
    stages: tuple[Stage, ...]
    jobs: tuple[Job, ...] = ()
    paused: bool = False
    paused_by: str = ""
    scoring: Scoring | None = None
    budgets: tuple[Budget, ...] = ()
    totals: Totals = Totals()
    outcome: Outcome | None = None
    viewers: tuple[Viewer, ...] = ()
    notices: tuple[Notice, ...] = ()
    next_step: str = ""
    warnings: tuple[str, ...] = ()
