"""Everything ever done in the workspace."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Input

from calibtui.engine.wire.runs import Diff, Rerun, Run, RunLine, Runs
from calibtui.engine.wire.snapshot import STAGES, Snapshot
from calibtui.tui.figures import count, duration, euros, moment
from calibtui.tui.screens.workbench_screen import WorkbenchScreen
from calibtui.tui.states import sign
from calibtui.tui.text import cut, padded, right
from calibtui.tui.throttle import Debounce, Throttle
from calibtui.tui.widgets.lines import Line, LineView
from calibtui.tui.widgets.row_list import RowList

AGAIN_S = 2.0
AT_ONCE = 500
"""Runs that are fetched; older ones are found with the filter."""

REST_S = 0.15
"""A filter is applied once nothing was typed for so long."""


class RunList(RowList[RunLine]):
    HELP: ClassVar[str] = """\
One row a run: when, how it ended, the command, how long, what it cost and what came of it. Space marks a run; d then
shows
what differs between the marked one and the one under the cursor."""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "mark", "mark", id="runs.mark", tooltip="Marks the run to compare others with."),
    ]

    marked = ""

    def action_mark(self) -> None:
        if self.current is not None:
            self.marked = "" if self.marked == self.current.run else self.current.run
            self.refresh()

    def copied(self) -> str:
        return self.current.run if self.current is not None else ""


class FoundLine(LineView):
    """How many runs there are."""

    said = ""

    def lines(self, width: int) -> list[Line]:
        return [[(cut(self.said, width), "muted")]]


class RunsScreen(WorkbenchScreen):
    NAME = "runs"
    HELP = "Every run of this workspace, newest first: open one, compare two, do one again."
    AUTO_FOCUS = "RunList"
    DEFAULT_CSS = """
    RunsScreen Input { margin: 0 1; display: none; }
    RunsScreen.-filtered Input { display: block; }
    RunsScreen RunList { margin: 0 1; }
    RunsScreen FoundLine { margin: 0 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "filter", "filter", id="runs.filter", tooltip="Words that must all occur in a run's row."),
        Binding("escape", "unfilter", "all", id="runs.all", show=False, tooltip="Takes the filter away."),
        Binding("d", "diff", "compare", id="runs.diff",
                tooltip="What differs between the marked run, or the one below, and this one."),
        Binding("r", "rerun", "run again", id="runs.rerun", tooltip="The same stages with the same settings."),
    ]  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self._reading = Throttle(self, AGAIN_S, self._read)
        self._typing = Debounce(self, REST_S, self._read)
        self._read_for: object = None

    def body(self) -> ComposeResult:
        yield Input(placeholder="words that must all occur", compact=True, select_on_focus=False)
        yield FoundLine()
        yield RunList(self._row, _title, empty="Nothing was ever done here: 1, then s, starts.")

    def on_snapshot(self, snapshot: Snapshot) -> None:
        if (mark := (snapshot.data, tuple((job.name, job.state) for job in snapshot.jobs))) != self._read_for:
            self._read_for = mark
            self._reading.ask()

    def _read(self) -> None:
        self.run_worker(self._reread(), group="runs", exclusive=True, exit_on_error=False)

    async def _reread(self) -> None:
        wanted = self.query_one(Input).value.strip()
        found = await self.ask(Runs(filter=wanted, limit=AT_ONCE))
        if found is None:
            return
        self.query_one(RunList).show(found.runs, empty="No run matches." if wanted else None)
        line = self.query_one(FoundLine)
        older = (
            f", the newest {count(len(found.runs))} here: filter for older ones"
            if found.total > len(found.runs)
            else ""
        )
        one = found.total == 1
        matching = (" matches" if one else " match") if wanted else ""
        line.said = f"{count(found.total)} {'run' if one else 'runs'}{matching}{older}"
        line.refill()

    def _row(self, run: RunLine, width: int) -> Line:
        state = sign(run.state)
        mark = "◆ " if run.run == self.query_one(RunList).marked else "  "
        took = duration(run.ended_at - run.started_at) if run.ended_at is not None else ""
        line: Line = [(mark, "accent"), (f"{moment(run.started_at)}  ", "muted"), (f"{state.text:<14}", state.role)]
        if width >= 100:
            stages = " ".join(name for name, _ in run.stages)
            line = [
                *line,
                (padded(_command(run), 12), "plain"),
                (padded(stages, 30), "muted"),
                (right(took, 10), "plain"),
            ]
            return [*line, (right(euros(run.spent), 11), "strong"), (cut("  " + run.said, width - 97), "muted")]
        line = [*line, (padded(_command(run), 10), "plain"), (right(euros(run.spent), 10), "strong")]
        return [*line, (cut("  " + run.said, max(0, width - 54)), "muted")]

    def action_filter(self) -> None:
        self.add_class("-filtered")
        self.query_one(Input).focus()

    def action_unfilter(self) -> None:
        field = self.query_one(Input)
        field.value = ""
        self.query_one(RunList).focus()
        self.remove_class("-filtered")

    @on(Input.Changed)
    def _typed(self) -> None:
        self._typing.ask()

    @on(Input.Submitted)
    def _entered(self) -> None:
        self.query_one(RunList).focus()

    def on_row_list_chosen(self, chosen: RowList.Chosen) -> None:
        self.run_worker(self._open(), group="dialog", exclusive=True, exit_on_error=False)

    async def _open(self) -> None:
        from calibtui.tui.screens.run_details import RunDetailsScreen

        line = self.query_one(RunList).current
        if line is not None and (detail := await self.ask(Run(run=line.run))) is not None:
            self.app.push_screen(RunDetailsScreen(detail))

    def action_diff(self) -> None:
        runs = self.query_one(RunList)
        later = runs.rows[runs.cursor + 1].run if runs.cursor + 1 < len(runs.rows) else ""
        first = runs.marked or later
        if runs.current is None or not first or first == runs.current.run:
            self.workbench.tell("There is no second run to compare with.", "Space marks one, d on another compares.")
            return
        self.run_worker(self._diff(first, runs.current.run), group="dialog", exclusive=True, exit_on_error=False)

    async def _diff(self, first: str, second: str) -> None:
        from calibtui.tui.screens.run_details import DifferenceScreen

        difference = await self.ask(Diff(first=first, second=second))
        if difference is not None:
            self.app.push_screen(DifferenceScreen(first, second, difference))

    def action_rerun(self) -> None:
        current = self.query_one(RunList).current
        if current is not None:
            self.send(Rerun(run=current.run))


def _command(run: RunLine) -> str:
    """A job's command is what it was to do: its stages, which are few words where they are not all."""
    name = run.command.removeprefix("job ")
    return "everything" if name.split() == list(STAGES) else name


def _title(width: int) -> Line:
    if width >= 100:
        head = f"  {'when':<18}{'state':<14}{'command':<12}{'stages':<30}{'took':>10}{'spent':>11}  outcome"
    else:
        head = f"  {'when':<18}{'state':<14}{'command':<10}{'spent':>10}  outcome"
    return [(head[:width], "title")]
