"""Choosing one of the sets there are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from calibtui.engine.wire.sets import SetLine
from calibtui.tui.figures import moment
from calibtui.tui.text import cut, padded
from calibtui.tui.widgets.key_line import KeyLine
from calibtui.tui.widgets.lines import Line
from calibtui.tui.widgets.points import counted
from calibtui.tui.widgets.row_list import RowList

DRAFT = ""
"""What choosing the draft is dismissed with: its name."""


class ChooseSetScreen(ModalScreen[str | None]):
    """Dismissed with the name of a set, "" for the draft where `draft` offers it, None for none."""

    HELP: ClassVar[str] = "Enter takes the set under the cursor, Esc leaves it as it was."
    DEFAULT_CSS = """
    ChooseSetScreen { align: center middle; }
    ChooseSetScreen > Vertical {
        width: 90%; max-width: 90; height: auto; max-height: 80%; padding: 1 2; background: $surface;
        border-left: outer $accent;
    }
    ChooseSetScreen Static { margin-bottom: 1; }
    ChooseSetScreen .hint { color: $muted; margin: 1 0 0 0; }
    ChooseSetScreen RowList { height: auto; max-height: 20; min-height: 2; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss(None)", "leave", id="choose.leave", tooltip="Leaves it as it was")
    ]

    def __init__(self, question: str, sets: Sequence[SetLine], draft: bool = False) -> None:
        super().__init__()
        self._question = question
        self._rows: list[SetLine | None] = [*([None] if draft else []), *sets]

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static(Content(self._question))
            yield RowList[SetLine | None](_line, empty="No set is locked yet: L on the Set screen locks the draft.")
            yield Static("enter takes it · esc leaves it as it was", markup=False, classes="hint")
        yield KeyLine()

    def on_mount(self) -> None:
        self.query_one(RowList).show(self._rows)
        self.query_one(RowList).focus()

    @on(RowList.Chosen)
    def _choose(self, event: RowList.Chosen) -> None:
        chosen = self._rows[event.index]
        self.dismiss(DRAFT if chosen is None else chosen.name)


def _line(one: SetLine | None, width: int) -> Line:
    if one is None:
        return [("the draft", "title")]
    used = counted(one.used_by, "INT8 model") if one.used_by else "not used yet"
    rest = f"{one.size:>6,} frames  {moment(one.at)}  {one.strategy}, {used}, by {one.by}"
    return [(padded(one.name, 20) + " ", "strong"), (cut(rest, width - 21), "plain")]
