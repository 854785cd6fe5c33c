"""Letters over everything that can have the focus: one of them goes there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.events import Key
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Static

from calibtui.tui.widgets.key_line import KeyLine

LETTERS = "asdfghjklqwertyuiopzxcvbnm"


def targets(widgets: Sequence[Widget]) -> list[Widget]:
    """The widgets that have room for a letter, in the order of the screen."""
    return [widget for widget in widgets if widget.region.area][: len(LETTERS)]


class JumpScreen(ModalScreen[Widget | None]):
    """Dismissed with the widget of the letter, or None."""

    HELP: ClassVar[str] = "A letter goes to the part it stands on; Esc leaves."
    DEFAULT_CSS = """
    JumpScreen { background: $background 30%; }
    JumpScreen > Static {
        position: absolute; width: 3; height: 1; background: $accent; color: $background; text-style: bold;
        text-align: center;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "leave", id="jump.leave", tooltip="Leaves the focus where it is."),
    ]

    def __init__(self, widgets: Sequence[Widget]) -> None:
        super().__init__()
        self._targets = dict(zip(LETTERS, targets(widgets), strict=False))

    def compose(self) -> ComposeResult:
        for letter, widget in self._targets.items():
            label = Static(letter, markup=False)
            label.styles.offset = widget.region.offset
            yield label
        yield KeyLine()

    def on_key(self, event: Key) -> None:
        if event.key in self._targets:
            event.stop()
            self.dismiss(self._targets[event.key])
