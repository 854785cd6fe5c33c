"""A question to agree to: what it costs, what it changes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from calibtui.tui.text import plain
from calibtui.tui.widgets.key_line import KeyLine
from calibtui.tui.widgets.lines import Line, LineView


class Choice(LineView):
    """Yes and no, as keys and for the mouse."""

    def lines(self, width: int) -> Sequence[Line]:
        yes, no = "screen.agree", "screen.dismiss(False)"
        return (
            [("enter", "key", yes), (" yes, go ahead    ", "plain", yes), ("esc", "key", no), (" no", "plain", no)],
        )


class ConfirmScreen(ModalScreen[bool]):
    """Dismissed with True for yes. Nothing else than enter or y means yes."""

    HELP: ClassVar[str] = "Enter agrees, Esc doesn't."
    DEFAULT_CSS = """
    ConfirmScreen { align: center middle; }
    ConfirmScreen > Vertical {
        width: auto; min-width: 36; max-width: 76; height: auto; max-height: 100%; padding: 1 2;
        background: $surface; border-left: outer $warn;
    }
    ConfirmScreen Static { height: auto; margin-bottom: 1; max-width: 100%; width: auto; }
    ConfirmScreen .hint { color: $muted; }
    ConfirmScreen Choice { width: 36; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,y", "agree", "yes", id="confirm.yes", tooltip="Agrees; nothing else does."),
        Binding("escape,n,q", "dismiss(False)", "no", id="confirm.no", tooltip="Leaves it undone."),
    ]

    def __init__(self, question: str, hint: str = "") -> None:
        super().__init__()
        self._question, self._hint = question, hint

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static(plain(self._question))
            if self._hint:
                yield Static(plain(self._hint), classes="hint")
            yield Choice()
        yield KeyLine()

    def action_agree(self) -> None:
        self.dismiss(True)
