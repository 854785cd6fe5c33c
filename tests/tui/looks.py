"""What a screen looks like, as small text files: its characters, and beside them a letter a run of cells in a
colour."""

from __future__ import annotations

import difflib
import os
import string
from itertools import groupby
from pathlib import Path

from rich.style import Style
from textual.app import App

LOOKS = Path(__file__).parent / "looks"
UPDATE = "CALIBTUI_UPDATE_LOOKS"


def cells(app: App) -> list[list[tuple[str, Style | None]]]:
    """Every character on the screen with its style, line by line, dialogs included."""
    lines = []
    for strip in app.screen._compositor.render_strips():
        lines.append([(character, segment.style) for segment in strip for character in segment.text])
    return lines


def text(app: App) -> str:
    """The characters on the screen, without blanks at the ends of lines."""
    return "\n".join("".join(character for character, _ in line).rstrip() for line in cells(app))


def colours(app: App) -> str:
    """Per line the runs of equal style, such as "3a 77b"; the legend says what the letters are."""
    letters: dict[str, str] = {}
    rows = []
    for line in cells(app):
        runs = ((key, len(list(group))) for key, group in groupby(_look(style) for _, style in line))
        rows.append(" ".join(f"{length}{_letter(letters, key)}" for key, length in runs))
    legend = [f"{letter} {look}" for look, letter in letters.items()]
    return "\n".join([*legend, "", *rows])


def _letter(letters: dict[str, str], look: str) -> str:
    return letters.setdefault(look, (string.ascii_letters + "αβγδεζηθικλμνξοπρστυφχψω")[len(letters)])


def _look(style: Style | None) -> str:
    if style is None:
        return "nothing"
    color, ground = (("-" if each is None else each.name) for each in (style.color, style.bgcolor))
    marks = [name for name in ("bold", "dim", "italic", "underline", "reverse", "strike") if getattr(style, name)]
    return " ".join([color, "on", ground, *marks])


def assert_looks(app: App, name: str) -> None:
    """The screen looks as tests/tui/looks says for this name, size and theme.

    With CALIBTUI_UPDATE_LOOKS=1 in the environment the files are written instead: look at them, then commit them.
    """
    place = f"{name}-{app.size.width}x{app.size.height}"
    for file, actual in ((f"{place}.txt", text(app)), (f"{place}-{app.theme}.colours", colours(app))):
        path = LOOKS / file
        if os.environ.get(UPDATE):
            LOOKS.mkdir(exist_ok=True)
            path.write_text(actual + "\n", encoding="utf-8")
            continue
        assert path.is_file(), f"{path.name} is missing: run once with {UPDATE}=1, look at it, commit it"
        expected = path.read_text(encoding="utf-8").rstrip("\n").split("\n")
        found = actual.rstrip("\n").split("\n")
        assert expected == found, "\n" + "\n".join(difflib.unified_diff(expected, found, str(path), "now", lineterm=""))
