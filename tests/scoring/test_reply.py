"""A reply is a verdict or an error, never a guess."""

from __future__ import annotations

import json

import pytest

from calibtui.scoring.reply import MAX_REPLY_CHARS, ReplyError, Verdict, parse_reply

FENCE = "`" * 3
GOOD = '{"difficulty": 62, "reasons": ["blur", "small objects"]}'
VERDICT = Verdict(0.62, ("blur", "small objects"))


def of(difficulty: str, scale: int = 100) -> float:
    return parse_reply(f'{{"difficulty": {difficulty}, "reasons": []}}', scale).difficulty


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        f"\n  {GOOD}\n",
        '{"reasons": ["blur", "small objects"], "difficulty": 62}',
        f"{FENCE}json\n{GOOD}\n{FENCE}",
        f"{FENCE}\n{GOOD}\n{FENCE}",
        f"Here is my assessment:\n{GOOD}\nLet me know!",
        f"The {{frame}} is hard. {GOOD}",
        f"{GOOD}\n{GOOD}",
        f'First {{"thoughts": {{"x": 1}}}} and then {GOOD}',
    ],
)
def test_the_object_is_found_alone_in_a_fence_and_in_prose(text: str) -> None:
    assert parse_reply(text) == VERDICT


@pytest.mark.parametrize(
    ("written", "scale", "difficulty"),
    [
        ("0", 100, 0.0),
        ("1", 100, 0.01),
        ("42", 100, 0.42),
        ("100", 100, 1.0),
        ("42.5", 100, 0.425),
        ("0.85", 100, 0.85),
        ("0.0", 100, 0.0),
        ("1e1", 100, 0.1),
        ("0", 1, 0.0),
        ("1", 1, 1.0),
        ("1.0", 1, 1.0),
        ("0.42", 1, 0.42),
        ("42", 1, 0.42),
        ("100", 1, 1.0),
    ],
)
def test_the_declared_scale_decides_and_the_form_of_the_number_where_it_can(
    written: str, scale: int, difficulty: float
) -> None:
    assert of(written, scale) == pytest.approx(difficulty, abs=1e-12)


@pytest.mark.parametrize(
    ("written", "scale"),
    [
        ("1.0", 100),
        ("100.5", 100),
        ("101", 100),
        ("7200", 100),
        ("-1", 100),
        ("-0.5", 1),
        ("42.5", 1),
        ("1.5", 1),
        ("1e400", 100),
        ("1" + "0" * 400, 100),
        ("NaN", 100),
        ("Infinity", 100),
        ("true", 100),
        ("null", 100),
        ('"62"', 100),
        ("[62]", 100),
        ("{}", 100),
    ],
)
def test_a_difficulty_on_no_scale_or_on_both_is_refused(written: str, scale: int) -> None:
    with pytest.raises(ReplyError):
        of(written, scale)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "62",
        "I can't help with that.",
        "[]",
        "null",
        GOOD[:30],
        '{"difficulty": 62}',
        '{"reasons": []}',
        '{"difficulty": 62, "reasons": "blur"}',
        '{"difficulty": 62, "reasons": [1]}',
        '{"difficulty": 62, "reasons": [null]}',
        '{"difficulty": 62, "reasons": [], "note": "x"}',
        '{"Difficulty": 62, "Reasons": []}',
        "{'difficulty': 62, 'reasons': []}",
        '{"difficulty": 10, "difficulty": 90, "reasons": []}',
        GOOD + GOOD.replace("62", "80"),
        "{" * 5000,
        '{"a":' * 3000,
        "[" * 10_000,
        '{"difficulty": 62, "reasons": ["\ud800"]}',
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ReplyError):
        parse_reply(text)


def test_a_reply_beyond_the_bound_is_refused_unread() -> None:
    with pytest.raises(ReplyError, match="longer"):
        parse_reply(" " * MAX_REPLY_CHARS + GOOD)


def test_only_the_first_objects_of_a_reply_are_looked_at() -> None:
    with pytest.raises(ReplyError):
        parse_reply("{} " * 1000 + GOOD)


def test_reasons_are_few_short_and_without_control_or_escape_characters() -> None:
    hostile = ["\x1b[31mred\x07", "a\nb\u202ec", "", "  ", "x" * 500, *(f"reason {i}" for i in range(20))]
    reasons = parse_reply(json.dumps({"difficulty": 5, "reasons": hostile})).reasons
    assert len(reasons) == 8
    assert all(0 < len(reason) <= 120 and reason.isprintable() for reason in reasons)
    assert reasons[:2] == ("[31mred", "a b c")


def test_a_reason_given_twice_counts_once() -> None:
    assert parse_reply('{"difficulty": 5, "reasons": ["blur", "blur "]}').reasons == ("blur",)


def test_markup_in_a_reason_is_kept_as_plain_text() -> None:
    assert parse_reply('{"difficulty": 5, "reasons": ["[bold]<b>x</b>"]}').reasons == ("[bold]<b>x</b>",)


def test_the_error_carries_the_beginning_of_the_reply_printable_and_short() -> None:
    with pytest.raises(ReplyError) as caught:
        parse_reply("\x1b]0;title\x07Sorry,\n\n I " + "z" * 5000)
    assert caught.value.beginning.startswith("]0;title Sorry, I zzz")
    assert len(caught.value.beginning) == 200
    assert caught.value.beginning.isprintable()
