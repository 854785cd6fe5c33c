"""The line that asks where to go: a row, or a percentile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input, Static

from calibtui.tui.text import plain

QUESTIONS = {
    "percentile": "percentile of difficulty, 0 to 100, 100 the hardest: ",
    "row": "row, counted from 1: ",
}


class PlaceLine(Horizontal):
    """Asks for a number of `kind` "percentile" or "row"; `Given` comes with it, `Left` when nothing was given."""

    DEFAULT_CSS = """
    PlaceLine { height: 1; display: none; padding: 0 1; }
    PlaceLine Static { width: auto; max-width: 60%; color: $accent; text-wrap: nowrap; text-overflow: ellipsis; }
    PlaceLine Input { height: 1; border: none; padding: 0; width: 1fr; background: $background; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "not now", id="place.cancel", tooltip="Stays where it is."),
    ]

    @dataclass
    class Given(Message):
        kind: str
        number: float

    @dataclass
    class Left(Message):
        """Nothing was given."""

    def __init__(self) -> None:
        super().__init__(id="place-line")
        self._kind = "row"

    def compose(self) -> ComposeResult:
        yield Static("", markup=False)
        yield Input(compact=True, restrict=r"[0-9]{0,12}([.,][0-9]{0,9})?%?", select_on_focus=False)

    def ask(self, kind: str) -> None:
        self._kind = kind
        self.query_one(Static).update(plain(QUESTIONS[kind]))
        self.display = True
        self.query_one(Input).value = ""
        self.screen.set_focus(self.query_one(Input))

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        number = read_number(event.value)
        if event.value and (number is None or (self._kind == "percentile" and number > 100)):
            self.app.bell()
            return
        self.display = False
        self.post_message(self.Left() if number is None else self.Given(self._kind, number))

    def action_leave(self) -> None:
        self.display = False
        self.post_message(self.Left())


def read_number(text: str) -> float | None:
    """The number of "95", "99.5", "99,5 %"; None for anything else."""
    digits = text.strip().removesuffix("%").strip().replace(",", ".", 1)
    return float(digits) if digits.replace(".", "", 1).isdecimal() and digits.isascii() else None
