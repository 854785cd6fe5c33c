"""Terse updates as long as Textual's inner parts are as they are known here, and Textual's own where they aren't.

Textual doesn't promise to keep those parts, so a version that has changed them costs bytes and breaks nothing.
"""

from __future__ import annotations

from typing import Any

from rich.console import Console
from textual._compositor import ChopsUpdate

from calibtui.tui.terse import TerseUpdate


class SparingUpdate(TerseUpdate):
    """A terse update that is written as Textual would where it can't be written tersely."""

    def render_segments(self, console: Console) -> str:
        try:
            return super().render_segments(console)
        except (AttributeError, LookupError, TypeError, ValueError):
            return self._update.render_segments(console)


def sparing(update: Any) -> Any:
    """The update in as few bytes as it needs; whatever else is displayed, as it is."""
    return SparingUpdate(update) if type(update) is ChopsUpdate else update
