"""Text from outside (file names, class names, a model's reasons) made safe to show: one line, no control characters."""

from __future__ import annotations

import unicodedata

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_UNSHOWABLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def plain(text: str, limit: int = 600) -> str:
    """`text` on one line of at most `limit` characters.

    Control and formatting characters (terminal escapes, changes of writing direction, the lone surrogates of a
    file name that is no UTF-8) become a replacement character: left in, they can rewrite what stands beside them.
    A line break or a tab becomes a space. What is too long loses its middle, because both ends of a path tell more
    than its middle.
    """
    bounded = _without_middle(text, limit)
    if bounded.isprintable():
        return bounded
    return "".join(_shown(character) for character in bounded)


def _shown(character: str) -> str:
    if character in "\n\t\r":
        return " "
    return REPLACEMENT if unicodedata.category(character) in _UNSHOWABLE else character


def _without_middle(text: str, limit: int) -> str:
    if len(text) <= limit:
        return text
    head = (limit - 1) // 2
    return f"{text[:head]}…{text[len(text) - (limit - 1 - head) :]}"
