"""Pixels to be shown, and the boxes drawn over them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

SOURCES = ("truth", "float", "int8")
"""Where boxes come from, in the order in which they are drawn: the last lies on top."""

DASHES = {"truth": (1, 0), "float": (4, 2), "int8": (1, 1)}
"""Pixels drawn and left out, in turn, so that the lines differ without colour: solid, dashed, dotted."""

Region = tuple[float, float, float, float]
WHOLE: Region = (0.0, 0.0, 1.0, 1.0)


@dataclass(slots=True)
class Canvas:
    """`rgb`: width × height × 3 bytes, row by row. `ink`: a byte a pixel: 0, or 1 + the source, of SOURCES, of the box
    whose line runs there."""

    width: int
    height: int
    rgb: bytes
    ink: bytearray

    def source(self, pixel: int) -> str | None:
        """The source of the line at a pixel, counted row by row."""
        return SOURCES[self.ink[pixel] - 1] if self.ink[pixel] else None

    def inked(self, inks: Mapping[str, tuple[int, int, int]]) -> bytes:
        """The pixels with the lines of the boxes in their colours, by source."""
        out = bytearray(self.rgb)
        for line in re.finditer(rb"[^\0]", self.ink):
            out[3 * line.start() : 3 * line.start() + 3] = bytes(inks[SOURCES[line[0][0] - 1]])
        return bytes(out)


def canvas(rgb: bytes, width: int, height: int, fit: tuple[int, int]) -> Canvas:
    """The picture as large as it gets within `fit` (width, height): what is smaller is drawn up, by nearest pixels, as
    a look through a magnifying glass; what is larger is passed as it is. Raises ValueError where `rgb` has not
    width × height × 3 bytes."""
    if width < 1 or height < 1 or len(rgb) != width * height * 3:
        raise ValueError(f"a picture of {width}×{height} px has {width * height * 3} bytes, not {len(rgb)}")
    scale = min(fit[0] / width, fit[1] / height)
    if scale > 1:
        rgb, width, height = _enlarged(rgb, width, height, scale)
    return Canvas(width, height, rgb, bytearray(width * height))


def draw_box(onto: Canvas, box: Region, source: str, region: Region = WHOLE) -> None:
    """Draws a box, given as fractions of the frame, where `region` of the frame is what the canvas shows."""
    x1, y1, x2, y2 = _placed(onto, box, region)
    if x2 < 0 or y2 < 0 or x1 >= onto.width or y1 >= onto.height:
        return
    left, right = max(0, x1), min(onto.width - 1, x2)
    upper, lower = max(0, y1), min(onto.height - 1, y2)
    across = [(x, y) for y in (y1, y2) if 0 <= y < onto.height for x in range(left, right + 1)]
    down = [(x, y) for x in (x1, x2) if 0 <= x < onto.width for y in range(upper, lower + 1)]
    _draw(onto, across, source, along=0)
    _draw(onto, down, source, along=1)


def part_shown(onto: Canvas, box: Region, region: Region) -> bool:
    """Whether any of `box` is in the `region` that the canvas shows."""
    x1, y1, x2, y2 = _placed(onto, box, region)
    return x2 >= 0 and y2 >= 0 and x1 < onto.width and y1 < onto.height


def _draw(onto: Canvas, pixels: Iterable[tuple[int, int]], source: str, along: int) -> None:
    drawn, left_out = DASHES[source]
    value = SOURCES.index(source) + 1
    for pixel in pixels:
        if pixel[along] % (drawn + left_out) < drawn:
            onto.ink[pixel[1] * onto.width + pixel[0]] = value


def _placed(onto: Canvas, box: Region, region: Region) -> tuple[int, int, int, int]:
    """The box in px of the canvas; its right and lower line on its last pixels."""
    wide, high = max(1e-9, region[2] - region[0]), max(1e-9, region[3] - region[1])
    x1, x2 = ((x - region[0]) / wide * onto.width for x in (box[0], box[2]))
    y1, y2 = ((y - region[1]) / high * onto.height for y in (box[1], box[3]))
    bound = 1_000_000
    limits = [max(-bound, min(bound, round(value))) for value in (x1, y1, x2 - 1, y2 - 1)]
    return limits[0], limits[1], max(limits[0], limits[2]), max(limits[1], limits[3])


def _enlarged(rgb: bytes, width: int, height: int, scale: float) -> tuple[bytes, int, int]:
    wide, high = max(1, int(width * scale)), max(1, int(height * scale))
    columns = [x * width // wide * 3 for x in range(wide)]
    rows: dict[int, bytes] = {}
    out = []
    for y in range(high):
        at = y * height // high
        if at not in rows:
            row = rgb[at * width * 3 : (at + 1) * width * 3]
            rows[at] = b"".join([row[x : x + 3] for x in columns])
        out.append(rows[at])
    return b"".join(out), wide, high
