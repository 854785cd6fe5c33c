"""A bar of line characters that shows two APs at once, readable without colour."""

from __future__ import annotations

import math

from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.text import Text

KEPT, LOST, GAINED = "━", "┄", "═"
_ROOM_FOR_FIGURES = 54
"""Cells of a row that the name and the figures take before a bar may grow."""


class ApBar:
    """A heavy line up to what both models reach, then a dashed one for what INT8 lost or a double one for what it
    gained.

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
        """The bar on a scale where an AP of 1 is `width` cells, in whole cells: a change below one may not show."""
        if math.isnan(self.reference) or math.isnan(self.int8):
            return Text("")
        kept = round(width * _clamped(min(self.reference, self.int8)))
        more = round(width * _clamped(max(self.reference, self.int8))) - kept
        change = (LOST * more, "red") if self.int8 < self.reference else (GAINED * more, "green")
        return Text.assemble((KEPT * kept, "cyan"), change)


def _clamped(fraction: float) -> float:
    return min(1.0, max(0.0, fraction))
