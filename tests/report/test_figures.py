"""How figures are written, and how text from outside is made safe."""

from __future__ import annotations

import math

import pytest

from calibtui.report import figures
from calibtui.report.plain_text import plain


@pytest.mark.parametrize(
    ("points", "written"), [(1.26, "+1.3"), (-1.26, "−1.3"), (0.04, "0.0"), (-0.04, "0.0"), (math.nan, "–")]
)
def test_a_change_has_a_sign_unless_it_rounds_to_nothing(points, written):
    assert figures.signed_points(points) == written


@pytest.mark.parametrize(
    ("micro", "written"),
    [
        (0, "0.00 EUR"),
        (1, "0.000001 EUR"),
        (999, "0.000999 EUR"),
        (412_345, "0.4123 EUR"),
        (1_234_567_890, "1,234.57 EUR"),
    ],
)
def test_money_that_was_spent_is_never_written_as_nothing(micro, written):
    assert figures.money(micro) == written


@pytest.mark.parametrize(
    ("seconds", "written"),
    [(3.24, "3.2 s"), (59.97, "1 min 00 s"), (252, "4 min 12 s"), (3599.7, "1 h 00 min"), (7500, "2 h 05 min")],
)
def test_a_duration_never_shows_sixty_of_a_unit(seconds, written):
    assert figures.duration(seconds) == written


def test_control_and_direction_characters_and_lone_surrogates_become_replacements():
    assert plain("a\x1b[31mb\u202ec\udcffd\u2028e\x9bf") == "a\ufffd[31mb\ufffdc\ufffdd\ufffde\ufffdf"


def test_a_line_break_becomes_a_space_and_letters_of_all_scripts_stay():
    assert plain("first\nsecond\tçß漢字 é") == "first second çß漢字 é"


def test_what_is_too_long_keeps_both_ends():
    shortened = plain("/data/" + "x" * 1000 + "/frame.jpg", 40)
    assert len(shortened) == 40
    assert shortened.startswith("/data/") and shortened.endswith("/frame.jpg") and "…" in shortened
