"""What goes to the terminal past the screen's cells: pictures of the protocols that cells can't carry."""

from __future__ import annotations

import fcntl
import os
import struct
import sys
import termios
from typing import Any

from textual.app import App

CELL = (10, 20)
"""Pixels of a cell where the terminal doesn't say; most fonts are twice as high as wide."""


def cell_pixels() -> tuple[int, int]:
    """Width and height of a cell as the terminal's size says it, which is read and not asked of the terminal: an answer
    over a slow line would come as key presses."""
    try:
        packed = fcntl.ioctl(sys.__stdout__ or 1, termios.TIOCGWINSZ, bytes(8))
    except OSError:
        return CELL
    rows, columns, width, height = struct.unpack("HHHH", packed)
    if not (rows and columns and width and height):
        return CELL
    return max(1, width // columns), max(1, height // rows)


def under_tmux() -> bool:
    return bool(os.environ.get("TMUX"))


def write(app: App[Any], sequence: str) -> None:
    """Sends a sequence between two frames of the screen; nothing where there is no terminal."""
    driver = app._driver
    if driver is not None and not app.is_headless:
        driver.write(sequence)
        driver.flush()


def placed(sequence: str, column: int, row: int) -> str:
    """`sequence` at a cell, counted from 0; the cursor is where it was afterwards."""
    return f"\x1b7\x1b[{row + 1};{column + 1}H{sequence}\x1b8"
