"""Texts and paths in a number of terminal cells."""

from __future__ import annotations

from rich.cells import cell_len, set_cell_size

from calibtui.tui.text import padded, shown

LONGEST = 4096
"""Characters of a path that are looked at: as long as a path can be, and more than a terminal is wide."""


def text_cells(text: str, width: int) -> str:
    """The beginning of `text` in exactly `width` cells. Control characters are shown as escapes."""
    if text.isascii() and text.isprintable():
        return text.ljust(width) if len(text) <= width else (text[: max(0, width - 1)] + "…")[:width]
    return padded(text, width)


def path_cells(path: str, width: int) -> str:
    """`path` in exactly `width` cells; of one that is too long the middle goes, as its beginning and its file name say
    most, the file name more. Control characters are shown as escapes."""
    path = shown(path[-LONGEST:])
    length = len(path) if path.isascii() else cell_len(path)
    if length <= width:
        return path + " " * (width - length)
    if width < 2:
        return "…"[:width]
    name = cell_len(path[path.rfind("/") + 1 :])
    head = max(0, min((width - 1) // 3, width - 2 - name)) if width >= 24 else 0
    return set_cell_size(path, head) + "…" + _tail(path, width - 1 - head)


def _tail(text: str, width: int) -> str:
    """The last `width` cells of `text`, which is longer; where a wide character would be cut in two, a space."""
    if text.isascii():
        return text[len(text) - width :]
    start, cells = len(text), 0
    while start and cells + cell_len(text[start - 1]) <= width:
        start -= 1
        cells += cell_len(text[start])
    return " " * (width - cells) + text[start:]
