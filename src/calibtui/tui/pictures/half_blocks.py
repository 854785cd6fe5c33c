"""A picture in half blocks: two pixels a cell, one as the colour of the character, one behind it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from calibtui.tui.pictures.canvas import Canvas
from calibtui.tui.pictures.depth import Quantize, Rgb, luminance, quantizer

UPPER = "▀"
RAMP = " .:-=+*%#@"
"""Characters from dark to bright, for terminals without colour."""

LINES = {"truth": "█", "float": "▒", "int8": "░"}
"""What a box's line is made of where there is no colour."""

Inks = Mapping[str, Rgb]


def cells(width: int, height: int) -> tuple[int, int]:
    """Pixels to ask for, to fill so many cells."""
    return width, 2 * height


def half_block_strips(picture: Canvas, inks: Inks, depth: str) -> list[Strip]:
    """A strip for every two rows of pixels. `inks`: the colour of each source of boxes."""
    rows = range(0, picture.height, 2)
    if depth == "none":
        return [_characters(picture, y) for y in rows]
    quantize = quantizer(depth)
    return [_half_blocks(picture, y, inks, quantize) for y in rows]


def _half_blocks(picture: Canvas, y: int, inks: Inks, quantize: Quantize) -> Strip:
    upper = _row(picture, y, inks, quantize)
    lower = _row(picture, y + 1, inks, quantize) if y + 1 < picture.height else [None] * picture.width
    segments, start = [], 0
    pairs = list(zip(upper, lower, strict=True))
    for x in range(1, picture.width + 1):
        if x < picture.width and pairs[x] == pairs[start]:
            continue
        segments.append(Segment(UPPER * (x - start), _style(*pairs[start])))
        start = x
    return Strip(segments, picture.width)


def _row(picture: Canvas, y: int, inks: Inks, quantize: Quantize) -> list[Rgb]:
    first, rgb, ink = y * picture.width, picture.rgb, picture.ink
    row = []
    for x in range(picture.width):
        pixel = first + x
        if ink[pixel]:
            source = picture.source(pixel)
            row.append(inks[source] if source else (0, 0, 0))
        else:
            at = 3 * pixel
            row.append(quantize(rgb[at], rgb[at + 1], rgb[at + 2], x, y))
    return row


@lru_cache(maxsize=32_768)
def _style(upper: Rgb, lower: Rgb | None) -> Style:
    return Style.from_color(_color(upper), None if lower is None else _color(lower))


@lru_cache(maxsize=65_536)
def _color(rgb: Rgb) -> Color:
    return Color.from_rgb(*rgb)


def _characters(picture: Canvas, y: int) -> Strip:
    text = "".join(_character(picture, x, y) for x in range(picture.width))
    return Strip([Segment(text)], picture.width)


def _character(picture: Canvas, x: int, y: int) -> str:
    brightness = 0.0
    pixels = [row * picture.width + x for row in (y, y + 1) if row < picture.height]
    for pixel in pixels:
        source = picture.source(pixel)
        if source is not None:
            return LINES[source]
        red, green, blue = picture.rgb[3 * pixel : 3 * pixel + 3]
        brightness += luminance(red, green, blue) / len(pixels)
    return RAMP[min(len(RAMP) - 1, int(brightness * len(RAMP) / 256))]
