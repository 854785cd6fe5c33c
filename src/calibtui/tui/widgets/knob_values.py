"""Values of knobs: how they are shown, typed and stepped. A value is JSON text, as it crosses the wire."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from calibtui.core.text import one_line
from calibtui.engine.wire.sets import Knob

NOTHING = "not set"


class UnusableValueError(ValueError):
    """What was typed can't be the knob's value; the message says what can."""


def parsed(text: str) -> Any:
    """The value of JSON text; text that is no JSON stands for itself."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def shown(text: str) -> str:
    """A value for people: no quotes, no braces, "yes" and "no"."""
    return _words(parsed(text))


def _words(value: Any) -> str:
    if value is None or value in ([], ""):
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(_words, value))
    return one_line(str(value))


def choice_values(knob: Knob) -> tuple[str, ...]:
    """The JSON text of each choice; a knob that is true or false always has these two."""
    if not knob.choices and isinstance(parsed(knob.value), bool):
        return ("false", "true")
    return tuple(name if _is_json(name) else json.dumps(name) for name, _ in knob.choices)


def choice_meaning(knob: Knob, value: str) -> str:
    """The sentence of the choice that `value` is, "" where it has none."""
    for (_, sentence), choice in zip(knob.choices, choice_values(knob), strict=False):
        if parsed(choice) == parsed(value):
            return sentence
    return ""


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def stepped(knob: Knob, value: str, by: int) -> str | None:
    """The value `by` steps (1 or −1) on; None where there is none.

    Choices go round; a whole number steps by an eighth of its power of two and lands on multiples of it, so 512 → 576
    and
    5 → 6; another number by one unit of its last decimal.
    """
    choices = choice_values(knob)
    if choices:
        return _next_choice(choices, value, by)
    number = parsed(value)
    if isinstance(number, bool) or not isinstance(number, int | float):
        return None
    after = _next_whole(number, by) if isinstance(number, int) else _next_decimal(number, by)
    low = -math.inf if knob.low is None else knob.low
    high = math.inf if knob.high is None else knob.high
    bounded = min(max(after, low), high)
    after = int(bounded) if isinstance(number, int) else bounded
    return None if after == number else json.dumps(after)


def _next_choice(choices: Sequence[str], value: str, by: int) -> str | None:
    values = [parsed(choice) for choice in choices]
    now = parsed(value)
    place = values.index(now) + by if now in values else (0 if by > 0 else -1)
    after = choices[place % len(choices)]
    return None if parsed(after) == now else after


def _next_whole(number: int, by: int) -> int:
    step = 1 << max(0, abs(number).bit_length() - 4)
    if by < 0 and abs(number) & (abs(number) - 1) == 0:
        step = max(1, step // 2)
    return (number // step + 1) * step if by > 0 else (-(-number // step) - 1) * step


def _next_decimal(number: float, by: int) -> float:
    exact = Decimal(repr(number))
    unit = Decimal(1).scaleb(min(-1, int(exact.as_tuple().exponent)))
    return float(exact + by * unit)


def typed(knob: Knob, text: str) -> str:
    """The JSON text of what was typed. Raises UnusableValueError with a sentence where it can't be the knob's value."""
    text = text.strip()
    choices = choice_values(knob)
    if choices:
        return _typed_choice(knob, choices, text)
    if text in ("", NOTHING):
        return "[]" if _is_list(knob) else "null"
    if _is_list(knob):
        return _typed_list(text)
    if _is_number(knob):
        return _typed_number(knob, text)
    return text if _is_json(text) else json.dumps(text)


def _typed_choice(knob: Knob, choices: Sequence[str], text: str) -> str:
    for choice in choices:
        if text in (choice, shown(choice)):
            return choice
    raise UnusableValueError(f"{knob.title} is one of: {', '.join(map(shown, choices))}.")


def _is_list(knob: Knob) -> bool:
    return isinstance(parsed(knob.value), list) or isinstance(parsed(knob.written), list)


def _is_number(knob: Knob) -> bool:
    values = (parsed(knob.value), parsed(knob.written))
    numbers = any(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
    return numbers or knob.low is not None or knob.high is not None


def _typed_list(text: str) -> str:
    value = parsed(text)
    if isinstance(value, list):
        return json.dumps(value)
    return json.dumps([part.strip() for part in text.split(",") if part.strip()])


def _typed_number(knob: Knob, text: str) -> str:
    number = parsed(text.replace(",", ""))
    if isinstance(number, bool) or not isinstance(number, int | float) or not math.isfinite(number):
        raise UnusableValueError(f"{knob.title} is a number, and “{one_line(text)}” is none.")
    if knob.low is not None and number < knob.low:
        raise UnusableValueError(f"{knob.title} is at least {knob.low:g}.")
    if knob.high is not None and number > knob.high:
        raise UnusableValueError(f"{knob.title} is at most {knob.high:g}.")
    return json.dumps(number)
