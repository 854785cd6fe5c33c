"""The few colours there are, by what they mean. Screens name a role; the theme says how it looks."""

from __future__ import annotations

ROLES = (
    "plain",
    "strong",
    "muted",
    "faint",
    "accent",
    "title",
    "good",
    "warn",
    "bad",
    "here",
    "key",
    "fill",
    "fill-warn",
    "fill-bad",
    "cursor",
)

CLASSES = frozenset(f"line--{role}" for role in ROLES)

CSS = """
    & > .line--plain { color: $foreground; }
    & > .line--strong { color: $foreground; text-style: bold; }
    & > .line--muted { color: $muted; }
    & > .line--faint { color: $faint; }
    & > .line--accent { color: $accent; }
    & > .line--title { color: $accent; text-style: bold; }
    & > .line--good { color: $good; }
    & > .line--warn { color: $warn; }
    & > .line--bad { color: $bad; text-style: bold; }
    & > .line--here { color: $foreground; background: $cursor; text-style: bold; }
    & > .line--key { color: $accent; text-style: bold; }
    & > .line--fill { color: $accent; background: $track; }
    & > .line--fill-warn { color: $warn; background: $track; }
    & > .line--fill-bad { color: $bad; background: $track; }
    & > .line--cursor { color: $foreground; background: $cursor; text-style: bold; }
"""
"""Rules for the component classes, to be put into a widget's own block."""
