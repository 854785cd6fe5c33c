"""Lines of coloured spans that repaint only the cells that changed.

A span is (text, role) or (text, role, action); roles are those of `calibtui.tui.palette`, an action is run by a click.
Text of any origin may be put in: what isn't printable is shown as an escape.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.events import Resize
from textual.geometry import Region, Size
from textual.strip import Strip
from textual.widget import Widget

from calibtui.tui.palette import role_styles
from calibtui.tui.text import shown

Span = tuple[str, str] | tuple[str, str, str]
Line = Sequence[Span]


class LineView(Widget):
    """Draws what `lines(width)` returns; call `refill` when that may have changed. Its height follows by itself."""

    DEFAULT_CSS = "LineView { height: auto; width: 1fr; }"
    ALLOW_SELECT = False

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._strips: list[Strip] = []
        self._drawn_lines: list[tuple[Line, Strip]] = []
        self._role_styles: dict[str, Style] = {}

    def lines(self, width: int) -> Sequence[Line]:
        """The lines to show in `width` cells."""
        return ()

    def refill(self) -> None:
        """Asks for the lines again and repaints the cells that differ."""
        width = self.content_size.width
        if width <= 0:
            return
        before, self._strips = self._strips, self._drawn(width)
        if len(before) != len(self._strips):
            height = self.styles.height
            self.refresh(layout=height is not None and height.is_auto)
            return
        changed = [
            region for y, pair in enumerate(zip(before, self._strips, strict=True)) for region in _change(y, pair)
        ]
        if changed:
            self.refresh(*changed)

    def _drawn(self, width: int) -> list[Strip]:
        """The strips of the lines; of a line that is as it was, the strip there is."""
        base, before = self.rich_style, self._drawn_lines
        drawn = []
        for y, line in enumerate(self.lines(width)):
            if y < len(before) and before[y][0] == line and before[y][1].cell_length == width:
                drawn.append(before[y])
            else:
                drawn.append((line, Strip(self._segments(line)).adjust_cell_length(width, base).simplify()))
        self._drawn_lines = drawn
        return [strip for _, strip in drawn]

    def _segments(self, line: Line) -> list[Segment]:
        segments = []
        for span in line:
            style = self.role(span[1])
            if len(span) == 3:
                style += Style.from_meta({"@click": span[2]})
            segments.append(Segment(shown(span[0]), style))
        return segments

    def role(self, role: str) -> Style:
        """The rich style of a role on this widget's background."""
        if role not in self._role_styles:
            looks = role_styles(self.app.theme_variables, self.app.native_ansi_color)
            self._role_styles[role] = self.rich_style + looks[role]
        return self._role_styles[role]

    def render_line(self, y: int) -> Strip:
        if y < len(self._strips):
            return self._strips[y]
        return Strip.blank(self.content_size.width, self.rich_style)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return max(1, len(self.lines(width)))

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._role_styles.clear()
        self._drawn_lines = []
        if self.is_mounted:
            self._strips = []
            self.refill()

    def on_resize(self, event: Resize) -> None:
        self._strips = []
        self.refill()


def _change(y: int, pair: tuple[Strip, Strip]) -> list[Region]:
    """The region of line `y` in which two strips differ; none where they are equal."""
    old, new = (list(strip) for strip in pair)
    if old == new:
        return []
    first = _common(old, new)
    last = pair[1].cell_length
    if pair[0].cell_length == last:
        last -= _common(old[::-1], new[::-1], backwards=True)
    return [Region(first, y, max(1, last - first), 1)]


def _common(old: list[Segment], new: list[Segment], backwards: bool = False) -> int:
    """The cells that both begin (or end) with."""
    cells = 0
    for one, other in zip(old, new, strict=False):
        if one == other:
            cells += cell_len(one.text)
            continue
        if one.style == other.style:
            pairs = (
                zip(one.text[::-1], other.text[::-1], strict=False)
                if backwards
                else zip(one.text, other.text, strict=False)
            )
            for left, other_left in pairs:
                if left != other_left:
                    break
                cells += cell_len(left)
        break
    return cells
