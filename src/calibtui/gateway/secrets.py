"""Keys that never show: in a repr, a log line, an error, or an echo of them in somebody else's reply."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import quote

MASK = "[secret]"
SHORTEST = 8
"""A value shorter than this is too common a text to be masked wherever it stands, and no key anyway."""

_KEY_SHAPED = re.compile(r"\b(?:sk|pk|rk|gsk|xai|hf|AIza)[-_]?[A-Za-z0-9_\-.*]{6,}|\bBearer\s+[^\s\"',}]{4,}")
_LITERAL_KEY = re.compile(r"^(?:sk|pk|rk|gsk|xai)-|^(?:hf_|AIza|Bearer\s)")
_LONG_TOKEN = re.compile(r"^[A-Za-z0-9_\-+/=.]{24,}$")


class Secret:
    """A value from the environment; `source` names the variable and is all that ever shows."""

    __slots__ = ("_value", "source")

    def __init__(self, source: str, value: str) -> None:
        self.source = source
        self._value = value

    def reveal(self) -> str:
        """The value, for the one place that puts it on the wire."""
        return self._value

    def __repr__(self) -> str:
        return f"Secret(env:{self.source})"

    def __reduce__(self) -> str:
        raise TypeError("a secret is not pickled")


class Redactor:
    """Masks known secrets, their recognisable pieces and anything shaped like a key in text that others wrote."""

    def __init__(self, secrets: Iterable[Secret]) -> None:
        pieces = sorted({piece for secret in secrets for piece in _pieces(secret.reveal())}, key=len, reverse=True)
        self._known = re.compile("|".join(pieces)) if pieces else None

    def __call__(self, text: str) -> str:
        if self._known is not None:
            text = self._known.sub(MASK, text)
        return _KEY_SHAPED.sub(MASK, text)


def looks_like_a_key(value: str) -> bool:
    """Whether a literal in a settings file is likely a key that belongs into the environment."""
    value = value.strip()
    if _LITERAL_KEY.match(value):
        return True
    mixed = any(c.isdigit() for c in value) and any(c.isalpha() for c in value)
    return bool(_LONG_TOKEN.match(value)) and mixed


def _pieces(value: str) -> list[str]:
    """Patterns for the value as it is, percent-encoded, and cut short after its first or before its last characters."""
    if len(value) < SHORTEST:
        return []
    # Bounded: an endless run before a known end is tried from every character of a hostile text.
    run = r"[A-Za-z0-9_\-.*%+/=]{0,80}"
    encoded = quote(value, safe="")
    return [re.escape(value), re.escape(encoded), re.escape(value[:SHORTEST]) + run, run + re.escape(value[-SHORTEST:])]
