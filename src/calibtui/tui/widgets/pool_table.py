"""The pool as a table under a cursor: a million rows of which only those on screen are drawn, and few more fetched."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import ClassVar

from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.scrollbar import ScrollBar
from textual.strip import Strip

from calibtui.engine.wire.frames import FrameLine
from calibtui.tui import palette
from calibtui.tui.widgets.pool_columns import Column, columns
from calibtui.tui.widgets.pool_order import PoolOrder
from calibtui.tui.widgets.pool_pages import PoolPages, marked
from calibtui.tui.widgets.pool_reader import Asks, PoolReader
from calibtui.tui.widgets.pool_row import note_strip, row_strip
from calibtui.tui.widgets.still_scroll_bar import StillScrollBar

STRIPS = 300
"""Drawn lines kept; beyond that all are drawn anew. Each is a dozen objects that garbage collection looks through."""


class PoolTable(ScrollView, can_focus=True):
    """Shows `order` of the pool that `engine` has. A key never waits for the engine: rows that aren't here yet are
    shown
    as such, and drawn when they come. `row` is the one under the cursor, counted from 0; `range_start` the one at
    which a
    range was begun; `touched`: someone put the cursor where it is, so it stays on its frame. `start_keys` tells the
    keys that start a stage."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {*palette.CLASSES, "pool-table--range"}
    DEFAULT_CSS = (
        "PoolTable { height: 1fr; width: 1fr; scrollbar-size-vertical: 1; scrollbar-size-horizontal: 0;"
        " overflow-x: hidden; overflow-y: scroll;"
        " & > .pool-table--range { color: $foreground; background: $track; }" + palette.CSS + "}"
    )
    ALLOW_SELECT = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "up", show=False, id="frames.up", tooltip="One frame up."),
        Binding("down,j", "move(1)", "down", show=False, id="frames.down", tooltip="One frame down."),
        Binding("pageup,ctrl+b", "page(-1)", "page up", show=False, id="frames.page_up", tooltip="A screen up."),
        Binding("pagedown,ctrl+f", "page(1)", "page down", show=False, id="frames.page_down", tooltip="A screen down."),
        Binding("ctrl+u", "page(-0.5)", "half up", show=False, id="frames.half_up", tooltip="Half a screen up."),
        Binding("ctrl+d", "page(0.5)", "half down", show=False, id="frames.half_down", tooltip="Half a screen down."),
        Binding("home,g", "first", "first", show=False, id="frames.first", tooltip="To the first frame."),
        Binding("end,G", "last", "last", show=False, id="frames.last", tooltip="To the last frame."),
    ]

    @dataclass
    class Moved(Message):
        """The cursor is on another row, or its row has come. `line` None: it is on its way."""

        row: int
        line: FrameLine | None

        def can_replace(self, message: Message) -> bool:
            return isinstance(message, PoolTable.Moved)

    @dataclass
    class Arrived(Message):
        """Another order, another state of the pool or another set of columns is on screen."""

        def can_replace(self, message: Message) -> bool:
            return isinstance(message, PoolTable.Arrived)

    @dataclass
    class Failed(Message):
        """Rows could not be fetched; why, in one sentence."""

        said: str

    def __init__(self, engine: Asks, start_keys: Callable[[], str], *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._start_keys = start_keys
        self.row = 0
        self.range_start: int | None = None
        self.touched = False
        self.order = PoolOrder()
        self.pages = PoolPages()
        self.reader = PoolReader(self, engine)
        self.columns: tuple[Column, ...] = ()
        self._forward = True
        self._strips: dict[int, tuple[FrameLine | None, str, Strip]] = {}
        self._palette: dict[str, Style] = {}

    @property
    def line(self) -> FrameLine | None:
        """The row under the cursor; None where there is none, or it is on its way."""
        return self.pages.row(self.row)

    @property
    def range(self) -> tuple[int, int]:
        """First and last row of the range, both included; the cursor's row alone where none was begun."""
        start = self.row if self.range_start is None else self.range_start
        return min(start, self.row), max(start, self.row)

    @property
    def vertical_scrollbar(self) -> ScrollBar:
        if self._vertical_scrollbar is None:
            self._vertical_scrollbar = bar = StillScrollBar(self.scrollbar_size_vertical)
            bar.display = False
            self.app._start_widget(self, bar)
        return self._vertical_scrollbar

    @property
    def rows_on_screen(self) -> int:
        return max(1, self.scrollable_content_region.height)

    @property
    def top(self) -> int:
        return round(self.scroll_y)

    def copied(self) -> str:
        """The path of the frame under the cursor."""
        return self.line.uri if self.line is not None else ""

    # Drawing

    def render_lines(self, crop: Region) -> list[Strip]:
        """The lines as `render_line` makes them. They are whole and in their final colours, so that copying them
        several times, as is done for widgets of any style, would only take time."""
        if self.app.no_color or self.app.current_theme.ansi:
            return super().render_lines(crop)
        width, top = self.scrollable_content_region.width, self.top
        return [self._row(y + top, width).crop(*crop.column_span) for y in crop.line_range]

    def render_line(self, y: int) -> Strip:
        return self._row(y + self.top, self.scrollable_content_region.width)

    def _row(self, index: int, width: int) -> Strip:
        if index >= self.pages.matching:
            return note_strip(self._instead() if index == 0 else "", width, self.palette)
        line, look = self.pages.row(index), self._look(index)
        drawn = self._strips.get(index)
        if drawn is not None and drawn[0] is line and drawn[1] == look:
            return drawn[2]
        strip = row_strip(line, index, self.columns, width, self.palette, look)
        if len(self._strips) > STRIPS:
            self._strips.clear()
        self._strips[index] = (line, look, strip)
        return strip

    def _instead(self) -> str:
        """What stands where there is no row at all."""
        if not self.pages.known:
            return "◌ asking the engine …"
        if self.order.filter:
            return "No frame passes this filter: / changes it, Esc takes it away."
        return f"The pool has no frames yet: {self._start_keys()} starts the stage that indexes them."

    def _look(self, index: int) -> str:
        if index == self.row:
            return "cursor"
        first, last = self.range
        return "range" if self.range_start is not None and first <= index <= last else ""

    @property
    def palette(self) -> dict[str, Style]:
        """The styles of a row by role."""
        if not self._palette:
            styles = {role: self.get_component_rich_style(f"line--{role}") for role in palette.ROLES}
            styles["cursor-score"] = styles["cursor"] + Style(color=styles["accent"].color)
            styles["range"] = self.get_component_rich_style("pool-table--range")
            if self.app.no_color:
                styles["range"] += Style(underline=True)
            self._palette = styles
        return self._palette

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._palette.clear()
        self._strips.clear()

    def on_resize(self, event: events.Resize) -> None:
        self.fit()
        self._scroll_to_cursor()
        self.reader.fetch()

    def fit(self) -> None:
        """Fits columns and scroll bar to the width and the number of rows."""
        width = self.scrollable_content_region.width
        self.virtual_size = Size(width, self.pages.matching)
        layout = columns(width, self.pages.matching)
        if layout != self.columns:
            self.columns = layout
            self._strips.clear()
            self.refresh()
            self.post_message(self.Arrived())

    def refresh_lines(self, y_start: int, line_count: int = 1) -> None:
        """Repaints rows without the scroll bar beside them, which they don't change."""
        self.refresh(Region(0, y_start - self.top, self.scrollable_content_region.width, line_count))

    def refresh_line(self, y: int) -> None:
        self.refresh_lines(y)

    def refresh_changed(self) -> None:
        """Repaints the lines on screen that show something else than what is at hand."""
        for index in range(self.top, self.top + self.rows_on_screen):
            drawn = self._strips.get(index)
            if drawn is None or drawn[0] != self.pages.row(index) or drawn[1] != self._look(index):
                self.refresh_line(index)

    # The cursor

    def move_to(self, row: int) -> None:
        """Puts the cursor on `row`, or the nearest there is, and scrolls as far as needed."""
        row = max(0, min(row, self.pages.matching - 1))
        self.touched = True
        if row == self.row:
            return
        before, self.row = self.row, row
        self._forward = row > before
        if not self._scroll_to_cursor():
            if self.range_start is None:
                self.refresh_line(before)
                self.refresh_line(row)
            else:
                self.refresh_lines(min(before, row), abs(before - row) + 1)
        self.reader.fetch()
        self.post_message(self.Moved(row, self.line))

    def _scroll_to_cursor(self) -> bool:
        """Scrolls so that the cursor is on screen; True if it had to. Past an edge it goes on by a third of the screen,
        so that most key presses repaint two lines and not all; from afar the cursor comes to the middle."""
        height, top, row = self.rows_on_screen, self.top, self.row
        if top <= row < top + height:
            return False
        if not top - height <= row < top + 2 * height:
            self._scroll(row - height // 2)
        elif row < top:
            self._scroll(row - height // 3)
        else:
            self._scroll(row - height + 1 + height // 3)
        return True

    def _scroll(self, top: int) -> None:
        self.scroll_to(y=max(0, min(top, self.pages.matching - self.rows_on_screen)), animate=False, force=True)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """The rows are painted anew, the scroll bar as far as it moves."""
        self.vertical_scrollbar.position = new_value
        if round(old_value) != round(new_value):
            self.refresh(Region(0, 0, self.scrollable_content_region.width, self.size.height))
        self.reader.fetch()

    def wanted_pages(self) -> list[int]:
        """Numbers of the pages that should be here and aren't, the most urgent first."""
        return self.pages.wanted(self.top, self.top + self.rows_on_screen - 1, self._forward)

    def show(self, order: PoolOrder, pages: PoolPages, row: int, line: int) -> None:
        """Shows `pages` of `order` in place of what is there, the cursor on `row`, `line` lines below the top."""
        self.order, self.pages = order, pages
        self.row = max(0, min(row, pages.matching - 1))
        self.fit()
        self._scroll(self.row - line)
        self._scroll_to_cursor()
        self.refresh_changed()
        self.post_message(self.Arrived())
        self.post_message(self.Moved(self.row, self.line))

    # Ranges and marks

    def begin_range(self) -> None:
        """The rows from the cursor's to wherever it goes are one range, until `end_range`."""
        self.range_start = self.row

    def end_range(self) -> None:
        if self.range_start is not None:
            first, last = self.range
            self.range_start = None
            self.refresh_lines(first, last - first + 1)

    def mark(self, digests: Collection[str], mark: str, toggle: bool = False) -> None:
        """Shows frames as they will be marked, before the engine has said so."""
        self.pages.change(digests, lambda line: marked(line, mark, toggle))
        self.refresh_changed()

    # Keys and the mouse

    def action_move(self, by: int) -> None:
        self.move_to(self.row + by)

    def action_page(self, by: float) -> None:
        step = round(by * max(2, self.rows_on_screen - 1))
        self._scroll(self.top + step)
        self.move_to(self.row + step)

    def action_first(self) -> None:
        self.move_to(0)

    def action_last(self) -> None:
        self.move_to(self.pages.matching - 1)

    def on_click(self, event: events.Click) -> None:
        if event.y + self.top < self.pages.matching:
            self.move_to(event.y + self.top)
