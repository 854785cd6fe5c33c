"""Text of unknown origin (file names, replies, error messages) made safe to show."""

from __future__ import annotations


def printable(text: str) -> str:
    """`text` with control characters and lone surrogates shown as escapes; line ends stay."""
    return "".join(character if character == "\n" else _shown(character) for character in text)


def one_line(text: str) -> str:
    """`printable`, with line ends shown as escapes too."""
    return "".join(map(_shown, text))


def _shown(character: str) -> str:
    if character.isprintable() and not 0xD800 <= ord(character) <= 0xDFFF:
        return character
    return ascii(character)[1:-1]
