"""A change with its 95 % interval, drawn on one line with zero marked."""

from __future__ import annotations

from itertools import groupby

from calibtui.tui.widgets.lines import Span
from calibtui.tui.widgets.points import known

_ROOM = 0.12
"""Share of the scale kept free beyond the interval's ends."""


def interval_line(middle: float, low: float, high: float, width: int, role: str) -> list[Span]:
    """`middle` as ●, `low` to `high` as a heavy line, 0 as │, on a scale that holds all of them; `width` cells.

    The scale spans at least two points, so that a narrow interval about zero looks narrow. Nothing is drawn where a
    figure is not known.
    """
    if width < 8 or not (known(middle) and known(low) and known(high)):
        return []
    left, right = min(low, middle, -1.0), max(high, middle, 1.0)
    margin = _ROOM * (right - left)
    left, right = left - margin, right + margin

    def cell(value: float) -> int:
        return round((value - left) / (right - left) * (width - 1))

    cells = [("─", "faint")] * width
    for place in range(cell(low), cell(high) + 1):
        cells[place] = ("━", role)
    cells[cell(low)], cells[cell(high)] = ("┣", role), ("┫", role)
    cells[cell(0.0)] = ("┃" if low <= 0 <= high else "│", "strong")
    cells[cell(middle)] = ("●", role)
    runs = groupby(cells, key=lambda one: one[1])
    return [("".join(character for character, _ in run), style) for style, run in runs]
