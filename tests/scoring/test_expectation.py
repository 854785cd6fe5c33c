"""The expectation over the numbers that a judge might have said, and the number it said where that isn't known."""

from __future__ import annotations

import math

import pytest

from calibtui.gateway.dialects.dialect import TokenChoice
from calibtui.scoring.expectation import expected_difficulty

HEAD = ['{"', "difficulty", '":', " "]
TAIL = [", ", '"reasons": []}']


def choice(text: str, probabilities: dict[str, float]) -> TokenChoice:
    told = {name: math.log(value) for name, value in probabilities.items()}
    return TokenChoice(text, told.get(text, 0.0), tuple(told.items()))


def reply(*number: TokenChoice, head: list[str] = HEAD, tail: list[str] = TAIL) -> list[TokenChoice]:
    return [*(TokenChoice(t, 0.0, ()) for t in head), *number, *(TokenChoice(t, 0.0, ()) for t in tail)]


def expected(tokens: list[TokenChoice], said: float, scale: int = 100) -> float:
    return expected_difficulty(tokens, said, scale)


def test_a_number_of_one_token_is_the_mean_of_its_alternatives() -> None:
    tokens = reply(choice("80", {"80": 0.5, "90": 0.3, "70": 0.2}))
    assert expected(tokens, 0.80) == pytest.approx((40 + 27 + 14) / 100)


def test_alternatives_that_are_no_number_or_off_the_scale_are_left_out() -> None:
    tokens = reply(choice("80", {"80": 0.6, "60": 0.2, "high": 0.1, "800": 0.1}))
    assert expected(tokens, 0.80) == pytest.approx((0.6 * 80 + 0.2 * 60) / 0.8 / 100)


def test_alternatives_with_a_blank_or_a_comma_at_the_number_count_as_that_number() -> None:
    tokens = reply(choice("80", {"80": 0.5, " 60": 0.3, "40,": 0.2}))
    assert expected(tokens, 0.80) == pytest.approx((40 + 18 + 8) / 100)


def test_a_number_in_the_middle_of_a_token_is_found() -> None:
    tokens = reply(choice('": 80', {'": 80': 0.5, '": 60': 0.5}), head=['{"', "difficulty"])
    assert expected(tokens, 0.80) == pytest.approx(0.70)


def test_digits_one_by_one_follow_the_chosen_path() -> None:
    tokens = reply(choice("8", {"8": 1.0}), choice("5", {"5": 0.5, "7": 0.5}))
    assert expected(tokens, 0.85) == pytest.approx(0.86)


def test_another_first_digit_is_taken_with_the_rest_that_follows_the_chosen_one_on_average() -> None:
    tokens = reply(choice("8", {"8": 0.5, "6": 0.5}), choice("5", {"5": 0.5, "7": 0.5}))
    assert expected(tokens, 0.85) == pytest.approx(0.76)


def test_a_number_that_might_have_ended_earlier_counts_as_the_shorter_one() -> None:
    tokens = reply(choice("8", {"8": 1.0}), choice("5", {"5": 0.75, ",": 0.25}))
    assert expected(tokens, 0.85) == pytest.approx((0.75 * 85 + 0.25 * 8) / 100)


def test_a_number_that_might_have_gone_on_counts_as_the_longer_one() -> None:
    ended = TokenChoice(", ", math.log(0.5), ((", ", math.log(0.5)), ("5", math.log(0.5))))
    tokens = reply(choice("8", {"8": 1.0}), ended, tail=['"reasons": []}'])
    assert expected(tokens, 0.08) == pytest.approx((8 + 85) / 2 / 100)


def test_a_hundred_in_three_tokens_is_the_end_of_the_scale() -> None:
    tokens = reply(choice("1", {"1": 1.0}), choice("0", {"0": 1.0}), choice("0", {"0": 0.5, ",": 0.5}))
    assert expected(tokens, 1.0) == pytest.approx(0.55)


def test_a_fraction_on_a_scale_of_one_is_weighed_after_its_point() -> None:
    tokens = reply(choice("0", {"0": 1.0}), choice(".", {".": 1.0}), choice("8", {"8": 0.5, "6": 0.5}))
    assert expected(tokens, 0.8, scale=1) == pytest.approx(0.7)


def test_the_chosen_token_counts_though_it_is_not_among_the_likeliest() -> None:
    chosen = TokenChoice("80", math.log(0.4), (("60", math.log(0.6)),))
    assert expected(reply(chosen), 0.80) == pytest.approx(0.4 * 0.8 + 0.6 * 0.6)


@pytest.mark.parametrize(
    ("tokens", "said"),
    [
        ([], 0.8),
        (reply(choice("80", {"80": 0.3, "yes": 0.7})), 0.8),
        (reply(choice("80", {"80": 0.5, "60": 0.5})), 0.7),
        (reply(choice("0.8", {"0.8": 0.5, "0.6": 0.5})), 0.8),
        (reply(choice("80", {"80": 0.5, "60": 0.5}), tail=[', "difficulty": 80}']), 0.8),
        ([TokenChoice("It is hard.", 0.0, ())], 0.8),
    ],
    ids=["no tokens", "little known", "another number", "the other scale", "two numbers", "no number"],
)
def test_the_number_said_stands_where_the_tokens_do_not_tell(tokens: list[TokenChoice], said: float) -> None:
    assert expected(tokens, said) == said


def test_what_is_told_never_leaves_the_scale() -> None:
    tokens = reply(choice("9", {"9": 0.5, "1": 0.5}), choice("9", {"9": 0.9, "8": 0.1}))
    assert 0.0 <= expected(tokens, 0.99) <= 1.0
