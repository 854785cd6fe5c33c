"""Something to read and scroll, over a screen."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen

from calibtui.tui.widgets.key_line import KeyLine
from calibtui.tui.widgets.lines import LineView

if TYPE_CHECKING:
    from calibtui.tui.app import Workbench


class Reader(VerticalScroll, can_focus=True):
    """Scrolls with the arrows, the page keys, j and k."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "scroll_down", "down", show=False, id="page.down", tooltip="A line down."),
        Binding("k", "scroll_up", "up", show=False, id="page.up", tooltip="A line up."),
        Binding("space", "page_down", "further", show=False, id="page.further", tooltip="A screenful down."),
    ]


class PageScreen(ModalScreen[None]):
    """A page to read. A subclass says which in `page()`."""

    HELP: ClassVar[str] = "Arrows and page keys scroll, y copies the page, Esc goes back."
    DEFAULT_CSS = """
    PageScreen { align: center middle; }
    PageScreen > Reader {
        width: 94%; max-width: 140; height: auto; max-height: 92%; padding: 1 2; background: $surface;
        border-left: outer $accent; scrollbar-size-vertical: 1;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark", "dismiss", "back", id="page.back", tooltip="Back to where you were."),
        Binding("y", "copy", "copy", id="page.copy", tooltip="Copies the page."),
    ]

    def page(self) -> LineView:
        """What is shown; its height follows its lines."""
        return LineView()

    def compose(self) -> ComposeResult:
        with Reader():
            yield self.page()
        yield KeyLine()

    def action_copy(self) -> None:
        lines = self.query_one(Reader).query_one(LineView).lines(120)
        cast("Workbench", self.app).copy("\n".join("".join(span[0] for span in line).rstrip() for line in lines))
