"""One frame of the set in full: its picture, its scores, why it is in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen

from calibtui.engine.wire.frames import FrameLine
from calibtui.engine.wire.sets import SetFrame
from calibtui.tui.widgets.frame_detail import FrameDetailPane
from calibtui.tui.widgets.key_line import KeyLine
from calibtui.tui.widgets.pool_reader import Asks


class SetFrameScreen(ModalScreen[int]):
    """`frames` are walked with the arrows from `index` on; dismissed with the index where it was left."""

    HELP: ClassVar[str] = """\
One frame of the set: its picture, its scores, why it is in."""
    DEFAULT_CSS = """
    SetFrameScreen { background: $background; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,right", "step(1)", "next", key_display="↓", id="set_frame.next", tooltip="The next frame"),
        Binding("up,left", "step(-1)", "before", key_display="↑", id="set_frame.before", tooltip="The frame before"),
        Binding("escape,enter,q", "leave", "back", key_display="esc", id="set_frame.back", tooltip="Back to the set"),
    ]

    def __init__(self, frames: Sequence[SetFrame], index: int, engine: Asks, method: str) -> None:
        super().__init__()
        self._frames, self._index = frames, index
        self._engine, self._method = engine, method

    def compose(self) -> ComposeResult:
        yield FrameDetailPane(self._engine, self._method)
        yield KeyLine()

    def on_mount(self) -> None:
        self._show()

    def action_step(self, by: int) -> None:
        self._index = max(0, min(len(self._frames) - 1, self._index + by))
        self._show()

    def action_leave(self) -> None:
        self.dismiss(self._index)

    def _show(self) -> None:
        frame = self._frames[self._index]
        line = FrameLine(
            digest=frame.digest, uri=frame.uri, difficulty=frame.difficulty, in_set=frame.change != "dropped"
        )
        self.query_one(FrameDetailPane).show(line)
