"""How the scored frames spread over difficulty, filling up as scoring goes on."""

from __future__ import annotations

from collections.abc import Sequence

from calibtui.engine.wire.snapshot import Snapshot
from calibtui.tui.figures import BLOCKS, count
from calibtui.tui.text import cut
from calibtui.tui.widgets.lines import Line

ROWS = 5


def difficulty(snapshot: Snapshot, width: int) -> Sequence[Line]:
    """Title, five rows of bars, the axis: seven lines, as high as scoring beside it."""
    totals = snapshot.totals
    if not totals.scored:
        return [[("Difficulty", "title")], [(cut("Fills up as frames are scored.", width), "muted")]]
    title = [
        ("Difficulty", "title"),
        (cut(f"  {count(totals.scored)} scored, easy to hard", width - 10), "muted"),
    ]
    cell = 3 if width >= 3 * len(totals.histogram) else 2 if width >= 2 * len(totals.histogram) else 1
    rows = [[("".join(column * cell for column in row), "accent")] for row in columns(totals.histogram, ROWS)]
    return [title, *rows, [(_axis(cell * len(totals.histogram)), "muted")]]


def columns(histogram: Sequence[int], rows: int) -> list[list[str]]:
    """The bars as `rows` rows of one block a bin, from the top; a bin with anything in it is never empty."""
    top = max(histogram)
    eighths = [max(1, round(bin_ / top * rows * 8)) if bin_ else 0 for bin_ in histogram]
    return [[_block(height - 8 * (rows - 1 - row)) for height in eighths] for row in range(rows)]


def _block(eighths: int) -> str:
    return " " if eighths <= 0 else BLOCKS[min(8, eighths) - 1]


def _axis(width: int) -> str:
    middle = "50".center(width - 4)
    return f"0{middle}100"
