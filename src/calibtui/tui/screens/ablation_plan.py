"""What an ablation compares."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from calibtui.tui.widgets.key_line import KeyLine

_FIELDS = (
    ("strategies", "Strategies to compare with random", "the configured one; such as hardest-nms,k-center"),
    ("sizes", "Frames a set", "the configured size; such as 64,256"),
    ("calibrators", "Calibrators", "the configured one; such as percentile,mse"),
    ("seeds", "Seeds of each", "5; more tell smaller differences"),
)


class AblationPlanScreen(ModalScreen[dict[str, str] | None]):
    """Dismissed with the options of `calibtui ablate` that were filled in, by name, or None."""

    HELP: ClassVar[str] = (
        "Every combination is quantized and evaluated, once a seed, beside random sets of the same size. Several "
        "values are separated by commas; an empty line is as calibtui.toml has it. Enter goes on and then starts, "
        "esc leaves."
    )
    DEFAULT_CSS = """
    AblationPlanScreen { align: center middle; }
    AblationPlanScreen > VerticalScroll {
        width: 90%; max-width: 76; height: auto; max-height: 100%; padding: 1 2;
        background: $surface; border-left: outer $accent; scrollbar-size-vertical: 1;
    }
    AblationPlanScreen Static { height: auto; }
    AblationPlanScreen Input { margin-bottom: 1; }
    AblationPlanScreen .hint { color: $muted; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "leave", id="ablation.leave", tooltip="Starts nothing."),
        Binding("ctrl+s", "take", "start", id="ablation.take", tooltip="Starts the ablation as it stands."),
    ]

    def compose(self) -> ComposeResult:
        with VerticalScroll(can_focus=False):
            for name, title, hint in _FIELDS:
                yield Static(title, markup=False)
                yield Input(placeholder=hint, compact=True, id=name, max_length=200)
            yield Static("enter next, then starts it · ctrl+s starts it · esc leaves", markup=False, classes="hint")
        yield KeyLine()

    def on_mount(self) -> None:
        self.query(Input).first().focus()

    @on(Input.Submitted)
    def _next(self, event: Input.Submitted) -> None:
        if event.input.id == _FIELDS[-1][0]:
            self.action_take()
        else:
            self.focus_next()

    def action_take(self) -> None:
        """What is filled in."""
        values = {name: self.query_one(f"#{name}", Input).value.strip() for name, _, _ in _FIELDS}
        self.dismiss({name: value for name, value in values.items() if value})
