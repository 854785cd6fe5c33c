"""Rows under a cursor, drawn line by line: only those on screen are ever built."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from calibtui.tui import palette
from calibtui.tui.text import shown
from calibtui.tui.widgets.lines import Line
from calibtui.tui.widgets.wrapping import wrapped

Row = TypeVar("Row")


class RowList(ScrollView, Generic[Row], can_focus=True):
    """Shows `rows`, each as the line that `line(row, width)` makes of it, under an optional heading that stays.

    `empty` is what it says without rows. `Highlighted` follows the cursor, `Chosen` comes with enter or a double click.
    """

    DEFAULT_CSS = (
        """
    RowList {
        height: 1fr; width: 1fr; scrollbar-size-vertical: 1; scrollbar-size-horizontal: 0; overflow-x: hidden;
    }
    RowList > .row-list--resting { background: $panel; }
    RowList { """
        + palette.CSS
        + """ }
    """
    )
    COMPONENT_CLASSES: ClassVar[set[str]] = {*palette.CLASSES, "row-list--resting"}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", "up", show=False, id="list.up", tooltip="One row up"),
        Binding("down", "move(1)", "down", show=False, id="list.down", tooltip="One row down"),
        Binding("pageup", "page(-1)", "page up", show=False, id="list.page_up", tooltip="A screenful up"),
        Binding("pagedown", "page(1)", "page down", show=False, id="list.page_down", tooltip="A screenful down"),
        Binding("home", "jump(0)", "first", show=False, id="list.first", tooltip="To the first row"),
        Binding("end", "jump(-1)", "last", show=False, id="list.last", tooltip="To the last row"),
        Binding("enter", "choose", "open", show=False, id="list.open", tooltip="Open the row under the cursor"),
    ]

    cursor: reactive[int] = reactive(0, repaint=False)

    @dataclass
    class Highlighted(Message):
        """The cursor moved to another row; `index` counts from 0."""

        rows: RowList[Any]
        index: int

        @property
        def control(self) -> RowList[Any]:
            return self.rows

        def can_replace(self, message: Message) -> bool:
            return isinstance(message, type(self)) and message.rows is self.rows

    @dataclass
    class Chosen(Message):
        """Enter or a double click on a row."""

        rows: RowList[Any]
        index: int

        @property
        def control(self) -> RowList[Any]:
            return self.rows

    def __init__(
        self,
        line: Callable[[Row, int], Line],
        heading: Callable[[int], Line] | None = None,
        empty: str = "",
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        super().__init__(id=id, classes=classes)
        self.rows: Sequence[Row] = ()
        self.empty = empty
        self._line = line
        self._heading = heading

    def show(self, rows: Sequence[Row], empty: str | None = None) -> None:
        """Replaces the rows; the cursor stays on the same place as far as there is one."""
        self.rows = rows
        if empty is not None:
            self.empty = empty
        self._measure()
        self.cursor = max(0, min(self.cursor, len(rows) - 1))
        self.refresh()

    @property
    def current(self) -> Row | None:
        return self.rows[self.cursor] if self.cursor < len(self.rows) else None

    def _measure(self) -> None:
        lines = len(self.rows) if self.rows else len(self._empty_lines())
        high = self._headings + lines
        changed = self.virtual_size.height != high
        self.virtual_size = Size(self.scrollable_content_region.width, high)
        if changed and self.styles.is_auto_height:
            self.refresh(layout=True)

    @property
    def _headings(self) -> int:
        return 1 if self._heading is not None and self.rows else 0

    @property
    def _spare(self) -> int:
        """A blank cell before the scroll bar, where there is one."""
        return int(self.show_vertical_scrollbar)

    def on_resize(self) -> None:
        self._measure()

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        if self._headings and y == 0 and self._heading is not None:
            return self._strip(self._heading(width - self._spare), width)
        index = y - self._headings + int(self.scroll_offset.y)
        if not self.rows:
            lines = self._empty_lines()
            return self._strip([(lines[index], "muted")] if 0 <= index < len(lines) else [], width)
        if index >= len(self.rows):
            return Strip.blank(width, self.rich_style)
        strip = self._strip(self._line(self.rows[index], width - self._spare), width)
        return _under_cursor(strip, self._cursor_style()) if index == self.cursor else strip

    def _empty_lines(self) -> list[str]:
        return wrapped(self.empty, self.scrollable_content_region.width - 1) if self.empty else []

    def _strip(self, line: Line, width: int) -> Strip:
        segments = [Segment(shown(span[0]), self.get_component_rich_style(f"line--{span[1]}")) for span in line]
        return Strip(segments).adjust_cell_length(max(0, width), self.rich_style)

    def _cursor_style(self) -> Style:
        name = "line--cursor" if self.has_focus else "row-list--resting"
        look = self.get_component_rich_style(name)
        return Style(bgcolor=look.bgcolor, bold=self.has_focus or None, reverse=look.reverse or None)

    def watch_cursor(self, before: int, cursor: int) -> None:
        top = int(self.scroll_offset.y)
        self._scroll_to_cursor()
        if int(self.scroll_offset.y) == top:
            self.refresh(*(Region(0, self._headings + row - top, self.size.width, 1) for row in (before, cursor)))
        else:
            self.refresh()
        if self.rows:
            self.post_message(self.Highlighted(self, cursor))

    def _scroll_to_cursor(self) -> None:
        shown = max(1, self.size.height - self._headings)
        top = int(self.scroll_offset.y)
        if self.cursor < top:
            self.scroll_to(y=self.cursor, animate=False)
        elif self.cursor >= top + shown:
            self.scroll_to(y=self.cursor - shown + 1, animate=False)

    def action_move(self, by: int) -> None:
        if self.rows:
            self.cursor = max(0, min(len(self.rows) - 1, self.cursor + by))

    def action_page(self, direction: int) -> None:
        self.action_move(direction * max(1, self.size.height - self._headings - 1))

    def action_jump(self, to: int) -> None:
        if self.rows:
            self.cursor = 0 if to == 0 else len(self.rows) - 1

    def action_choose(self) -> None:
        if self.rows:
            self.post_message(self.Chosen(self, self.cursor))

    async def _on_click(self, event: events.Click) -> None:
        index = event.y - self._headings + int(self.scroll_offset.y)
        if event.y >= self._headings and 0 <= index < len(self.rows):
            self.cursor = index
            if event.chain == 2:
                self.action_choose()


def _under_cursor(strip: Strip, cursor: Style) -> Strip:
    """The cursor's ground under every segment, whatever ground its role brings."""
    return Strip([Segment(text, style + cursor if style else cursor) for text, style, _ in strip], strip.cell_length)
