"""HTML and SVG elements that can't be broken out of: every string is made plain and escaped, unless it is markup
already."""

from __future__ import annotations

import html
from collections.abc import Iterable

from calibtui.report.plain_text import plain

ATTRIBUTE_LIMIT = 64 * 1024
_VOID = frozenset({"img", "meta"})


class Markup(str):
    """Text that is HTML."""

    __slots__ = ()


Child = str | None | Iterable["Child"]


def el(tag: str, *children: Child, **attributes: str | float | None) -> Markup:
    """An element. A child that is None is left out, a list is spliced in. In an attribute's name a trailing
    underscore is dropped and the others become hyphens (`class_`, `aria_hidden`); one that is None is left out."""
    written = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{_attribute(value)}"'
        for name, value in attributes.items()
        if value is not None
    )
    if tag in _VOID:
        return Markup(f"<{tag}{written}>")
    return Markup(f"<{tag}{written}>{joined(children)}</{tag}>")


def joined(children: Iterable[Child]) -> Markup:
    """The children one after the other."""
    return Markup("".join(_written(child) for child in children))


def _written(child: Child) -> str:
    if child is None:
        return ""
    if isinstance(child, Markup):
        return child
    if isinstance(child, str):
        return html.escape(plain(child))
    return joined(child)


def _attribute(value: str | float) -> str:
    text = value if isinstance(value, str) else f"{value:.2f}".rstrip("0").rstrip(".")
    return html.escape(plain(text, ATTRIBUTE_LIMIT))
