"""A part of the newest snapshot as lines."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from calibtui.engine.wire.snapshot import Snapshot
from calibtui.tui.widgets.lines import Line, LineView

Draw = Callable[[Snapshot, int], Sequence[Line]]
NOMINAL = 40
"""The width at which a view that is hidden is asked whether it has anything to show."""


class SnapshotView(LineView):
    """`draw(snapshot, width)` makes the lines; where it makes none, the view takes no room."""

    DEFAULT_CSS = "SnapshotView.-empty { display: none; }"

    def __init__(self, draw: Draw, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._draw = draw
        self._newest: Snapshot | None = None
        self._ready: tuple[int, Sequence[Line]] = (-1, ())

    def show(self, snapshot: Snapshot) -> None:
        self._newest = snapshot
        self._ready = (-1, ())
        self.set_class(not self.lines(self.content_size.width or NOMINAL), "-empty")
        self.refill()

    def lines(self, width: int) -> Sequence[Line]:
        """Drawn once for a snapshot and a width."""
        if self._newest is not None and self._ready[0] != width:
            self._ready = (width, self._draw(self._newest, width))
        return self._ready[1]
