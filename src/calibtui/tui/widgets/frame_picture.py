"""A frame's picture with the boxes of its objects."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import count

from rich.style import Style
from textual.filter import LineFilter
from textual.strip import Strip
from textual.widget import Widget
from textual.worker import Worker

from calibtui.core.errors import CalibtuiError
from calibtui.engine.wire.frames import Box, FramePicture, Picture
from calibtui.tui.pictures import direct, kitty
from calibtui.tui.pictures.canvas import SOURCES, WHOLE, Canvas, Region, canvas, draw_box
from calibtui.tui.pictures.depth import depth_of
from calibtui.tui.pictures.half_blocks import half_block_strips
from calibtui.tui.widgets.pool_reader import Asks
from calibtui.tui.widgets.pool_row import note_strip
from calibtui.tui.widgets.wrapping import wrapped

INKS = {"truth": "good", "float": "accent", "int8": "warn"}
"""The role of each source's colour, as legends show it."""

LINES = {"truth": (64, 252, 96), "float": (48, 176, 252), "int8": (252, 148, 32)}
"""The colour of each source's boxes: the hue of its role, and bright on any picture in any theme."""

KEPT = 24
"""Pictures kept, so that going back and forth asks nobody."""

MOST_CELLS = (160, 80)
"""Columns and lines of a picture of half blocks: more would take long to draw, and half a megabyte to send."""

_numbers = count(0xCA1B01)


