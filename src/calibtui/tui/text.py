"""Text of unknown origin on a screen: file names, replies, engine messages. It is never markup."""

from __future__ import annotations

from rich.cells import cell_len, set_cell_size
from textual.content import Content

from calibtui.core.text import one_line, printable


def plain(text: str) -> Content:
    """`text` for a widget that takes content: control characters as escapes, brackets as brackets."""
    return Content(printable(text))


def shown(text: str) -> str:
    """`text` as one line without control characters."""
    return text if text.isprintable() else one_line(text)


def cut(text: str, width: int) -> str:
    """The beginning of `text` in `width` cells, the last of them "…" where something is missing."""
    text = shown(text)
    if cell_len(text) <= width:
        return text
    return set_cell_size(text, width - 1).rstrip() + "…" if width > 1 else "…"[:width]


def cut_path(path: str, width: int) -> str:
    """The end of `path` in `width` cells: of a path that is too long, its last names tell more than its first."""
    path = shown(path)
    if cell_len(path) <= width:
        return path
    if width < 2:
        return "…"[:width]
    kept = path[-(width - 1) :]
    while cell_len(kept) > width - 1:
        kept = kept[1:]
    return "…" + kept


def padded(text: str, width: int) -> str:
    """`text` cut or filled to exactly `width` cells, left-aligned."""
    return set_cell_size(cut(text, width), width)


def right(text: str, width: int) -> str:
    """`text` cut or filled to exactly `width` cells, right-aligned, as numbers are."""
    text = cut(text, width)
    return " " * (width - cell_len(text)) + text
