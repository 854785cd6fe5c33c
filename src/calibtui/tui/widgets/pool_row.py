"""One row of the pool as a line of cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from calibtui.engine.wire.frames import FrameLine
from calibtui.tui.text import padded
from calibtui.tui.widgets.path_cells import path_cells, text_cells
from calibtui.tui.widgets.pool_columns import Column, score_bar

GLYPHS = {"": " ", "picked": "●", "dropped": "○", "pinned": "▲", "excluded": "×"}
"""The glyph of each mark; a frame of the draft set without a mark of its own has `CHOSEN`."""

CHOSEN = "•"

MARK_ROLES = {"picked": "good", "dropped": "warn", "pinned": "accent", "excluded": "bad"}

PAINT = {"mark": "muted", "rank": "muted", "score": "accent", "path": "plain", "reasons": "plain"}
"""The role, of `calibtui.tui.palette`, of each column; the others are muted. Neighbours of one role are one run of
cells, which keeps the bytes of a line few."""

LONGEST = 1000
"""Characters of a text of unknown length that are looked at."""

Palette = Mapping[str, Style]


def row_strip(
    line: FrameLine | None, index: int, layout: Sequence[Column], width: int, palette: Palette, look: str = ""
) -> Strip:
    """Row `index`, counted from 0, as a strip of `width` cells. `line` None: it is on its way. `look`: "" or "cursor"
    or "range", for
    the whole line."""
    runs: list[tuple[str, str]] = []
    x = 0
    for column in layout:
        runs.append((" " * (column.x - x), _role(line, PAINT.get(column.name, "muted"), look)))
        text, role = _cell(line, index, column)
        runs.append((text, _role(line, role, look)))
        x = column.end
    runs.append((" " * (width - x), _role(line, "muted", look)))
    return Strip(_joined(runs, palette), width).adjust_cell_length(width)


def note_strip(text: str, width: int, palette: Palette) -> Strip:
    """A line that is no row."""
    return Strip([Segment(padded(f"  {text}", width), palette["muted"])], width)


def glyph(line: FrameLine) -> tuple[str, str]:
    """The mark's glyph and role."""
    if line.mark:
        return GLYPHS.get(line.mark, "?"), MARK_ROLES.get(line.mark, "muted")
    return (CHOSEN, "good") if line.in_set else (" ", "muted")


def score_text(line: FrameLine) -> str:
    """The difficulty of 0 to 100, or why there is none."""
    if line.difficulty is not None:
        return f"{round(100 * line.difficulty):3}"
    return "  !" if line.error else "  ·"


def spread_text(line: FrameLine) -> str:
    """How far the passes lie apart, in points; nothing where they don't, as with a single one."""
    points = round(100 * (line.spread or 0.0))
    return f"±{points}" if points else ""


def bar(fraction: float, width: int) -> str:
    """A thin bar in steps of half a cell, `width` cells long at 1."""
    whole, half = divmod(round(max(0.0, min(1.0, fraction)) * width * 2), 2)
    return ("━" * whole + "╸" * half).ljust(width)


def counted(classes: Sequence[tuple[str, int]]) -> str:
    """Such as "scratch×3 dent"."""
    return " ".join(name if count == 1 else f"{name}×{count}" for name, count in classes)


def _cell(line: FrameLine | None, index: int, column: Column) -> tuple[str, str]:
    if column.name == "rank":
        return f"{index + 1:,}".rjust(column.width)[: column.width], "muted"
    if line is None:
        return padded("·" if column.name == "path" else "", column.width), "muted"
    if column.name == "mark":
        return glyph(line)
    if column.name == "path":
        return path_cells(line.uri, column.width), "plain"
    if column.name == "reasons" and line.error:
        return text_cells(line.error[:LONGEST], column.width), "bad"
    text = _text(line, column)[:LONGEST]
    # Figures are ours, a cell a character; any other text is measured.
    if column.right:
        return text.rjust(column.width)[: column.width], "muted"
    shown = text.ljust(column.width) if column.name == "score" else text_cells(text, column.width)
    return shown, PAINT.get(column.name, "muted")


def _text(line: FrameLine, column: Column) -> str:
    match column.name:
        case "score":
            cells = score_bar(column.width)
            shown = "" if line.difficulty is None else bar(line.difficulty, cells)
            return f"{score_text(line)} {shown}" if cells else score_text(line)
        case "reasons":
            return ", ".join(line.reasons)
        case "classes":
            return counted(line.classes)
        case "spread":
            return spread_text(line)
        case _:
            return f"{line.width}×{line.height}" if line.width else ""


def _role(line: FrameLine | None, role: str, look: str) -> str:
    if look == "cursor":
        return "cursor-score" if role == "accent" else "cursor"
    if look == "range":
        return "range"
    dimmed = line is not None and line.mark == "excluded" and role in ("plain", "accent")
    return "muted" if dimmed else role


def _joined(runs: list[tuple[str, str]], palette: Palette) -> list[Segment]:
    """The runs with neighbours of one role, and blanks between them, put together."""
    segments: list[Segment] = []
    text, role = "", ""
    for piece, wanted in runs:
        if wanted != role and not piece.isspace() and piece and not text.isspace() and text:
            segments.append(Segment(text, palette[role]))
            text = ""
        if not piece.isspace() and piece:
            role = wanted
        text += piece
    if text:
        segments.append(Segment(text, palette[role or "muted"]))
    return segments
