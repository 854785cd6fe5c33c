"""Float, INT8 and earlier runs side by side: the verdict first, then figures, then the frames that lost most."""

from __future__ import annotations

from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll

from calibtui.engine.wire.models import Compare, Comparison, Lost
from calibtui.engine.wire.runs import Task
from calibtui.engine.wire.snapshot import Snapshot
from calibtui.tui.figures import moment
from calibtui.tui.screens.workbench_screen import WorkbenchScreen
from calibtui.tui.throttle import Throttle
from calibtui.tui.widgets.comparison_rows import MOST_RUNS
from calibtui.tui.widgets.comparison_table import ComparisonTable
from calibtui.tui.widgets.lost_frames import LostList
from calibtui.tui.widgets.panes import Pane, Panes
from calibtui.tui.widgets.row_list import RowList
from calibtui.tui.widgets.sentences import Sentences
from calibtui.tui.widgets.verdict import Verdict, interval_words

_NEWS_S = 1.0
_SHOWN_AT_FIRST = 2
_NOTHING = (
    "No INT8 model is compared with float yet. Go to Quantize (4) and press g: it makes the INT8 model of the newest "
    "set and evaluates it."
)


class CompareScreen(WorkbenchScreen):
    NAME: ClassVar[str] = "compare"
    HELP: ClassVar[str] = """\
What INT8 cost. The large figure is the change in mAP50–95 in points, its 95 % interval is drawn beside it: where the
line
crosses zero, no difference was measured. ] goes to the frames that lost most. a asks whether another way to choose the
set would do better than chance: an ablation, whose verdict stands in the runs (7)."""
    DEFAULT_CSS = """
    CompareScreen Verdict { padding: 0 2 1 2; }
    CompareScreen.-short Verdict { padding: 0 2; max-height: 4; }
    CompareScreen #compare-panes { layout: grid; grid-size: 2 2; grid-columns: 3fr 2fr; grid-rows: 3fr 2fr; }
    CompareScreen #compare-panes.-one { layout: vertical; }
    CompareScreen #pane-figures { row-span: 2; }
    CompareScreen VerticalScroll { scrollbar-size-vertical: 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("c", "choose", "choose runs", id="compare.choose", tooltip="Which runs stand side by side"),
        Binding("a", "ablate", "ablate", id="compare.ablate", tooltip="Compares ways to choose a set with random ones"),
        Binding("y", "copy", "copy", id="screen.copy", tooltip="Copies what the focus is on."),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._all: tuple[Comparison, ...] = ()
        self._chosen: tuple[str, ...] = ()
        self._data = -1
        self._fresh = Throttle(self, _NEWS_S, self._load)

    def body(self) -> ComposeResult:
        yield Verdict(id="compare-verdict")
        yield Panes(
            Pane("Figures", ComparisonTable(id="compare-table"), id="pane-figures"),
            Pane("Frames that lost most", LostList(id="compare-lost"), id="pane-lost"),
            Pane("How it was made", VerticalScroll(Sentences(id="compare-notes")), id="pane-notes"),
            side_by_side=120,
            height_needed=22,
            id="compare-panes",
        )

    def on_snapshot(self, snapshot: Snapshot) -> None:
        if snapshot.data != self._data:
            self._data = snapshot.data
            self._fresh.ask()

    @property
    def runs(self) -> tuple[Comparison, ...]:
        """The runs shown: those chosen, else the newest and the one before it."""
        by_name = {run.run: run for run in self._all}
        chosen = tuple(by_name[name] for name in self._chosen if name in by_name)
        return chosen or self._all[:_SHOWN_AT_FIRST]

    def copied(self) -> str:
        """The verdict with its interval."""
        if not self.runs:
            return ""
        run = self.runs[0]
        return f"{run.verdict} ({interval_words(run)}; {run.frames:,} evaluation frames; run {run.run})"

    @work(group="compare-load", exclusive=True, exit_on_error=False)
    async def _load(self) -> None:
        answer = await self.ask(Compare())
        if answer is None:
            return
        self._all = answer.comparisons
        await self._show()

    async def _show(self) -> None:
        runs = self.runs
        with self.app.batch_update():
            self.query_one(Verdict).show(runs[0] if runs else None, _NOTHING)
            self.query_one(ComparisonTable).show_runs(runs, empty="The figures stand here then.")
            self.query_one("#compare-notes", Sentences).say(_notes(runs[0]) if runs else [])
        if not runs:
            self.query_one(LostList).show_frames((), "The frames that lost most stand here then.")
            return
        lost = await self.ask(Lost(run=runs[0].run))
        if lost is not None:
            self.query_one(LostList).show_frames(lost.frames, "No frame lost an object that float finds.")

    @work(group="compare-dialog", exclusive=True, exit_on_error=False)
    async def action_choose(self) -> None:
        from calibtui.tui.screens.choose_runs import ChooseRunsScreen

        now = tuple(run.run for run in self.runs)
        chosen = await self.app.push_screen_wait(ChooseRunsScreen(self._all, now, MOST_RUNS))
        if chosen is not None:
            self._chosen = chosen
            await self._show()

    @work(group="compare-dialog", exclusive=True, exit_on_error=False)
    async def action_ablate(self) -> None:
        """Asks what to compare, and queues it; its verdict stands in the runs."""
        from calibtui.tui.screens.ablation_plan import AblationPlanScreen

        asked = await self.app.push_screen_wait(AblationPlanScreen())
        if asked is None:
            return
        done = await self.do(Task(kind="ablate", options=asked))
        if done is not None:
            self.workbench.tell(done.said, "Its verdict and its report stand in the runs (7) when it is done.")

    @on(RowList.Chosen, "#compare-lost")
    def _open_lost(self, event: RowList.Chosen) -> None:
        from calibtui.tui.screens.lost_frame import LostFrameScreen

        method = self.workbench.preferences.pictures
        self.app.push_screen(LostFrameScreen(event.rows.rows, event.index, self.workbench.connection, method))


def _notes(run: Comparison) -> list[tuple[str, str]]:
    said = [(f"! {note}", "warn") for note in run.notes]
    said.append((f"report: {run.report or 'gone'}", "accent" if run.report else "muted"))
    said.append((f"left in float: {', '.join(run.float_layers) or 'nothing'}", "plain"))
    said += [(f"{key}: {value}", "plain") for key, value in run.options.items()]
    said += [(f"model: {run.model}", "muted"), (f"run: {run.run}, {moment(run.at)}", "muted")]
    return said
