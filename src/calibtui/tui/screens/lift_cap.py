"""Another cap for a node of the budget tree, and why."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from calibtui.core.money import eur
from calibtui.tui.figures import euros
from calibtui.tui.text import plain
from calibtui.tui.widgets.key_line import KeyLine


class LiftCapScreen(ModalScreen[tuple[str, str] | None]):
    """Dismissed with (EUR as typed, reason), or None."""

    HELP: ClassVar[str] = "The new cap in EUR, then the reason that goes into the audit trail. Esc leaves it as it is."
    DEFAULT_CSS = """
    LiftCapScreen { align: center middle; }
    LiftCapScreen > Vertical {
        width: 90%; max-width: 76; height: auto; max-height: 100%; padding: 1 2;
        background: $surface; border-left: outer $warn;
    }
    LiftCapScreen Static { height: auto; }
    LiftCapScreen Input { margin-bottom: 1; }
    LiftCapScreen .problem { color: $bad; display: none; }
    LiftCapScreen .hint { color: $muted; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "leave", id="cap.leave", tooltip="Leaves the cap as it is."),
        Binding("enter", "take", "set it", id="cap.take", tooltip="Sets the cap, after one more question."),
    ]

    def __init__(self, node: str, cap: int | None) -> None:
        super().__init__()
        self._node, self._cap = node, cap

    def compose(self) -> ComposeResult:
        now = "has no cap" if self._cap is None else f"is capped at {euros(self._cap)}"
        with Vertical():
            yield Static(plain(f"“{self._node}” {now}. New cap, EUR:"))
            yield Input("" if self._cap is None else f"{eur(self._cap):g}", compact=True, id="eur")
            yield Static("Why:", markup=False)
            yield Input(placeholder="goes into the audit trail", compact=True, id="why", max_length=500)
            yield Static("", markup=False, classes="problem")
            yield Static("enter next, then sets it · esc leaves it", markup=False, classes="hint")
        yield KeyLine()

    @on(Input.Submitted)
    def _next(self, event: Input.Submitted) -> None:
        if event.input.id == "eur" and not self.query_one("#why", Input).value:
            self.query_one("#why", Input).focus()
        else:
            self.action_take()

    def action_take(self) -> None:
        cap, why = (self.query_one(f"#{name}", Input).value.strip() for name in ("eur", "why"))
        problem = _problem(cap, why)
        if problem:
            told = self.query_one(".problem", Static)
            told.update(plain(problem))
            told.display = True
            return
        self.dismiss((cap, why))


def _problem(cap: str, why: str) -> str:
    try:
        value = Decimal(cap)
    except InvalidOperation:
        return "The cap is not a number of EUR, such as 250 or 12.50."
    if not value.is_finite() or value < 0:
        return "The cap must be 0 EUR or more."
    return "" if why else "A reason is missing: others will read it."
