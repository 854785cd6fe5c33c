"""What runs, what it costs, what is next."""

from __future__ import annotations

from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical, VerticalScroll
from textual.widget import Widget

from calibtui.engine.wire.snapshot import STAGES, Job, Snapshot
from calibtui.tui.overview.difficulty import difficulty
from calibtui.tui.overview.money import money
from calibtui.tui.overview.people import jobs, next_step, outcome, people, pool
from calibtui.tui.overview.pipeline import pipeline
from calibtui.tui.overview.scoring import scoring
from calibtui.tui.screens.workbench_screen import WorkbenchScreen
from calibtui.tui.throttle import Throttle
from calibtui.tui.widgets.log_end import LogEnd
from calibtui.tui.widgets.snapshot_view import Draw, SnapshotView

STARTS: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("Everything", STAGES, "whatever is left to do, from index to comparison"),
    ("Score", ("pool", "score"), "ask the judge about frames that have no score yet"),
    ("Select", ("select",), "the calibration set, as the knobs of 3 say"),
    ("Quantize", ("quantize",), "the INT8 model, as the knobs of 4 say"),
    ("Evaluate", ("evaluate",), "the mAP of the INT8 model beside the float one"),
)


_LOG_S = 2.0
"""The log is asked for so often at most."""

PARTS: tuple[Draw, ...] = (pipeline, next_step, scoring, difficulty, money, outcome, jobs, pool, people)


class Dashboard(VerticalScroll, can_focus=True):
    """The parts, in one or more columns as the width allows; scrolls where they are higher than the screen."""

    HELP: ClassVar[str] = """\
The five stages on top go from frames to the comparison of both models; each is not yet, queued, running, paused, done,
failed, interrupted or outdated (what it was made of has changed since).

Below: scoring as it goes, how the frames spread over difficulty, what this run costs and how full the budgets are, the
queue of jobs, and who else is attached. Money counts what is spent and what is held for questions on their way."""


class OverviewScreen(WorkbenchScreen):
    NAME = "overview"
    HELP = "The state of the workspace at a glance, and the keys that start, hold and end its jobs."
    DEFAULT_CSS = """
    OverviewScreen Dashboard { height: 1fr; padding: 0 1; scrollbar-size-vertical: 1; }
    OverviewScreen Dashboard > SnapshotView, OverviewScreen Dashboard > .pair { margin-bottom: 1; }
    OverviewScreen .pair { height: auto; layout: horizontal; }
    OverviewScreen .pair > SnapshotView { margin-right: 2; }
    OverviewScreen.-narrow .pair { layout: vertical; }
    OverviewScreen.-narrow .pair > SnapshotView { margin: 0 0 1 0; }
    OverviewScreen.-tall Dashboard, OverviewScreen.-vast Dashboard { padding: 1 2; }
    OverviewScreen LogEnd { display: none; padding: 0 2; }
    OverviewScreen.-tall Dashboard { height: auto; max-height: 100%; padding: 1 2 0 2; }
    OverviewScreen.-tall LogEnd { display: block; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "start", "start", id="overview.start", tooltip="Starts one stage, or all that is left to do."),
        Binding("p", "pause", "pause/resume", id="overview.pause",
                tooltip="Holds all jobs, for everyone, or lets them go on. Questions on their way are still answered, "
                "and a batch that was handed in stays with its provider."),
        Binding("c", "cancel", "cancel", id="overview.cancel",
                tooltip="Ends the running job at its next safe point, or takes a waiting one out of the queue."),
    ]  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self._views: list[SnapshotView] = []
        self._log = Throttle(self, _LOG_S, self._load_log)

    def body(self) -> ComposeResult:
        with Vertical():
            yield Dashboard()
            yield LogEnd()

    def on_snapshot(self, snapshot: Snapshot) -> None:
        """The parts are made when there is something to show in them: the first paint doesn't wait for them."""
        if not self._views:
            views = {part: SnapshotView(part) for part in PARTS}
            self._views = list(views.values())
            self.query_one(Dashboard).mount_all(_arranged(views))
        for view in self._views:
            view.show(snapshot)
        self._follow_log()

    @on(LogEnd.Fitted)
    def _follow_log(self) -> None:
        if self.query_one(LogEnd).room and self.snapshot is not None and self.snapshot.jobs:
            self._log.ask()

    @work(group="overview-log", exclusive=True, exit_on_error=False)
    async def _load_log(self) -> None:
        """Where there is room below everything else, what the newest job says."""
        from calibtui.engine.wire.runs import Log

        end = self.query_one(LogEnd)
        if not end.room or not self.is_current:
            return
        log = await self.ask(Log(limit=end.room))
        if log is not None:
            end.say(log.lines)

    def copied(self) -> str:
        """The screen in words, for a message to a colleague."""
        if self.snapshot is None:
            return ""
        parts = (part(self.snapshot, 100) for part in (pipeline, scoring, money, outcome))
        return "\n".join("".join(span[0] for span in line).rstrip() for part in parts for line in part)

    def action_start(self) -> None:
        self.run_worker(self._start(), group="dialog", exclusive=True, exit_on_error=False)

    async def _start(self) -> None:
        from calibtui.engine.wire.runs import Start
        from calibtui.tui.screens.choose import ChooseScreen

        choice = await self.workbench.push_screen_wait(
            ChooseScreen("Start what?", [(title, said) for title, _, said in STARTS])
        )
        if choice is not None:
            self.send(Start(stages=STARTS[choice][1]))

    def action_pause(self) -> None:
        from calibtui.engine.wire.runs import Pause, Resume

        paused = self.snapshot is not None and self.snapshot.paused
        self.send(Resume() if paused else Pause())

    def action_cancel(self) -> None:
        self.run_worker(self._cancel(), group="dialog", exclusive=True, exit_on_error=False)

    async def _cancel(self) -> None:
        """One job is asked about, of several one is chosen first."""
        from calibtui.engine.wire.runs import Cancel
        from calibtui.tui.screens.choose import ChooseScreen
        from calibtui.tui.screens.confirm import ConfirmScreen

        ending = (
            [job for job in self.snapshot.jobs if job.state in ("running", "queued", "paused")] if self.snapshot else []
        )
        if not ending:
            self.workbench.tell("No job runs or waits.")
            return
        job = ending[0]
        if len(ending) > 1:
            choice = await self.workbench.push_screen_wait(
                ChooseScreen(
                    "Cancel which job?", [(each.title, f"{each.state}, asked by {each.by}") for each in ending]
                )
            )
            if choice is None:
                return
            job = ending[choice]
        if await self.workbench.push_screen_wait(ConfirmScreen(_cancel_question(job), "What it did so far is kept.")):
            self.send(Cancel(job=job.name))


def _arranged(views: dict[Draw, SnapshotView]) -> list[Widget]:
    """From the top; those in one box stand beside each other where there is room."""
    return [
        views[pipeline],
        views[next_step],
        Container(views[scoring], views[difficulty], classes="pair"),
        views[money],
        Container(views[outcome], views[jobs], classes="pair"),
        views[pool],
        views[people],
    ]


def _cancel_question(job: Job) -> str:
    return f"Cancel the {job.state} job “{job.title}” that {job.by} asked for?"
