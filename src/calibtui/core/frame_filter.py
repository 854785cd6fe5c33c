"""The small language that frames are filtered in, such as `score>80 class:scratch -selected reason:glare|blur`.

Terms are parted by spaces and must all hold; `-` before one means that it must not. A term is

* a flag: one of FLAGS;
* a number's name, a comparison and a number: `score>80`, `objects<=3`, `score:60..80`, `objects:none`;
* a text's name, a colon and a text: `class:scratch`, `reason:"lens flare"`, `path:line3`; `*` stands for anything;
* any other word, which must occur in the frame's path.

`|` parts alternatives of a value. `score` is the difficulty × 100. Case doesn't matter. A quoted word means itself.
"""

from __future__ import annotations

import difflib
import math
import re
from dataclasses import dataclass

from calibtui.core.errors import ConfigurationError

FLAGS: dict[str, str] = {
    "selected": "in the draft set as it stands",
    "picked": "marked: picked by hand",
    "dropped": "marked: dropped by hand",
    "pinned": "marked: in every set",
    "excluded": "marked: in no set",
    "marked": "has any mark",
    "scored": "has a difficulty",
    "failed": "could not be read or scored",
    "exact": "its answer was stored already",
    "similar": "took its score over from a frame that shows the same",
    "annotated": "the pool's annotations name it",
}
NUMBERS: dict[str, str] = {
    "score": "difficulty × 100",
    "spread": "largest difference between its passes × 100",
    "objects": "annotated objects",
    "classes": "different annotated classes",
    "width": "px",
    "height": "px",
}
TEXTS: dict[str, str] = {
    "path": "part of its path",
    "class": "an annotated class, by its whole name",
    "reason": "part of a reason the judge gave",
    "digest": "the beginning of its digest",
}

LONGEST = 2000
MOST_TERMS = 64

_TOKEN = re.compile(r'(?P<minus>-?)(?P<name>[^\s:<>="|]+)(?P<operator>:|<=|>=|<|>|=)(?P<value>.*)', re.DOTALL)
_NUMBER = re.compile(r"[+-]?(\d{1,12}(\.\d{0,12})?|\.\d{1,12})")
_OPERATORS = (":", "<=", ">=", "<", ">", "=")


class FilterError(ConfigurationError):
    """A filter that says nothing a frame can be tested for: `term` at `position`, counted from 0, is what is wrong."""

    def __init__(self, problem: str, hint: str, term: str, position: int) -> None:
        super().__init__(f"{problem} (character {position + 1})", hint)
        self.term = term
        self.position = position


@dataclass(frozen=True, slots=True)
class Flag:
    """`name` is one of FLAGS."""

    name: str


@dataclass(frozen=True, slots=True)
class Span:
    """The numbers from `low` to `high`; an open end doesn't belong to it."""

    low: float = -math.inf
    high: float = math.inf
    low_open: bool = False
    high_open: bool = False


@dataclass(frozen=True, slots=True)
class Number:
    """`name`, one of NUMBERS, lies in any of `spans`, or is unknown or 0 where `none`."""

    name: str
    spans: tuple[Span, ...]
    none: bool = False


@dataclass(frozen=True, slots=True)
class Text:
    """`name`, one of TEXTS, fits any of `values`, which are casefolded."""

    name: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Term:
    """`negated`: must not hold. `position`: where it begins in the filter, counted from 0."""

    test: Flag | Number | Text
    negated: bool
    position: int


FrameFilter = tuple[Term, ...]
"""Terms that must all hold; empty: every frame passes."""


def parse_filter(text: str) -> FrameFilter:
    """The filter that `text` says. Raises FilterError, and nothing else, for one that can't be understood."""
    if len(text) > LONGEST:
        raise FilterError(f"A filter has at most {LONGEST} characters.", "Say it shorter.", text[:20], LONGEST)
    terms = tuple(_term(token, position) for token, position in _tokens(text))
    if len(terms) > MOST_TERMS:
        last = terms[MOST_TERMS]
        raise FilterError(f"A filter has at most {MOST_TERMS} terms.", "Join alternatives by |.", "", last.position)
    return terms


def _tokens(text: str) -> list[tuple[str, int]]:
    """(term, position); spaces between quotes belong to the term. Raises FilterError for a quote that isn't closed."""
    tokens: list[tuple[str, int]] = []
    begin: int | None = None
    quote: int | None = None
    for place, character in enumerate(text):
        if character == '"':
            quote = place if quote is None else None
        if begin is None and not character.isspace():
            begin = place
        elif begin is not None and quote is None and character.isspace():
            tokens.append((text[begin:place], begin))
            begin = None
    if quote is not None:
        raise FilterError("A quote is never closed.", 'Write another " where the text ends.', text[quote:], quote)
    if begin is not None:
        tokens.append((text[begin:], begin))
    return tokens


