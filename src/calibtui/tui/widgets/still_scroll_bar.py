"""A scroll bar that repaints only the cells of it that changed: in a million rows a screen further down changes
none."""

from __future__ import annotations

from rich.segment import Segment
from textual.geometry import Region
from textual.reactive import Reactive
from textual.scrollbar import ScrollBar
from textual.strip import Strip


class StillScrollBar(ScrollBar):
    """Vertical. Looks as Textual's and is used like it."""

    position: Reactive[float] = Reactive(0.0, repaint=False)

    def __init__(self, thickness: int) -> None:
        super().__init__(vertical=True, name="vertical", thickness=thickness)
        self._drawn: list[Segment] = []
        self._strips: dict[Segment, Strip] = {}

    def watch_position(self) -> None:
        """Asks for those lines to be painted that show something else than before."""
        before, after = self._drawn, self._bar()
        if len(before) != len(after):
            self.refresh()
        changed = [y for y, (old, new) in enumerate(zip(before, after, strict=False)) if old != new]
        if changed:
            self.refresh(Region(0, changed[0], self.size.width, changed[-1] - changed[0] + 1))

    def render_lines(self, crop: Region) -> list[Strip]:
        if self.app.no_color or self.app.native_ansi_color:
            self._drawn = []
            return super().render_lines(crop)
        self._drawn = self._bar()
        return [self._strip(self._drawn[y]) for y in crop.line_range]

    def _bar(self) -> list[Segment]:
        """A segment for every line."""
        console = self.app.console
        options = console.options.update_dimensions(self.thickness, self.size.height)
        bar = (segment for segment in console.render(self.render(), options) if segment.text != "\n")
        return list(Segment.apply_style(bar, self.rich_style))

    def _strip(self, segment: Segment) -> Strip:
        if segment not in self._strips:
            if len(self._strips) > 32:
                self._strips.clear()
            self._strips[segment] = Strip([segment], self.thickness)
        return self._strips[segment]
