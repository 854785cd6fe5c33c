"""Which series and labels a PromQL expression speaks of. Not a parser: promtool is one, and checks the syntax."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_TOKEN = re.compile(
    r"""(?P<string>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')|(?P<range>\[[^\]]*\])|(?P<number>\d+(?:\.\d+)?\w*)"""
    r"""|(?P<name>[A-Za-z_][A-Za-z0-9_:]*)|(?P<sign>[{}(),]|=~|!~|!=|==|[-+*/<>=^%])"""
)
_GROUPING = {"by", "without", "on", "ignoring", "group_left", "group_right"}
_WORDS = {"and", "or", "unless", "bool", "offset", "inf", "nan"}


@dataclass(slots=True)
class Spoken:
    """`series`: labels matched in braces, by the series' name. `grouped`: labels in by(), on() and the like."""

    series: dict[str, set[str]] = field(default_factory=dict)
    grouped: set[str] = field(default_factory=set)


def spoken_of(expression: str) -> Spoken:
    tokens = [(match.lastgroup, match.group()) for match in _TOKEN.finditer(expression)]
    spoken = Spoken()
    place = 0
    while place < len(tokens):
        kind, text = tokens[place]
        following = tokens[place + 1][1] if place + 1 < len(tokens) else ""
        if kind != "name" or text.lower() in _WORDS:
            place += 1
        elif text.lower() in _GROUPING:
            place, labels = _names_until(tokens, place + 2, ")")
            spoken.grouped |= labels
        elif following == "(":
            place += 1
        elif following == "{":
            place, labels = _names_until(tokens, place + 2, "}")
            spoken.series.setdefault(text, set()).update(labels)
        elif following in _GROUPING:  # an aggregation with its labels before what it aggregates
            place += 1
        else:
            spoken.series.setdefault(text, set())
            place += 1
    return spoken


def _names_until(tokens: list[tuple[str | None, str]], place: int, end: str) -> tuple[int, set[str]]:
    names = set()
    while tokens[place][1] != end:
        if tokens[place][0] == "name":
            names.add(tokens[place][1])
        place += 1
    return place + 1, names
