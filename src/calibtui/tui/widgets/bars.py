"""Bars and histograms of block characters: an eighth of a cell is the smallest step."""

from __future__ import annotations

from collections.abc import Sequence

from calibtui.tui.figures import bar
from calibtui.tui.widgets.lines import Span

_LEVELS = " ▁▂▃▄▅▆▇█"


def bar_spans(share: float, width: int, role: str = "fill") -> list[Span]:
    """`share` of `width` cells filled; anything above nothing shows."""
    filled, rest = bar(max(share, 1 / (8 * width)) if share > 0 and width > 0 else 0.0, max(0, width))
    return [(filled, role), (rest, role)]


def columns(values: Sequence[int], height: int, wide: int = 1) -> list[str]:
    """A histogram: `wide` cells a value, `height` lines, the highest on top; anything above nothing shows."""
    top = max((*values, 1))
    eighths = [max(1, round(8 * height * value / top)) if value else 0 for value in values]
    return [
        "".join(_LEVELS[min(8, max(0, full - 8 * row))] * wide for full in eighths) for row in reversed(range(height))
    ]
