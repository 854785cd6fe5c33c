"""A judge's reply into a verdict, strictly: it is text from a stranger.

The object is {"difficulty": number, "reasons": [text, ...]} and nothing else; prose around it and a code fence are
tolerated, a second object that says otherwise is not.

Which scale a number is on: the template declares one (100 or 1). A number is read on the other scale only where it has
that scale's own form and can't be on the declared one: under 100 a fraction strictly between 0 and 1 (0.85) is read as
0..1; under 1 a whole number from 2 to 100 is read as 0..100. On the scale of 100 a whole 1 is 1/100, and 1.0, which
may be the top of one scale or nearly the bottom of the other, is refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from calibtui.core.errors import CalibtuiError

MAX_REPLY_CHARS = 16 * 1024
MAX_OBJECTS = 32
MAX_REASONS = 8
MAX_REASON_CHARS = 120
BEGINNING_CHARS = 200
_DIFFICULTY_KEY = re.compile(r'"difficulty"\s*:')


@dataclass(frozen=True, slots=True)
class Verdict:
    """`difficulty` in [0, 1], 1 the hardest."""

    difficulty: float
    reasons: tuple[str, ...]


class ReplyError(CalibtuiError):
    """A reply that is no verdict. `beginning` is its first characters, printable, at most 200."""

    exit_code = 4

    def __init__(self, message: str, text: str) -> None:
        super().__init__(message)
        self.beginning = plain(text, BEGINNING_CHARS)


class _Reply(msgspec.Struct, forbid_unknown_fields=True):
    difficulty: int | float
    reasons: list[str]


_DECODER = msgspec.json.Decoder(_Reply)
_SCANNER = json.JSONDecoder()


def parse_reply(text: str, scale: int = 100) -> Verdict:
    """The verdict in `text`, for a template of `scale` 100 or 1. Raises ReplyError."""
    if len(text) > MAX_REPLY_CHARS:
        raise ReplyError(f"the reply is longer than {MAX_REPLY_CHARS} characters", text)
    stripped = text.strip()
    try:
        reply = _object(stripped)
        if reply is not None:
            return _verdict(reply, scale)
        verdicts = {_verdict(reply, scale) for reply in _embedded(stripped)}
    except ValueError as error:
        raise ReplyError(str(error), text) from error
    if not verdicts:
        raise ReplyError('the reply holds no {"difficulty": …, "reasons": […]}', text)
    if len(verdicts) > 1:
        raise ReplyError("the reply holds several verdicts that differ", text)
    return verdicts.pop()


def plain(text: str, limit: int) -> str:
    """`text` on one line, without control, escape or invisible formatting characters, cut to `limit`."""
    short = text[: limit * 4]
    if not short.isprintable():
        short = "".join(c if c.isprintable() else " " for c in short)
    return " ".join(short.split())[:limit]


def _object(text: str) -> _Reply | None:
    """A text that is exactly one verdict object; None for any other text."""
    try:
        reply = _DECODER.decode(text)
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        return None
    # A decoder keeps the last of two equal keys; which one the model meant nobody knows.
    if len(_DIFFICULTY_KEY.findall(text)) > 1:
        raise ValueError("the reply gives two difficulties")
    return reply


def _embedded(text: str) -> Iterator[_Reply]:
    """Verdict objects inside other text, among the first objects there."""
    position = -1
    for _ in range(MAX_OBJECTS):
        position = text.find("{", position + 1)
        if position < 0:
            return
        try:
            _, end = _SCANNER.raw_decode(text, position)
        except (ValueError, RecursionError):
            continue
        reply = _object(text[position:end])
        if reply is not None:
            yield reply
            position = end - 1


def _verdict(reply: _Reply, scale: int) -> Verdict:
    reasons = (plain(reason, MAX_REASON_CHARS) for reason in reply.reasons)
    kept = tuple(dict.fromkeys(reason for reason in reasons if reason))
    return Verdict(_fraction(reply.difficulty, scale), kept[:MAX_REASONS])


def _fraction(value: int | float, scale: int) -> float:
    if not 0 <= value <= 100:
        raise ValueError(f"the difficulty {value!r} is on no scale of 0 to 100 or 0 to 1"[:120])
    if scale == 100:
        if isinstance(value, float) and value == 1.0:
            raise ValueError("the difficulty 1.0 may be on either scale")
        return float(value) if 0 < value < 1 else value / 100
    if value <= 1:
        return float(value)
    if isinstance(value, int):
        return value / 100
    raise ValueError(f"the difficulty {value} is not on the scale of 0 to 1")
