"""Values of knobs as they are shown, typed and stepped."""

from __future__ import annotations

import pytest

from calibtui.engine.wire.sets import Knob
from calibtui.tui.widgets.knob_values import UnusableValueError, choice_meaning, shown, stepped, typed


def knob(value: str, **fields: object) -> Knob:
    return Knob(key="t.k", title="size", meaning="", value=value, written=value, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("value", "words"),
    [('"hardest"', "hardest"), ("true", "yes"), ("false", "no"), ("null", "not set"), ("[]", "not set"),
     ('["a", "b"]', "a, b"), ("99.999", "99.999"), ('"\\u001b[31m"', "\\x1b[31m")],
)  # fmt: skip
def test_a_value_is_shown_in_words_without_quotes_or_control_characters(value: str, words: str) -> None:
    assert shown(value) == words


def test_choices_go_round_in_both_directions() -> None:
    strategy = knob('"b"', choices=(("a", ""), ("b", ""), ("c", "")))
    assert stepped(strategy, '"c"', 1) == '"a"'
    assert stepped(strategy, '"a"', -1) == '"c"'


def test_a_value_that_is_none_of_the_choices_steps_to_the_first_or_the_last() -> None:
    strategy = knob('"z"', choices=(("a", ""), ("b", "")))
    assert stepped(strategy, '"z"', 1) == '"a"'
    assert stepped(strategy, '"z"', -1) == '"b"'


def test_yes_and_no_need_no_written_choices() -> None:
    assert stepped(knob("true"), "true", 1) == "false"
    assert typed(knob("true"), "no") == "false"


@pytest.mark.parametrize(
    ("before", "up", "down"),
    [
        ("512", "576", "480"),
        ("64", "72", "60"),
        ("60", "64", "56"),
        ("5", "6", "4"),
        ("1", "2", "0"),
        ("70", "72", "64"),
    ],
)
def test_whole_numbers_step_by_about_an_eighth_and_land_on_round_ones(before: str, up: str, down: str) -> None:
    assert stepped(knob(before), before, 1) == up
    assert stepped(knob(before), before, -1) == down


def test_other_numbers_step_by_their_last_decimal() -> None:
    assert stepped(knob("99.99"), "99.99", 1) == "100.0"
    assert stepped(knob("99.999"), "99.999", -1) == "99.998"
    assert stepped(knob("0.9"), "0.9", 1) == "1.0"


def test_steps_stop_at_the_bounds() -> None:
    assert stepped(knob("1", low=1), "1", -1) is None
    assert stepped(knob("0.95", low=0, high=1), "1.0", 1) is None
    assert stepped(knob("510", high=512), "510", 1) == "512"


def test_what_has_no_next_value_has_to_be_typed() -> None:
    assert stepped(knob("null"), "null", 1) is None
    assert stepped(knob('["a"]'), '["a"]', 1) is None


def test_lists_are_typed_with_commas_or_as_json() -> None:
    assert typed(knob("[]"), " a.jpg,  b.jpg ") == '["a.jpg", "b.jpg"]'
    assert typed(knob("[]"), '["a,b"]') == '["a,b"]'
    assert typed(knob('["a"]'), "") == "[]"


def test_nothing_typed_takes_the_value_away() -> None:
    assert typed(knob("0.6"), "") == "null"


@pytest.mark.parametrize("text", ["many", "nan", "true", "0", "101"])
def test_numbers_out_of_bounds_and_words_are_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(UnusableValueError, match="size is"):
        typed(knob("50", low=1, high=100), text)


def test_a_word_that_is_no_choice_is_refused_with_the_choices() -> None:
    with pytest.raises(UnusableValueError, match="a, b"):
        typed(knob('"a"', choices=(("a", ""), ("b", ""))), "c")


def test_a_thousands_comma_is_no_list() -> None:
    assert typed(knob("512"), "1,024") == "1024"


def test_the_sentence_of_a_choice_is_found_by_its_value() -> None:
    assert choice_meaning(knob('"a"', choices=(("a", "the first"),)), '"a"') == "the first"
    assert choice_meaning(knob("8"), "8") == ""