class FrameView(Widget):
    """Shows a part of a frame, as large as it gets. `method`: "half-block", "kitty" or "sixel"."""

    DEFAULT_CSS = "FrameView { height: 1fr; width: 1fr; color: $muted; }"
    ALLOW_SELECT = False

    def __init__(self, engine: Asks, method: str = "half-block") -> None:
        super().__init__()
        self._engine = engine
        self._method = method
        self._wanted: FramePicture | None = None
        self._shown: FramePicture | None = None
        self._coming: FramePicture | None = None
        self._boxes: Mapping[str, Sequence[Box]] = {}
        self._kept: OrderedDict[FramePicture, Picture] = OrderedDict()
        self._fetching: Worker[None] | None = None
        self._strips: list[Strip] = []
        self._note = ""
        self._sixels = ""
        self._number = 0

    def show(self, digest: str, boxes: Mapping[str, Sequence[Box]], region: Region = WHOLE) -> None:
        """Shows that part of a frame with `boxes` by source; what is there stays until the picture has come."""
        self._boxes = boxes
        self._wanted = self._request(digest, region)
        if self._wanted is None:
            return
        if self._wanted in self._kept:
            self._draw(self._wanted)
        else:
            self.fetch(digest, region)

    def fetch(self, digest: str, region: Region = WHOLE) -> None:
        """Asks for a picture that is going to be shown, and for no other any more."""
        request = self._request(digest, region)
        if request is None or request in self._kept or (request == self._coming and self._busy):
            return
        self._stop()
        self._coming = request
        self._fetching = self.run_worker(partial(self._fetch, request), group="picture", exit_on_error=False)

    def _request(self, digest: str, region: Region) -> FramePicture | None:
        width, height = self.pixels
        if width < 1 or height < 1:
            return None
        return FramePicture(digest=digest, width=width, height=height, crop=None if region == WHOLE else region)

    @property
    def _busy(self) -> bool:
        return self._fetching is not None and not self._fetching.is_finished

    def clear(self, note: str = "") -> None:
        """Shows no picture, but a note."""
        self._stop()
        self._wanted, self._shown, self._strips, self._note, self._sixels = None, None, [], note, ""
        self._forget_kitty()
        self.refresh()

    @property
    def complete(self) -> bool:
        """Whether what is shown is what was last asked for."""
        return self._wanted is None or self._wanted == self._shown

    @property
    def pixels(self) -> tuple[int, int]:
        """Width and height of the widget in pixels of a picture."""
        width, height = self.content_size
        if self._method == "half-block":
            return min(width, MOST_CELLS[0]), 2 * min(height, MOST_CELLS[1])
        across, down = direct.cell_pixels()
        most = kitty.MOST_CELLS if self._method == "kitty" else width
        return min(width, most) * across, min(height, most) * down

    def _stop(self) -> None:
        if self._fetching is not None:
            self._fetching.cancel()

    async def _fetch(self, wanted: FramePicture) -> None:
        try:
            picture = await self._engine.ask(wanted)
        except CalibtuiError as error:
            self.clear(f"{error.message} {error.hint}".strip())
            return
        self._kept[wanted] = picture
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        if wanted == self._wanted:
            self._draw(wanted)

    def _draw(self, wanted: FramePicture) -> None:
        self._kept.move_to_end(wanted)
        picture = self._kept[wanted]
        try:
            drawn = canvas(picture.rgb, picture.width, picture.height, (wanted.width, wanted.height))
        except ValueError as error:
            self.clear(f"The picture can't be shown: {error}.")
            return
        for source in SOURCES:
            for box in self._boxes.get(source, ()):
                draw_box(drawn, (box.x1, box.y1, box.x2, box.y2), source, wanted.crop or WHOLE)
        self._note, self._shown = "", wanted
        {"kitty": self._as_kitty, "sixel": self._as_sixels}.get(self._method, self._as_blocks)(drawn)
        self.refresh()

    def _as_blocks(self, drawn: Canvas) -> None:
        depth = depth_of(self.app.console.color_system, self.app.no_color)
        ground = Style(bgcolor=self.rich_style.bgcolor)
        strips = half_block_strips(drawn, LINES, depth)
        self._strips = [strip.apply_style(ground) if depth == "none" else _grounded(strip, ground) for strip in strips]

    def _as_kitty(self, drawn: Canvas) -> None:
        across, down = direct.cell_pixels()
        columns, rows = max(1, drawn.width // across), max(1, drawn.height // down)
        self._forget_kitty()
        self._number = next(_numbers) & 0xFFFFFF
        rgb, tmux = drawn.inked(LINES), direct.under_tmux()
        direct.write(self.app, kitty.transmission(self._number, rgb, drawn.width, drawn.height, columns, rows, tmux))
        self._strips = kitty.placeholder_strips(self._number, columns, rows)

    def _as_sixels(self, drawn: Canvas) -> None:
        import numpy as np

        from calibtui.tui.pictures.sixel import sixels

        across, down = direct.cell_pixels()
        pixels = np.frombuffer(drawn.inked(LINES), np.uint8).reshape(drawn.height, drawn.width, 3)
        self._sixels = sixels(pixels[: drawn.height // down * down])
        self._strips = [Strip.blank(-(-drawn.width // across), self.rich_style)] * (drawn.height // down)

    def _forget_kitty(self) -> None:
        if self._number:
            direct.write(self.app, kitty.removal(self._number, direct.under_tmux()))
            self._number = 0

    def get_line_filters(self) -> Sequence[LineFilter]:
        """None: a picture's colours are those it is to have, and going through each of them again takes long."""
        return ()

    def render_line(self, y: int) -> Strip:
        width, height = self.content_size
        if self._note:
            lines = wrapped(self._note, width - 2)
            at = y - (height - len(lines)) // 2
            said = lines[at] if 0 <= at < len(lines) else ""
            return note_strip(said, width, {"muted": self.rich_style})
        line = y - self._upper
        if not 0 <= line < len(self._strips):
            return Strip.blank(width, self.rich_style)
        strip = self._strips[line]
        left = max(0, (width - strip.cell_length) // 2)
        return strip.crop_pad(strip.cell_length, left, max(0, width - left - strip.cell_length), self.rich_style)

    @property
    def _upper(self) -> int:
        return max(0, (self.content_size.height - len(self._strips)) // 2)

    def render_lines(self, crop: object) -> list[Strip]:
        if self._sixels:
            self.call_after_refresh(self._send_sixels)
        return super().render_lines(crop)  # type: ignore[arg-type]

    def _send_sixels(self) -> None:
        """Sixels lie over cells until these are written, so they go out after every time that they were."""
        if self._sixels and self.screen is self.app.screen and self.is_on_screen:
            region = self.content_region
            left = max(0, (region.width - self._strips[0].cell_length) // 2) if self._strips else 0
            direct.write(self.app, direct.placed(self._sixels, region.x + left, region.y + self._upper))

    def on_resize(self) -> None:
        if self._wanted is not None:
            self.show(self._wanted.digest, self._boxes, self._wanted.crop or WHOLE)

    def on_unmount(self) -> None:
        self._forget_kitty()


def _grounded(strip: Strip, ground: Style) -> Strip:
    """Half a cell without a pixel, at the lower edge, shows what is behind the widget."""
    if all(segment.style is None or segment.style.bgcolor is not None for segment in strip):
        return strip
    return strip.apply_style(ground)
