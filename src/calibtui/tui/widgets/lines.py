"""Lines of coloured spans that repaint only the cells that changed.

A span is (text, role) or (text, role, action); roles are those of `calibtui.tui.palette`, an action is run by a click.
Text of any origin may be put in: what isn't printable is shown as an escape.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.segment import Segment
from rich.style import Style
from textual.events import Resize
from textual.geometry import Region, Size
from textual.strip import Strip
from textual.widget import Widget

from calibtui.tui.palette import role_styles
from calibtui.tui.text import shown

NEAR = 6
"""Changed cells so near to each other are written with those between: to move the cursor takes as many bytes."""

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
    """The regions of line `y` in which two strips differ; none where they are equal."""
    old, new = pair
    if old is new:
        return []
    before, after = _cells(old), _cells(new)
    if before is None or after is None or len(before) != len(after):
        return [] if list(old) == list(new) else [Region(0, y, max(1, new.cell_length), 1)]
    regions: list[Region] = []
    for x, (one, other) in enumerate(zip(before, after, strict=True)):
        if one == other:
            continue
        if regions and x - regions[-1].right <= NEAR:
            regions[-1] = Region(regions[-1].x, y, x + 1 - regions[-1].x, 1)
        else:
            regions.append(Region(x, y, 1, 1))
    return regions


def _cells(strip: Strip) -> list[tuple[str, Style | None]] | None:
    """Character and style of every cell; None where a character is not as wide as a cell."""
    cells = [(character, segment.style) for segment in strip for character in segment.text]
    return cells if len(cells) == strip.cell_length else None
