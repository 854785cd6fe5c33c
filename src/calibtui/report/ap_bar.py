"""A bar of block characters that shows two APs at once, readable without colour."""

from __future__ import annotations

import math

from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.text import Text

KEPT, LOST, GAINED = "█", "░", "▒"
_ROOM_FOR_FIGURES = 54
"""Cells of a row that the name and the figures take before a bar may grow."""
_EIGHTHS = ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")


class ApBar:
    """Solid up to what both models reach, then light shade for what INT8 lost or medium shade for what it gained.

    `reference` and `int8` are fractions in [0, 1]; nothing is drawn where either is NaN. It takes the width it is
    given, `narrowest` to `widest` cells.
    """

    narrowest, widest = 10, 40

    def __init__(self, reference: float, int8: float) -> None:
        self.reference = reference
        self.int8 = int8

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield self.text(min(options.max_width, self.widest))

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        beside = options.max_width - _ROOM_FOR_FIGURES
        return Measurement(self.narrowest, min(self.widest, max(self.narrowest, beside)))

    def text(self, width: int) -> Text:
        """The bar on a scale where an AP of 1 is `width` cells."""
        if math.isnan(self.reference) or math.isnan(self.int8):
            return Text("")
        kept = width * _clamped(min(self.reference, self.int8))
        reached = round(width * _clamped(max(self.reference, self.int8)))
        lost = self.int8 < self.reference
        # Half a cell is rounded away where a shade follows: an eighth block beside a shade looks torn.
        solid = KEPT * round(kept) if reached > round(kept) else KEPT * int(kept) + _EIGHTHS[int(kept % 1 * 8)]
        shade = (LOST if lost else GAINED) * (reached - round(kept))
        return Text.assemble((solid, "cyan"), (shade, "red" if lost else "green"))


def _clamped(fraction: float) -> float:
    return min(1.0, max(0.0, fraction))
