"""The few colours there are, by what they mean. Screens name a role; the theme says how it looks."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from rich.style import Style
from textual.color import Color


class Role(NamedTuple):
    """`ink` and `ground` are variables of the theme; `ground` "" is whatever is behind it."""

    ink: str
    ground: str = ""
    bold: bool = False


LOOKS = {
    "plain": Role("foreground"),
    "strong": Role("foreground", bold=True),
    "muted": Role("muted"),
    "faint": Role("faint"),
    "accent": Role("accent"),
    "title": Role("accent", bold=True),
    "good": Role("good"),
    "warn": Role("warn"),
    "bad": Role("bad", bold=True),
    "here": Role("foreground", "cursor", bold=True),
    "key": Role("accent", bold=True),
    "fill": Role("accent", "track"),
    "fill-warn": Role("warn", "track"),
    "fill-bad": Role("bad", "track"),
    "cursor": Role("foreground", "cursor", bold=True),
}
ROLES = tuple(LOOKS)
REVERSED = ("here", "cursor")
"""In the terminal's own colours there is no ground that surely differs: these are reversed there."""

CLASSES = frozenset(f"line--{role}" for role in ROLES)


def _rule(name: str, role: Role) -> str:
    ground = f" background: ${role.ground};" if role.ground else ""
    bold = " text-style: bold;" if role.bold else ""
    return f"    & > .line--{name} {{ color: ${role.ink};{ground}{bold} }}\n"


CSS = "".join(_rule(name, role) for name, role in LOOKS.items()) + "".join(
    f"    &:ansi > .line--{name} {{ text-style: bold reverse; }}\n" for name in REVERSED
)
"""Rules for the component classes, to be put into a widget's own block."""


def role_styles(variables: Mapping[str, str], ansi: bool) -> dict[str, Style]:
    """Role → what it adds to the style of the widget it is in. `variables` are those of the theme. The same as the
    component classes say, but known without matching rules against nodes, which costs more than drawing."""
    wanted = {name for role in LOOKS.values() for name in (role.ink, role.ground) if name}
    return _styles(tuple(sorted((name, variables[name]) for name in wanted)), ansi)


@lru_cache(maxsize=8)
def _styles(colors: tuple[tuple[str, str], ...], ansi: bool) -> dict[str, Style]:
    rich = {name: Color.parse(value).rich_color for name, value in colors}
    return {
        name: Style(
            color=rich[role.ink],
            bgcolor=rich[role.ground] if role.ground else None,
            bold=role.bold or None,
            reverse=(ansi and name in REVERSED) or None,
        )
        for name, role in LOOKS.items()
    }
