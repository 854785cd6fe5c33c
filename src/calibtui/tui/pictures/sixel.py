"""Pictures as sixels: bands of six rows, one colour of a palette after the other.

Source: DEC VT330/VT340 Programmer Reference Manual, volume 2, chapter 14.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LEVELS = 6
"""Levels a channel: a palette of 6 × 6 × 6, within the 256 registers that terminals have."""


def sixels(rgb: NDArray[np.uint8]) -> str:
    """The escape sequence that draws `rgb` (H, W, 3) where the cursor is, one sixel pixel a pixel."""
    height, width, _ = rgb.shape
    indices = _dithered(rgb)
    used = np.unique(indices)
    parts = [f'\x1bP0;1;0q"1;1;{width};{height}', *(_register(int(number)) for number in used)]
    for top in range(0, height, 6):
        parts.append(_band(indices[top : top + 6]))
    return "".join(parts) + "\x1b\\"


def _dithered(rgb: NDArray[np.uint8]) -> NDArray[np.int16]:
    """(H, W) numbers of palette colours, by ordered dithering with Bayer's 4×4 matrix."""
    matrix = np.array([[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]], np.float32)
    height, width, _ = rgb.shape
    threshold = np.tile((matrix + 0.5) / 16, (height // 4 + 1, width // 4 + 1))[:height, :width, None]
    levels = np.floor(rgb.astype(np.float32) * ((LEVELS - 1) / 255) + threshold).astype(np.int16)
    levels = np.clip(levels, 0, LEVELS - 1)
    numbers: NDArray[np.int16] = (levels[..., 0] * LEVELS + levels[..., 1]) * LEVELS + levels[..., 2]
    return numbers


def _register(number: int) -> str:
    """A palette colour in percent."""
    red, green, blue = number // (LEVELS * LEVELS), number // LEVELS % LEVELS, number % LEVELS
    step = 100 / (LEVELS - 1)
    return f"#{number};2;{round(red * step)};{round(green * step)};{round(blue * step)}"


def _band(rows: NDArray[np.int16]) -> str:
    """Up to six rows: for each colour in them a line of sixels, `$` back to the left, `-` down to the next band."""
    weights = (1 << np.arange(len(rows), dtype=np.uint8))[:, None]
    lines = []
    for number in np.unique(rows):
        bits = ((rows == number) * weights).sum(axis=0).astype(np.uint8)
        lines.append(f"#{number}{_run_lengths(bits)}")
    return "$".join(lines) + "-"


def _run_lengths(bits: NDArray[np.uint8]) -> str:
    """Sixel characters, runs of more than three as `!count`."""
    edges = np.flatnonzero(np.diff(bits)) + 1
    starts = np.concatenate(([0], edges))
    lengths = np.diff(np.concatenate((starts, [len(bits)])))
    pieces = []
    for value, length in zip(bits[starts].tolist(), lengths.tolist(), strict=True):
        character = chr(63 + value)
        pieces.append(f"!{length}{character}" if length > 3 else character * length)
    return "".join(pieces)
