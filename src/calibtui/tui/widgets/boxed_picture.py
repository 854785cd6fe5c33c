"""A frame in half blocks with boxes over it, as large as the widget."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from calibtui.engine.wire.frames import Box, Picture
from calibtui.tui import palette
from calibtui.tui.pictures.canvas import SOURCES, WHOLE, Region, canvas, draw_box
from calibtui.tui.pictures.depth import depth_of
from calibtui.tui.pictures.half_blocks import Inks, cells, half_block_strips

ROLES = {"truth": "good", "float": "accent", "int8": "warn"}
"""Colour roles of the boxes' sources."""

_OTHERWISE = (255, 255, 255)


class BoxedPicture(Widget):
    """`show` takes a picture that fits `pixels` and the boxes of each source; `Resized` says that another size is
    needed."""

    COMPONENT_CLASSES: ClassVar[set[str]] = set(palette.CLASSES)
    DEFAULT_CSS = "BoxedPicture { height: 1fr; width: 1fr; } BoxedPicture { " + palette.CSS + " }"
    ALLOW_SELECT = False

    class Resized(Message):
        """The widget has another size now."""

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self._strips: list[Strip] = []

    @property
    def pixels(self) -> tuple[int, int]:
        """Width and height of the picture to ask for, px."""
        return cells(max(1, self.size.width), max(1, self.size.height))

    def clear(self) -> None:
        self._strips = []
        self.refresh()

    def show(self, picture: Picture, boxes: dict[str, Sequence[Box]], region: Region = WHOLE) -> None:
        """`region`: the part of the frame that the picture shows. A picture with the wrong number of bytes is not
        drawn."""
        try:
            drawn = canvas(picture.rgb, picture.width, picture.height, self.pixels)
        except ValueError:
            self.clear()
            return
        for source in SOURCES:
            for box in boxes.get(source, ()):
                draw_box(drawn, (box.x1, box.y1, box.x2, box.y2), source, region)
        console = self.app.console
        self._strips = half_block_strips(drawn, self._inks(), depth_of(console.color_system, self.app.no_color))
        self.refresh()

    def _inks(self) -> Inks:
        inks = {}
        for source, role in ROLES.items():
            color = self.get_component_rich_style(f"line--{role}").color
            triplet = color.triplet if color is not None else None
            inks[source] = (triplet.red, triplet.green, triplet.blue) if triplet else _OTHERWISE
        return inks

    def on_resize(self, event: events.Resize) -> None:
        self.post_message(self.Resized())

    def render_line(self, y: int) -> Strip:
        """The picture stands in the middle of the widget."""
        above = max(0, (self.size.height - len(self._strips)) // 2)
        width = self.size.width
        if not above <= y < above + len(self._strips):
            return Strip.blank(width, self.rich_style)
        strip = self._strips[y - above]
        left = max(0, (width - strip.cell_length) // 2)
        padded = Strip([*Strip.blank(left, self.rich_style), *strip])
        return padded.adjust_cell_length(width, self.rich_style)
