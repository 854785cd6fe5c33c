"""The colours of the page, in a light and a dark scheme.

Text reaches 4.5:1 against every surface it stands on and what a figure is read from reaches 3:1 (WCAG 2.2, 1.4.3
and 1.4.11); rules between rows carry no meaning and are left out of that.
"""

from __future__ import annotations

from collections.abc import Mapping

LIGHT: Mapping[str, str] = {
    "page": "#faf9f6",
    "card": "#ffffff",
    "ink": "#1d2126",
    "quiet": "#5a6068",
    "rule": "#dedbd3",
    "float": "#828993",
    "int8": "#0f6a80",
    "worse": "#a8321b",
    "better": "#24693a",
    "caution": "#85560a",
}
DARK: Mapping[str, str] = {
    "page": "#14171a",
    "card": "#1c2024",
    "ink": "#e7e5e0",
    "quiet": "#a4aab2",
    "rule": "#343a41",
    "float": "#7f8791",
    "int8": "#4fb9d1",
    "worse": "#f08a72",
    "better": "#74c78c",
    "caution": "#e0b25c",
}

SURFACES = ("page", "card")
TEXT = ("ink", "quiet", "int8", "worse", "better", "caution")
GRAPHICS = ("float", "int8", "worse", "better", "caution")


def variables(scheme: Mapping[str, str]) -> str:
    """The scheme as CSS custom properties."""
    return "".join(f"--{name}:{colour};" for name, colour in scheme.items())
