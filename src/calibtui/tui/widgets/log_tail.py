"""The log of a job as it grows; the cursor follows the end until it is moved away from it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

from calibtui.tui.figures import clock
from calibtui.tui.text import cut
from calibtui.tui.widgets.lines import Line
from calibtui.tui.widgets.row_list import RowList

KEPT = 2000
"""Lines; older ones go."""
_STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ(?= )", re.ASCII)


class LogTail(RowList[str]):
    HELP = """\
What the job says as it goes. After scrolling up, the end key follows it again."""

    def __init__(self, id: str | None = None) -> None:
        super().__init__(log_line, empty="The log stands here while a job runs.", id=id)

    def add(self, lines: Sequence[str]) -> None:
        """Adds lines at the end."""
        if not lines:
            return
        follows = not self.rows or self.cursor >= len(self.rows) - 1
        rows = [*self.rows, *(part for line in map(by_our_clock, lines) for part in line.splitlines() or [""])]
        dropped = max(0, len(rows) - KEPT)
        at = self.cursor
        self.show(rows[dropped:])
        self.cursor = len(self.rows) - 1 if follows else max(0, at - dropped)

    def clear(self) -> None:
        self.show([])


def by_our_clock(line: str) -> str:
    """`line` with the UTC second it begins with as local "14:03:21", as every other time on the screen is."""
    stamp = _STAMP.match(line)
    if stamp is None:
        return line
    try:
        at = datetime.fromisoformat(stamp[0]).timestamp()
    except ValueError:
        return line
    return clock(at) + line[stamp.end() :]


def log_line(text: str, width: int) -> Line:
    """A line of a log; what is wrong in it stands out."""
    lowered = text.lower()
    role = "bad" if "error" in lowered else "warn" if "warning" in lowered else "muted"
    return [(cut(text, width), role)]
