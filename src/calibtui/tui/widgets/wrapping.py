"""Text broken into lines of at most so many cells; words that are longer are broken, too."""

from __future__ import annotations

from textual.content import Content

from calibtui.core.text import printable


def wrapped(text: str, width: int) -> list[str]:
    """The lines of `text`, made printable, in `width` cells; at least one cell wide."""
    return [line.plain.rstrip() for line in Content(printable(text)).wrap(max(1, width))]
