"""Sentences, each in its colour, broken to the width there is."""

from __future__ import annotations

from collections.abc import Sequence

from calibtui.tui.widgets.lines import Line, LineView
from calibtui.tui.widgets.wrapping import wrapped


class Sentences(LineView):
    """Each of (text, role) begins a line of its own; roles are those of `calibtui.tui.palette`."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._said: Sequence[tuple[str, str]] = ()

    def say(self, said: Sequence[tuple[str, str]]) -> None:
        self._said = [(text, role) for text, role in said if text]
        self.refill()

    def lines(self, width: int) -> Sequence[Line]:
        return [[(line, role)] for text, role in self._said for line in wrapped(text, width)]