def _term(token: str, position: int) -> Term:
    match = _TOKEN.fullmatch(token)
    if match is None:
        return _word(token, position)
    name, operator, value = match["name"].casefold(), match["operator"], match["value"]
    negated = bool(match["minus"])
    at = position + match.start("value")
    if name in NUMBERS:
        return Term(_number(name, operator, value, at), negated, position)
    if name in FLAGS:
        raise FilterError(f"{name} takes no value.", f"Write {name}, or -{name} for the others.", token, position)
    if name not in TEXTS:
        raise _unknown(match["name"], token, position)
    if operator not in (":", "="):
        hint = f"Write {name}:… ; these can be compared: {', '.join(NUMBERS)}."
        raise FilterError(f"{name} is a text, which {operator} can't compare.", hint, token, position)
    return Term(Text(name, _texts(name, value, at)), negated, position)


def _word(token: str, position: int) -> Term:
    negated = token.startswith("-")
    word = token[1:] if negated else token
    if word and word[0] in "<>=:":
        hint = f"Write a name before it: {', '.join((*NUMBERS, *TEXTS))}; or put the word in quotes."
        raise FilterError(f"{word[:20]} compares nothing.", hint, token, position)
    if word.casefold() in FLAGS:
        return Term(Flag(word.casefold()), negated, position)
    return Term(Text("path", _texts("path", word, position + negated)), negated, position)


def _texts(name: str, value: str, position: int) -> tuple[str, ...]:
    texts = tuple(part.replace('"', "").casefold() for part in _alternatives(value))
    if not all(texts):
        example = {"class": "class:scratch", "reason": "reason:glare", "digest": "digest:3fa9"}.get(name, "path:line3")
        raise FilterError(f"A text is missing for {name}.", f"For example {example}.", value, position)
    return texts


def _alternatives(value: str) -> list[str]:
    """Parts between the `|` that aren't in quotes."""
    parts, quoted = [""], False
    for character in value:
        quoted ^= character == '"'
        if character == "|" and not quoted:
            parts.append("")
        else:
            parts[-1] += character
    return parts


def _number(name: str, operator: str, value: str, position: int) -> Number:
    alternatives = [part.replace('"', "").casefold() for part in _alternatives(value)]
    if operator in (":", "="):
        spans = tuple(_span(name, part, position) for part in alternatives if part != "none")
        return Number(name, spans, "none" in alternatives)
    if len(alternatives) > 1:
        hint = f"Write {name}:60..80|90..100 for alternatives."
        raise FilterError(f"{operator} compares with one number.", hint, value, position)
    bound = _float(name, alternatives[0], position)
    if operator.startswith(">"):
        return Number(name, (Span(low=bound, low_open=operator == ">"),))
    return Number(name, (Span(high=bound, high_open=operator == "<"),))


def _span(name: str, text: str, position: int) -> Span:
    """`60..80`, `60..`, `..80`, or a single number: for a score, all that are shown as it."""
    low, dots, high = text.partition("..")
    if dots and (low or high):
        ends = (
            _float(name, low, position) if low else -math.inf,
            _float(name, high, position) if high else math.inf,
        )
        if ends[0] > ends[1]:
            raise FilterError(f"{text} has no number in it.", f"Write {high}..{low}.", text, position)
        return Span(*ends)
    value = _float(name, text, position)
    half = 0.5 if name in ("score", "spread") and value == int(value) else 0.0
    return Span(value - half, value + half, high_open=half > 0)


def _float(name: str, text: str, position: int) -> float:
    if not _NUMBER.fullmatch(text) or not text.isascii():
        wrong = f"{text[:40]!r} is no number." if text else f"A number is missing for {name}."
        raise FilterError(wrong, f"For example {name}>80, {name}:60..80 or {name}:none.", text, position)
    return float(text)


def _unknown(name: str, token: str, position: int) -> FilterError:
    known = (*NUMBERS, *TEXTS, *FLAGS)
    near = difflib.get_close_matches(name[:40].casefold(), known, n=1, cutoff=0.5)
    hint = f"Did you mean {near[0]}?" if near else f"There are {', '.join((*NUMBERS, *TEXTS))}."
    return FilterError(
        f"Frames have no {name[:40]}.", f"{hint} A word in quotes is looked for in paths.", token, position
    )
