"""How many colours a picture may have on this terminal."""

from __future__ import annotations

from collections.abc import Callable

DEPTHS = ("true", "256", "16", "none")

Rgb = tuple[int, int, int]
Quantize = Callable[[int, int, int, int, int], Rgb]
"""(r, g, b, x, y) → the colour to be shown there."""

BAYER = ((0, 8, 2, 10), (12, 4, 14, 6), (3, 11, 1, 9), (15, 7, 13, 5))
"""Bayer's 4×4 matrix for ordered dithering."""

CUBE = (0, 95, 135, 175, 215, 255)
"""Levels of the 6×6×6 colour cube of 256-colour terminals."""

GREYS = ((0, 0, 0), (128, 128, 128), (192, 192, 192), (255, 255, 255))
"""The greys among a terminal's first 16 colours."""


def depth_of(color_system: str | None, no_color: bool) -> str:
    """One of DEPTHS. `color_system` as rich names it."""
    if no_color or color_system is None:
        return "none"
    return {"truecolor": "true", "256": "256"}.get(color_system, "16")


def true_colour(red: int, green: int, blue: int, x: int, y: int) -> Rgb:
    """All but the two lowest bits of each channel, which nobody sees: neighbours that are equal cost fewer bytes."""
    return red & 0xFC, green & 0xFC, blue & 0xFC


def cube_colour(red: int, green: int, blue: int, x: int, y: int) -> Rgb:
    """The nearest colour of the cube, dithered."""
    shift = (BAYER[y & 3][x & 3] - 7.5) * 2.5
    return _level(red + shift), _level(green + shift), _level(blue + shift)


def grey_colour(red: int, green: int, blue: int, x: int, y: int) -> Rgb:
    """One of the four greys, dithered: sixteen colours show a photograph better without their hues."""
    value = luminance(red, green, blue) + (BAYER[y & 3][x & 3] - 7.5) * 6
    return min(GREYS, key=lambda grey: abs(grey[0] - value))


def luminance(red: int, green: int, blue: int) -> float:
    """Luma of ITU-R BT.601, 0 to 255."""
    return 0.299 * red + 0.587 * green + 0.114 * blue


def quantizer(depth: str) -> Quantize:
    return {"true": true_colour, "256": cube_colour, "16": grey_colour}[depth]


def _level(value: float) -> int:
    if value < 48:
        return 0
    return CUBE[min(5, max(1, int((value - 35) // 40)))]
