"""The choice of what the pool is sorted by."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from calibtui.engine.wire.frames import SORTS
from calibtui.tui.widgets.pool_order import TITLES, PoolOrder


class SortChooser(ModalScreen[PoolOrder | None]):
    """Dismissed with the chosen order, or None. The sort that holds, chosen again, is turned round."""

    HELP: ClassVar[str] = "Enter sorts by what the cursor is on; what it is sorted by already, the other way round."
    DEFAULT_CSS = """
    SortChooser { align: center middle; }
    SortChooser > Vertical {
        width: 36; max-width: 100%; height: auto; max-height: 100%; padding: 1 2; background: $surface;
        border-left: outer $accent;
    }
    SortChooser Static { height: 1; margin-bottom: 1; text-style: bold; }
    SortChooser OptionList { height: auto; max-height: 12; padding: 0; background: $surface; }
    SortChooser OptionList, SortChooser OptionList:focus { border: none; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,s", "dismiss(None)", "as it is", id="sort.cancel"),
        Binding("j", "down", show=False, id="sort.down", tooltip="A row down."),
        Binding("k", "up", show=False, id="sort.up", tooltip="A row up."),
    ]

    def __init__(self, order: PoolOrder) -> None:
        super().__init__()
        self._order = order

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static("Sort by", markup=False)
            yield OptionList(*(Option(self._prompt(sort), id=sort) for sort in SORTS))

    def on_mount(self) -> None:
        self.query_one(OptionList).highlighted = SORTS.index(self._order.sort)

    def _prompt(self, sort: str) -> Content:
        arrow = ("↓" if self._order.descending else "↑") if sort == self._order.sort else " "
        return Content(f"{arrow} {TITLES[sort]}")

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        sort = event.option_id or self._order.sort
        self.dismiss(self._order.reversed() if sort == self._order.sort else self._order.by(sort))

    def action_down(self) -> None:
        self.query_one(OptionList).action_cursor_down()

    def action_up(self) -> None:
        self.query_one(OptionList).action_cursor_up()
