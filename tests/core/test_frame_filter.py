"""The filter language: what each form means, and that every mistake is named with its place and a remedy."""

from __future__ import annotations

import random

import pytest

from calibtui.core.frame_filter import FLAGS, NUMBERS, TEXTS, FilterError, Flag, Number, Span, Term, Text, parse_filter

PIECES = [*FLAGS, *NUMBERS, *TEXTS, "-", ":", "..", "|", '"', " ", "<", ">", "=", "80", "1e9", "-3", "none", "é", "²",
          "\n", "\x00", "*", "\ud800", "60..80", "nan", "inf", "٣"]  # fmt: skip


def meaning_of(text: str) -> list[object]:
    return [term.test for term in parse_filter(text)]


def test_an_empty_filter_lets_every_frame_pass():
    assert parse_filter("") == () == parse_filter("  \t ")


def test_terms_come_with_their_negation_and_place():
    assert parse_filter("pinned -selected") == (Term(Flag("pinned"), False, 0), Term(Flag("selected"), True, 7))


def test_numbers_are_compared_or_lie_between():
    assert meaning_of("score>80 objects<=3") == [
        Number("score", (Span(low=80, low_open=True),)),
        Number("objects", (Span(high=3),)),
    ]
    assert meaning_of("score:60..80 score:..20|90..") == [
        Number("score", (Span(60, 80),)),
        Number("score", (Span(high=20), Span(low=90))),
    ]


def test_a_whole_score_means_all_that_are_shown_as_it_and_a_count_means_itself():
    assert meaning_of("score:80 objects:2") == [
        Number("score", (Span(79.5, 80.5, high_open=True),)),
        Number("objects", (Span(2, 2),)),
    ]


def test_none_asks_for_frames_without():
    assert meaning_of("classes:none") == [Number("classes", (), none=True)]


def test_texts_have_alternatives_and_quotes_and_no_case():
    assert meaning_of('reason:Glare|"lens flare" class:scratch') == [
        Text("reason", ("glare", "lens flare")),
        Text("class", ("scratch",)),
    ]


def test_a_bare_word_is_looked_for_in_the_path_and_quotes_take_its_meaning_away():
    assert meaning_of('line3 "pinned" "a:b|c"') == [
        Text("path", ("line3",)),
        Text("path", ("pinned",)),
        Text("path", ("a:b|c",)),
    ]


@pytest.mark.parametrize(
    ("text", "position", "says", "hints"),
    [
        ("scroe>80", 0, "no scroe", "score"),
        ("line3 score>high", 12, "'high'", "score>80"),
        ("score>", 6, "missing", "score>80"),
        ("class:", 6, "missing", "class:scratch"),
        ("path>3", 0, "text", "path:"),
        ("pinned:yes", 0, "no value", "-pinned"),
        ('path:"line', 5, "never closed", '"'),
        ("score:80..60", 6, "no number", "60..80"),
        ("score>1|2", 6, "one number", "60..80|90..100"),
        (">80", 0, "compares nothing", "score"),
        ("-", 1, "missing", "path"),
    ],
)
def test_a_mistake_is_named_with_its_place_and_what_would_be_right(text, position, says, hints):
    with pytest.raises(FilterError) as caught:
        parse_filter(text)
    assert caught.value.position == position
    assert says in caught.value.message and f"character {position + 1}" in caught.value.message
    assert hints in caught.value.hint


def test_a_filter_is_bounded():
    with pytest.raises(FilterError):
        parse_filter("x" * 3000)
    with pytest.raises(FilterError):
        parse_filter("x " * 100)


def test_whatever_is_typed_it_parses_or_is_a_filter_error():
    draw = random.Random(7)
    understood = 0
    for _ in range(20_000):
        text = "".join(draw.choices(PIECES, k=draw.randint(1, 9)))
        try:
            understood += bool(parse_filter(text))
        except FilterError as error:
            assert error.hint and 0 <= error.position <= len(text)
    assert understood > 1000
