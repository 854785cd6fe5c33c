"""One line of text asked for: a set's name, a directory."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from calibtui.tui.text import plain
from calibtui.tui.widgets.key_line import KeyLine


class AskNameScreen(ModalScreen[str | None]):
    """Dismissed with what was typed, without spaces around it; None where nothing was."""

    HELP: ClassVar[str] = "Type it; Enter takes it, Esc leaves everything as it was."
    DEFAULT_CSS = """
    AskNameScreen { align: center middle; }
    AskNameScreen > Vertical {
        width: 90%; max-width: 76; height: auto; max-height: 100%; padding: 1 2; background: $surface;
        border-left: outer $accent;
    }
    AskNameScreen Static { height: auto; margin-bottom: 1; }
    AskNameScreen .hint { color: $muted; margin: 1 0 0 0; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "leave", id="ask.leave", tooltip="Leaves everything as it was")
    ]

    def __init__(self, question: str, proposal: str = "", hint: str = "") -> None:
        super().__init__()
        self._question, self._proposal, self._hint = question, proposal, hint

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static(plain(self._question))
            yield Input(self._proposal, compact=True, select_on_focus=True)
            yield Static(plain(f"{self._hint}\nenter takes it · esc leaves it".strip()), classes="hint")
        yield KeyLine()

    @on(Input.Submitted)
    def _take(self, event: Input.Submitted) -> None:
        self.dismiss(event.value.strip() or None)
