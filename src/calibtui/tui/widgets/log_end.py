"""The last lines of a log, as many as there is room for."""

from __future__ import annotations

from collections.abc import Sequence

from textual.events import Resize
from textual.message import Message

from calibtui.tui.text import cut
from calibtui.tui.widgets.lines import Line, LineView
from calibtui.tui.widgets.log_tail import by_our_clock, log_line

FEWEST = 4
"""Lines of room, the title among them, under which nothing is shown."""


class LogEnd(LineView):
    """Nothing to move in: whoever wants to read it all opens it where it can be scrolled."""

    DEFAULT_CSS = "LogEnd { height: 1fr; min-height: 0; }"

    class Fitted(Message):
        """There may be room for other lines now."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._said: Sequence[str] = ()

    @property
    def room(self) -> int:
        """Lines of a log that can be shown now."""
        return self.content_size.height - 1 if self.display and self.content_size.height >= FEWEST else 0

    def say(self, lines: Sequence[str]) -> None:
        self._said = lines
        self.refill()

    def on_resize(self, event: Resize) -> None:
        super().on_resize(event)
        self.post_message(self.Fitted())

    def lines(self, width: int) -> Sequence[Line]:
        if not self.room or not self._said:
            return []
        title: Line = [("Log", "title"), (cut("  of the newest job", width - 3), "muted")]
        return [title, *(log_line(by_our_clock(text), width) for text in self._said[-self.room :])]
