"""The difficulty that a model means, over all the numbers it might have said, instead of the one it happened to say.

A reply with log-probabilities tells, at each of its tokens, the likeliest alternatives there. The expectation over
those that are numbers moves in steps far finer than the rubric's, so that fewer frames tie (G-Eval, Liu et al., 2023,
weighs scores in this way). What is approximate: alternatives beyond those told are left out, and where a number is of
several tokens the digits after an alternative that was not chosen are taken to be, on average, those after the chosen
one.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from calibtui.gateway.dialects.dialect import TokenChoice

LEAST_MASS = 0.5
"""Where the alternatives that are numbers hold less than this of the probability, the number said stands."""
_NUMBER = re.compile(r'"difficulty"\s*:\s*(\d{1,3}(?:\.\d{1,6})?)(?![\d.])')
_PIECE = re.compile(r"^(\d*\.?\d*)(.*)$", re.DOTALL)


@dataclass(frozen=True, slots=True)
class _Place:
    """A token that holds a part of the number: the digits of the chosen one, and of each alternative with its
    probability. `ends`: the number can't go on after that alternative."""

    chosen: str
    options: tuple[tuple[str, bool, float], ...]


def expected_difficulty(tokens: Sequence[TokenChoice], said: float, scale: int) -> float:
    """The expectation, in [0, 1]; `said`, the difficulty of the reply's text, where the tokens don't tell one: there
    are none, they spell another number, the number is on the other scale than `scale`, or too little is known."""
    text = "".join(token.token for token in tokens)
    found = list(_NUMBER.finditer(text))
    if len(found) != 1 or not math.isclose(float(found[0][1]) / scale, said, abs_tol=1e-9):
        return said
    places = _places(tokens, found[0].start(1), found[0].end(1))
    if places is None:
        return said
    expected = _expected(places, "", scale)
    return said if expected is None else min(1.0, max(0.0, expected / scale))


def _places(tokens: Sequence[TokenChoice], start: int, end: int) -> list[_Place] | None:
    """The tokens that overlap text[start:end], and the one after it, whose alternatives may be further digits."""
    places: list[_Place] = []
    at = 0
    for token in tokens:
        begins, at = at, at + len(token.token)
        if at <= start:
            continue
        lead = token.token[: max(0, start - begins)]
        chosen, over = _piece(token.token[len(lead) :])
        places.append(_Place(chosen, _options(token, lead)))
        if over or begins >= end:
            return places
    return places or None


def _piece(text: str) -> tuple[str, bool]:
    """The digits that `text` begins with, and whether something else follows them."""
    match = _PIECE.match(text)
    assert match is not None
    return match[1], bool(match[2]) or not match[1]


def _options(token: TokenChoice, lead: str) -> tuple[tuple[str, bool, float], ...]:
    """Alternatives that begin as the chosen token does, blanks aside; the chosen one is always among them."""
    told = dict(token.top)
    told.setdefault(token.token, token.logprob)
    made = []
    for text, logprob in told.items():
        if text != token.token and lead.strip() and not text.startswith(lead):
            continue
        rest = text[len(lead) :] if lead and text.startswith(lead) else text.lstrip()
        digits, over = _piece(rest)
        made.append((digits, over, math.exp(min(logprob, 0.0))))
    return tuple(made)


def _expected(places: Sequence[_Place], prefix: str, scale: int) -> float | None:
    """The expectation of the number that begins with `prefix` and goes on at the first of `places`."""
    if not places:
        return _value(prefix, scale)
    place, later = places[0], places[1:]
    as_said = prefix + place.chosen
    rest = "".join(one.chosen for one in later)
    after = _expected(later, as_said, scale) if place.chosen else _value(prefix, scale)
    weighted = mass = 0.0
    for digits, over, probability in place.options:
        value = _option_value(prefix, digits, over, (as_said, rest, after), scale)
        if value is not None:
            weighted += probability * value
            mass += probability
    return weighted / mass if mass >= LEAST_MASS else None


def _option_value(
    prefix: str, digits: str, over: bool, said: tuple[str, str, float | None], scale: int
) -> float | None:
    as_said, rest, after = said
    if not digits:
        return _value(prefix, scale) if prefix else None
    if prefix + digits == as_said and after is not None:
        return after
    same_length = len(prefix + digits) == len(as_said)
    if over or not same_length or not rest or after is None:
        return _value(prefix + digits, scale)
    # As long as the chosen one, so what follows it is taken to be what follows that, on average.
    moved, stayed = _value(prefix + digits + rest, scale), _value(as_said + rest, scale)
    return None if moved is None or stayed is None else after + moved - stayed


def _value(text: str, scale: int) -> float | None:
    """None for what is no number on the scale."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 <= value <= scale else None
