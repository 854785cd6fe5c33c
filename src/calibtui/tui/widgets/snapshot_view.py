"""A part of the newest snapshot as lines."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from calibtui.engine.wire.snapshot import Snapshot
from calibtui.tui.widgets.lines import Line, LineView

Draw = Callable[[Snapshot, int], Sequence[Line]]


class SnapshotView(LineView):
    """`draw(snapshot, width)` makes the lines; where it makes none, the view takes no room."""

    DEFAULT_CSS = "SnapshotView.-empty { display: none; }"

    def __init__(self, draw: Draw, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._draw = draw
        self._newest: Snapshot | None = None

    def show(self, snapshot: Snapshot) -> None:
        self._newest = snapshot
        self.set_class(not self._draw(snapshot, 40), "-empty")
        self.refill()

    def lines(self, width: int) -> Sequence[Line]:
        return self._draw(self._newest, width) if self._newest is not None else ()
