"""What stands over the pool's table: what is shown, and the names of the columns."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len

from calibtui.tui.figures import count
from calibtui.tui.text import padded, right
from calibtui.tui.widgets.lines import Line, LineView, Span
from calibtui.tui.widgets.pool_columns import HEADINGS, SORT_COLUMNS, Column
from calibtui.tui.widgets.pool_table import PoolTable

CLICKED = {"score": "difficulty", "path": "path", "classes": "objects", "spread": "spread", "size": "size"}
"""The sort that a click on a column's heading asks for."""


class PoolHeading(LineView):
    """The headings of the table's columns; an arrow is at the one it is sorted by, a click sorts by another."""

    DEFAULT_CSS = "PoolHeading { height: 1; }"

    def __init__(self, table: PoolTable) -> None:
        super().__init__(id="pool-heading")
        self._table = table

    def lines(self, width: int) -> Sequence[Line]:
        order = self._table.order
        spans: list[Span] = []
        x = 0
        for column in self._table.columns:
            spans.append((" " * (column.x - x), "muted"))
            sorted_by = SORT_COLUMNS.get(order.sort) == column.name
            text = _heading(column, ("↓" if order.descending else "↑") if sorted_by else "")
            role = "strong" if sorted_by else "muted"
            sort = CLICKED.get(column.name)
            spans.append((text, role, f"screen.sort('{sort}')") if sort else (text, role))
            x = column.end
        return (spans,)


class PoolStatus(LineView):
    """How many frames there are, in which order, how many of them are marked out; `said` is the newest message."""

    DEFAULT_CSS = "PoolStatus { height: 1; padding: 0 1; }"

    def __init__(self, table: PoolTable) -> None:
        super().__init__(id="pool-status")
        self._table = table
        self.said = ""
        self.role_of_said = "muted"

    def say(self, text: str, role: str = "muted") -> None:
        self.said, self.role_of_said = text, role
        self.refill()

    def lines(self, width: int) -> Sequence[Line]:
        table = self._table
        pages, spans = table.pages, list[Span]()
        if pages.known:
            some = f"{count(pages.matching)} of " if pages.matching != pages.total or table.order.filter else ""
            spans.append((f"{some}{count(pages.total)} frames", "strong"))
        else:
            spans.append(("frames", "strong"))
        spans.append((f"  by {table.order.said}", "muted"))
        if table.range_start is not None:
            first, last = table.range
            spans.append((f"  range of {count(last - first + 1)}", "accent"))
        left = sum(cell_len(span[0]) for span in spans)
        room = width - left - 2
        if self.said and room > 8:
            spans.append((right(self.said, room + 2), self.role_of_said))
        return (spans,)


def _heading(column: Column, arrow: str) -> str:
    text = HEADINGS[column.name]
    if column.right:
        return right(text + arrow, column.width)
    if arrow and len(text) + 2 > column.width:
        return padded(text[: max(0, column.width - 1)] + arrow, column.width)
    return padded(f"{text} {arrow}" if arrow else text, column.width)
