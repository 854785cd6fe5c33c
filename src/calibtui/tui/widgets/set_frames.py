"""The frames of a set: what changed first, each with why it is in."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType

from calibtui.engine.wire.sets import SetFrame, SetView
from calibtui.tui.text import cut, cut_path, padded
from calibtui.tui.widgets.lines import Line
from calibtui.tui.widgets.points import decimals
from calibtui.tui.widgets.row_list import RowList

_CHANGES = {"added": ("+ ", "good"), "dropped": ("− ", "bad")}
_ORDER = {"added": 0, "dropped": 1}


class SetFrames(RowList[SetFrame]):
    """+ added and − dropped against the set that it is compared with, then the rest, hardest first."""

    HELP = """\
The frames of the set, each with its difficulty and why it is in. + was added and − dropped against the set that it is
compared with; the others follow, hardest first."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "choose", "look", id="set.look", tooltip="The frame in full")
    ]

    def __init__(self, id: str | None = None) -> None:
        super().__init__(_line, _heading, empty="…", id=id)

    def show_set(self, view: SetView) -> None:
        """Shows the set's frames. While it has the focus the cursor stays on its frame where that is still there;
        else it
        goes to the top, where the changes are."""
        here = self.current.digest if self.current and self.has_focus else ""
        rows = sorted(view.frames, key=_place)
        self.show(rows, empty=view.said or "The set is empty: score the pool first.")
        otherwise = self.cursor if self.has_focus else 0
        self.cursor = next((row for row, frame in enumerate(rows) if frame.digest == here), otherwise)
        if self.rows:
            self.post_message(self.Highlighted(self, self.cursor))


def _place(frame: SetFrame) -> tuple[int, float, str]:
    return (_ORDER.get(frame.change, 2), 1.0 if frame.difficulty is None else -frame.difficulty, frame.uri)


def _paths(width: int) -> int:
    return max(8, min(44, (width - 8) * 3 // 5))


def _heading(width: int) -> Line:
    return [(cut("  diff  " + padded("frame", _paths(width)) + " why", width), "muted")]


def _line(frame: SetFrame, width: int) -> Line:
    mark = _CHANGES.get(frame.change, ("  ", "plain"))
    role = "muted" if frame.change == "dropped" else "plain"
    paths = _paths(width)
    return [
        mark,
        (decimals(frame.difficulty).rjust(4) + "  ", "muted" if frame.difficulty is None else role),
        (padded(cut_path(frame.uri, paths), paths) + " ", role),
        (cut(frame.why, max(0, width - paths - 9)), "muted"),
    ]
