"""Theme files: twelve colours by what they mean, in TOML; the name of the file is the name of the theme.

title = "Dark"
dark = true
[colors]
background = "#11151a"
…
"""

from __future__ import annotations

import difflib
import re
import tomllib
from pathlib import Path
from typing import Any

from textual.color import Color, ColorParseError
from textual.theme import Theme

from calibtui.core.errors import ConfigurationError

COLORS = {
    "background": "behind everything",
    "surface": "behind dialogs and notifications",
    "panel": "behind the header, the footer and what the mouse is over",
    "cursor": "behind the row or the tab that one is on",
    "track": "the empty part of a bar",
    "text": "text and numbers",
    "muted": "labels, units, what matters less",
    "faint": "rules and borders; no text",
    "accent": "what runs, keys, titles",
    "good": "done",
    "warn": "paused, outdated, a budget that nears its cap",
    "bad": "failed, a budget at its cap",
}
TEXTS = ("text", "muted", "accent", "good", "warn", "bad")
GROUNDS = ("background", "surface", "panel", "cursor")
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")


def theme_files(packaged: Path, config: Path) -> dict[str, Path]:
    """Theme name → file: those that came with the package, then a user's own, which win."""
    files = [*sorted(packaged.glob("*.toml")), *sorted((config / "themes").glob("*.toml"))]
    return {file.stem: file for file in files if _NAME.fullmatch(file.stem)}


def read_theme(file: Path) -> Theme:
    """The theme in a file. Raises ConfigurationError naming the file and the key."""
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"{file} can't be read: {error}.", "The theme stays as it is.") from error
    _check_keys(file, document, ("title", "dark", "ansi", "colors"))
    colors = document.get("colors")
    if not isinstance(colors, dict):
        raise ConfigurationError(f"{file} has no table [colors].", f"It needs {', '.join(COLORS)}.")
    _check_keys(file, colors, tuple(COLORS))
    dark, ansi = (_flag(file, document, key, otherwise) for key, otherwise in (("dark", True), ("ansi", False)))
    return _theme(file.stem, {key: _color(file, colors, key) for key in COLORS}, dark, ansi)


def _check_keys(file: Path, table: dict[str, Any], known: tuple[str, ...]) -> None:
    for key in table:
        if key not in known:
            near = difflib.get_close_matches(key, known, 1)
            hint = f"Did you mean {near[0]!r}?" if near else f"The keys are {', '.join(known)}."
            raise ConfigurationError(f"{file}: there is no key {key!r}.", hint)


def _flag(file: Path, document: dict[str, Any], key: str, otherwise: bool) -> bool:
    value = document.get(key, otherwise)
    if not isinstance(value, bool):
        raise ConfigurationError(f"{file}: {key} is not true or false.", f"Write {key} = true.")
    return value


def _color(file: Path, colors: dict[str, Any], key: str) -> str:
    value = colors.get(key)
    if not isinstance(value, str):
        raise ConfigurationError(f"{file}: the colour {key!r} is missing.", f"It is {COLORS[key]}.")
    try:
        Color.parse(value)
    except ColorParseError as error:
        raise ConfigurationError(f"{file}: {key} = {value!r} is not a colour.", 'Write it as "#aabbcc".') from error
    return value


def _theme(name: str, colors: dict[str, str], dark: bool, ansi: bool) -> Theme:
    text, accent, faint, cursor = (colors[key] for key in ("text", "accent", "faint", "cursor"))
    return Theme(
        name=name,
        primary=accent,
        secondary=accent,
        accent=accent,
        warning=colors["warn"],
        error=colors["bad"],
        success=colors["good"],
        foreground=text,
        background=colors["background"],
        surface=colors["surface"],
        panel=colors["panel"],
        boost=colors["panel"],
        dark=dark,
        ansi=ansi,
        variables=_variables(colors, text, accent, faint, cursor),
    )


def _variables(colors: dict[str, str], text: str, accent: str, faint: str, cursor: str) -> dict[str, str]:
    """Textual's own widgets (the palette, inputs, notifications) in the same few colours."""
    same = {key: colors[key] for key in ("muted", "faint", "good", "warn", "bad", "cursor", "track")}
    muted, background, panel = colors["muted"], colors["background"], colors["panel"]
    return same | {
        "text": text,
        "text-muted": muted,
        "text-disabled": muted,
        "foreground-muted": muted,
        "foreground-disabled": muted,
        "text-primary": accent,
        "text-secondary": accent,
        "text-accent": accent,
        "text-success": colors["good"],
        "text-warning": colors["warn"],
        "text-error": colors["bad"],
        "border": accent,
        "border-blurred": faint,
        "block-cursor-foreground": text,
        "block-cursor-background": cursor,
        "block-cursor-blurred-foreground": text,
        "block-cursor-blurred-background": panel,
        "block-hover-background": panel,
        "input-cursor-background": text,
        "input-cursor-foreground": background,
        "input-selection-background": cursor,
        "input-selection-foreground": text,
        "screen-selection-background": cursor,
        "screen-selection-foreground": text,
        "scrollbar": faint,
        "scrollbar-hover": muted,
        "scrollbar-active": accent,
        "scrollbar-background": background,
        "scrollbar-background-hover": background,
        "scrollbar-background-active": background,
        "scrollbar-corner-color": background,
        "panel-lighten-1": colors["surface"],
        "ansi-background": background,
        "ansi-foreground": text,
        "surface-lighten-1": panel,
    }
