"""One of a few things, by its number or with the arrows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.events import Key
from textual.screen import ModalScreen
from textual.widgets import Static

from calibtui.tui.text import cut, plain
from calibtui.tui.widgets.key_line import KeyLine
from calibtui.tui.widgets.lines import Line
from calibtui.tui.widgets.row_list import RowList

Option = tuple[str, str]


class ChooseScreen(ModalScreen[int | None]):
    """Dismissed with the index of the chosen option, (title, what it means), or None."""

    HELP: ClassVar[str] = "Enter takes the row under the cursor, a digit the row of that number, Esc none."
    DEFAULT_CSS = """
    ChooseScreen { align: center middle; }
    ChooseScreen > Vertical {
        width: 90%; max-width: 100; height: auto; max-height: 100%; padding: 1 2;
        background: $surface; border-left: outer $accent;
    }
    ChooseScreen Static { height: auto; margin-bottom: 1; }
    ChooseScreen .hint { color: $muted; margin: 1 0 0 0; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss(None)", "leave", id="choose.none", tooltip="Takes none of them."),
    ]

    def __init__(self, question: str, options: Sequence[Option]) -> None:
        super().__init__()
        self._question, self._options = question, list(enumerate(options, 1))

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static(plain(self._question))
            rows: RowList[tuple[int, Option]] = RowList(_option)
            rows.styles.height = min(12, len(self._options))
            yield rows
            yield Static("enter or its number takes one · esc leaves", markup=False, classes="hint")
        yield KeyLine()

    def on_mount(self) -> None:
        self.query_one(RowList).show(self._options)

    def on_row_list_chosen(self, chosen: RowList.Chosen) -> None:
        self.dismiss(chosen.index)

    def on_key(self, event: Key) -> None:
        if event.key.isdigit() and 1 <= int(event.key) <= len(self._options):
            event.stop()
            self.dismiss(int(event.key) - 1)


def _option(numbered: tuple[int, Option], width: int) -> Line:
    number, (title, said) = numbered
    return [(f"{number} ", "key"), (f"{cut(title, 40):<14}", "strong"), (cut("  " + said, max(0, width - 16)), "muted")]
