"""What a terminal shows that nothing fits into."""

from __future__ import annotations

from collections.abc import Sequence

from calibtui.tui.widgets.lines import Line, LineView


class TooSmall(LineView):
    DEFAULT_CSS = "TooSmall { height: 1fr; }"

    def lines(self, width: int) -> Sequence[Line]:
        size = self.screen.size
        return (
            [("too small", "warn")],
            [(f"{size.width}×{size.height}, needs 40×10"[:width], "muted")],
            [("q quits"[:width], "muted")],
        )
