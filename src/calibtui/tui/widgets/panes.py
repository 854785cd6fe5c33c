"""Panes that stand side by side where there is room, and one at a time where there isn't."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.cells import cell_len
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical
from textual.content import Content
from textual.geometry import Size
from textual.reactive import reactive
from textual.widget import Widget
from textual.widgets import Static

from calibtui.tui.widgets.lines import Line, LineView, Span


class Pane(Vertical):
    """A part of a screen under its title."""

    DEFAULT_CSS = """
    Pane { height: 1fr; width: 1fr; padding: 0 1; }
    Pane > .pane--title { height: 1; width: 1fr; color: $muted; text-style: bold; text-wrap: nowrap; }
    Pane:focus-within > .pane--title { color: $accent; }
    """

    def __init__(self, title: str, *children: Widget, id: str) -> None:
        super().__init__(*children, id=id)
        self.title = title

    def compose(self) -> ComposeResult:
        yield Static(Content(self.title), classes="pane--title")

    def on_mount(self) -> None:
        # Children that were given to the constructor are mounted before what compose() yields.
        self.move_child(self.query_one(".pane--title"), before=0)


class PaneTabs(LineView):
    """The panes' titles in one line; the one that is shown is marked. A click shows another."""

    DEFAULT_CSS = """
    PaneTabs { height: 1; padding: 0 1; }
    """

    def __init__(self, panes: Panes) -> None:
        super().__init__()
        self._panes = panes

    def lines(self, width: int) -> Sequence[Line]:
        spans: list[Span] = []
        for number, pane in enumerate(self._panes.panes):
            spans += [(f" {pane.title} ", "here" if number == self._panes.shown else "muted"), (" ", "muted")]
        return [spans]

    def on_click(self, event: events.Click) -> None:
        begin = self.styles.padding.left
        for number, pane in enumerate(self._panes.panes):
            if begin <= event.x < begin + cell_len(pane.title) + 2:
                self._panes.show(number)
            begin += cell_len(pane.title) + 3


class Panes(Container):
    """Has the class `-one` while it is narrower than `side_by_side` cells or lower than `height_needed`: then a line of
    titles stands above the one pane that is shown, and `[` and `]` show the others. How the panes stand side by side is
    the style sheet's business."""

    DEFAULT_CSS = """
    Panes { height: 1fr; width: 1fr; layout: horizontal; grid-gutter: 1 2; }
    Panes > PaneTabs { display: none; }
    Panes.-one { layout: vertical; }
    Panes.-one > PaneTabs { display: block; }
    Panes.-one > Pane { display: none; }
    Panes.-one > Pane.-shown { display: block; width: 1fr; height: 1fr; column-span: 1; row-span: 1; }
    Panes.-one > Pane > .pane--title { display: none; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("right_square_bracket", "turn(1)", "pane", key_display="]", id="panes.next", tooltip="Next pane"),
        Binding(
            "left_square_bracket",
            "turn(-1)",
            "pane before",
            key_display="[",
            show=False,
            id="panes.before",
            tooltip="The pane before",
        ),
    ]

    shown: reactive[int] = reactive(0)

    def __init__(self, *panes: Pane, side_by_side: int, height_needed: int = 0, id: str | None = None) -> None:
        self.panes = panes
        self._tabs = PaneTabs(self)
        super().__init__(self._tabs, *panes, id=id)
        self._side_by_side = side_by_side
        self._height_needed = height_needed

    def on_mount(self) -> None:
        self._fit(self.size)
        self.watch_shown()

    def on_resize(self, event: events.Resize) -> None:
        self._fit(event.size)

    def _fit(self, size: Size) -> None:
        if size.width:
            self.set_class(size.width < self._side_by_side or size.height < self._height_needed, "-one")

    def watch_shown(self) -> None:
        for number, pane in enumerate(self.panes):
            pane.set_class(number == self.shown, "-shown")
        self._tabs.refill()

    def show(self, number: int) -> None:
        """Shows a pane and gives it the focus."""
        self.shown = number % len(self.panes)
        self.call_after_refresh(self._focus_shown)

    def _focus_shown(self) -> None:
        for widget in self.panes[self.shown].query("*"):
            if widget.focusable:
                widget.focus()
                return

    def action_turn(self, by: int) -> None:
        now = next((n for n, pane in enumerate(self.panes) if pane.has_focus_within), self.shown)
        self.show((self.shown if self.has_class("-one") else now) + by)
