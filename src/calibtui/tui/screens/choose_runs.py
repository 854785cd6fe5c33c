"""Which runs stand side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from calibtui.engine.wire.models import Comparison
from calibtui.tui.figures import moment
from calibtui.tui.text import cut, padded, plain
from calibtui.tui.widgets.key_line import KeyLine
from calibtui.tui.widgets.lines import Line
from calibtui.tui.widgets.points import points, signed
from calibtui.tui.widgets.row_list import RowList


class RunRows(RowList[Comparison]):
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "take_or_leave", "choose", id="choose_runs.toggle", tooltip="Shows this run, or doesn't")
    ]

    def __init__(self, chosen: Sequence[str], most: int) -> None:
        super().__init__(self._run, empty="No INT8 model is evaluated yet.")
        self.chosen = list(chosen)
        self._most = most

    def action_take_or_leave(self) -> None:
        """Beyond `most` runs the one that was chosen first goes."""
        if self.current is None:
            return
        if self.current.run in self.chosen:
            self.chosen.remove(self.current.run)
        else:
            self.chosen = [*self.chosen, self.current.run][-self._most :]
        self.refresh()

    def _run(self, run: Comparison, width: int) -> Line:
        on = run.run in self.chosen
        place = f"[{self.chosen.index(run.run) + 1}] " if on else "[ ] "
        how = f"mAP {points(run.int8.map)} ({signed(-run.drop)})  {run.set_name}, {run.target}, {run.calibrator}"
        return [
            (place, "key" if on else "muted"),
            (padded(moment(run.at), 18), "strong" if on else "plain"),
            (cut(how, width - 22), "plain" if on else "muted"),
        ]


class ChooseRunsScreen(ModalScreen[tuple[str, ...] | None]):
    """Dismissed with the runs in the order in which they were chosen, None for no change."""

    HELP: ClassVar[str] = "Space chooses a run, Enter shows those chosen, Esc leaves it as it was."
    DEFAULT_CSS = """
    ChooseRunsScreen { align: center middle; }
    ChooseRunsScreen > Vertical {
        width: 90%; max-width: 96; height: auto; max-height: 90%; padding: 1 2; background: $surface;
        border-left: outer $accent;
    }
    ChooseRunsScreen Static { height: auto; margin-bottom: 1; }
    ChooseRunsScreen .hint { color: $muted; margin: 1 0 0 0; }
    ChooseRunsScreen RowList { height: auto; max-height: 16; min-height: 2; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "leave", id="choose_runs.leave", tooltip="Leaves it as it was")
    ]

    def __init__(self, runs: Sequence[Comparison], chosen: Sequence[str], most: int) -> None:
        super().__init__()
        self._runs = runs
        self._rows = RunRows(chosen, most)
        self._most = most

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static(plain(f"Runs to show beside float, at most {self._most}"))
            yield self._rows
            yield Static(plain("space chooses · enter shows them · esc leaves it"), classes="hint")
        yield KeyLine()

    def on_mount(self) -> None:
        self._rows.show(self._runs)
        self._rows.focus()

    @on(RowList.Chosen)
    def _take(self) -> None:
        if not self._rows.chosen:
            self._rows.action_take_or_leave()
        self.dismiss(tuple(self._rows.chosen))
