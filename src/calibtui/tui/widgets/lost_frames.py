"""The evaluation frames on which INT8 finds least of what float finds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.cells import cell_len
from textual.binding import Binding, BindingType

from calibtui.engine.wire.models import LostFrame
from calibtui.tui.text import cut, cut_path, padded
from calibtui.tui.widgets.lines import Line
from calibtui.tui.widgets.row_list import RowList


class LostList(RowList[LostFrame]):
    HELP = """\
The evaluation frames that lost most, worst first: of its annotated objects, how many float finds and how many INT8.
Enter shows the frame with both models' boxes side by side."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "choose", "look", id="lost.look", tooltip="The frame with both models' boxes")
    ]

    def __init__(self, id: str | None = None) -> None:
        super().__init__(self._row, _heading, empty="…", id=id)
        self._paths = 8

    def show_frames(self, frames: Sequence[LostFrame], empty: str) -> None:
        """Paths get as much room as the longest of them needs, up to 40 cells; the rest says what is lost."""
        self._paths = max((min(40, cell_len(frame.uri)) for frame in frames), default=8)
        self.show(frames, empty)

    def _row(self, frame: LostFrame, width: int) -> Line:
        return _line(frame, width, min(self._paths, max(8, width - 22)))


def _heading(width: int) -> Line:
    return [(cut("objects  float  int8  frame", width), "muted")]


def _line(frame: LostFrame, width: int, paths: int) -> Line:
    lost = frame.by_int8 < frame.by_float
    return [
        (f"{frame.objects:7,}", "muted"),
        (f"{frame.by_float:7,}", "plain"),
        (f"{frame.by_int8:6,}  ", "bad" if lost else "good" if frame.by_int8 > frame.by_float else "plain"),
        (padded(cut_path(frame.uri, paths), paths) + " ", "plain"),
        (cut(frame.said, max(0, width - 23 - paths)), "muted"),
    ]
