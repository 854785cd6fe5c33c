"""The evaluation frames on which INT8 finds least of what float finds."""

from __future__ import annotations

from calibtui.engine.wire.models import LostFrame
from calibtui.tui.text import cut, cut_path, padded
from calibtui.tui.widgets.lines import Line
from calibtui.tui.widgets.row_list import RowList


class LostList(RowList[LostFrame]):
    HELP = """\
The evaluation frames that lost most, worst first: of its annotated objects, how many float finds and how many INT8.

**enter** shows the frame with both models' boxes side by side; there, ↑ ↓ go on to the next one.
"""

    def __init__(self, id: str | None = None) -> None:
        super().__init__(_line, _heading, empty="…", id=id)


def _heading(width: int) -> Line:
    return [(cut("objects  float  int8  frame", width), "muted")]


def _line(frame: LostFrame, width: int) -> Line:
    paths = max(8, min(40, width - 22))
    lost = frame.by_int8 < frame.by_float
    return [
        (f"{frame.objects:7,}", "muted"),
        (f"{frame.by_float:7,}", "plain"),
        (f"{frame.by_int8:6,}  ", "bad" if lost else "good" if frame.by_int8 > frame.by_float else "plain"),
        (padded(cut_path(frame.uri, paths), paths) + " ", "plain"),
        (cut(frame.said, max(0, width - 23 - paths)), "muted"),
    ]
