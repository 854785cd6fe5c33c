"""What of a value may stand in a log line: no secret, nothing that a terminal obeys, and not much of it.

Field values are quoted from replies, headers and addresses that others wrote, so everything is masked and bounded here,
in the one place that every line passes through.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from calibtui.gateway.money.virtual_keys import PREFIX
from calibtui.gateway.secrets import MASK

LONGEST = 1000
"""Characters of one text."""
MOST_ITEMS = 50
DEEPEST = 4

_SECRET_NAME = re.compile(
    r"(?:authorization|cookie|password|passwd|secret|credentials?|token|apikey|signature|(?:^|[-_.\s])(?:vk|key))$",
    re.IGNORECASE,
)
_PLAIN_NAME = re.compile(r"^(?:cache|score|budget|stage|virtual)[-_]key$", re.IGNORECASE)
_IN_QUERY = re.compile(
    r"([?&;](?:[a-z0-9_.\-]*(?:key|token|secret|signature|credential|password)|sig|auth|code)=)[^&;#\s\"'<>]+",
    re.IGNORECASE,
)
_IN_HEADER = re.compile(
    r"\b((?:proxy-)?authorization|(?:set-)?cookie|x-[a-z0-9\-]*(?:key|token|vk|secret|auth)|api[-_]?key)"
    r"([\"']?\s*[:=]\s*[\"']?)(?:(?:basic|bearer|digest|token)\s+)?[^\s\"',;}]+",
    re.IGNORECASE,
)
_OUR_KEY = re.compile(rf"{PREFIX}[A-Za-z0-9_\-]{{8,}}")
_IN_AUTHORITY = re.compile(r"(\b[a-z][a-z0-9+.\-]{0,20}://)[^/@\s\"'<>]+@", re.IGNORECASE)


def line_of(fields: Mapping[str, Any], redact: Callable[[str], str]) -> str:
    """One line of JSON, ASCII alone: every control character and everything beyond ASCII is a \\u escape."""
    text = json.dumps(_mapping(fields, redact, 0), ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("\x7f", "\\u007f")


def masked(text: str, redact: Callable[[str], str]) -> str:
    """`text` without what `redact` knows, and without keys in addresses, headers and queries; at most LONGEST
    characters."""
    # Masking comes before the cut, so that a key isn't cut into something unrecognisable. What is
    # examined is bounded first: the masks' patterns take time beyond proportion over text that never ends.
    examined = text[: 2 * LONGEST]
    for pattern, kept in ((_IN_AUTHORITY, rf"\1{MASK}@"), (_IN_QUERY, rf"\1{MASK}"), (_IN_HEADER, rf"\1\2{MASK}")):
        examined = pattern.sub(kept, examined)
    clean = redact(_OUR_KEY.sub(MASK, examined))
    return clean if len(clean) <= LONGEST and len(text) <= 2 * LONGEST else clean[:LONGEST] + "…"


def _mapping(fields: Mapping[str, Any], redact: Callable[[str], str], depth: int) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for name, value in list(fields.items())[:MOST_ITEMS]:
        hidden = not isinstance(value, int | float | None) and _is_secret(str(name))
        kept[masked(str(name), redact)] = MASK if hidden else _value(value, redact, depth + 1)
    return kept


def _value(value: Any, redact: Callable[[str], str], depth: int) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if abs(value) < 1 << 63 else masked(str(value), redact)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, bytes):
        return masked(value[: 2 * LONGEST].decode("utf-8", "replace"), redact)
    if depth < DEEPEST and isinstance(value, Mapping):
        return _mapping(value, redact, depth)
    if depth < DEEPEST and isinstance(value, Iterable) and not isinstance(value, str):
        return [_value(item, redact, depth + 1) for item in list(value)[:MOST_ITEMS]]
    return masked(str(value), redact)


def _is_secret(name: str) -> bool:
    return bool(_SECRET_NAME.search(name)) and not _PLAIN_NAME.match(name)
