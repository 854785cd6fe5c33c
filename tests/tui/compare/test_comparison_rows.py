"""The figures of the comparison, and how they are written."""

from __future__ import annotations

import math

import pytest
from msgspec.structs import replace
from tests.tui.model_answers import COMPARISONS, HOSTILE, comparison, figures

from calibtui.tui.widgets.comparison_rows import as_text, table_rows
from calibtui.tui.widgets.interval_line import interval_line
from calibtui.tui.widgets.points import points, signed
from calibtui.tui.widgets.verdict import BETTER, LEVEL, UNMEASURED, WORSE, interval_words, sign_of


def row(name: str, runs: tuple = COMPARISONS[:2]):
    return next(one for one in table_rows(runs) if one.name == name)


def test_fractions_are_shown_as_points_with_one_decimal() -> None:
    assert points(0.6014) == "60.1"
    assert [cell.text for cell in row("mAP 50–95").cells] == ["60.1", "58.0", "59.9"]


def test_what_is_not_known_is_said_so_and_never_a_number() -> None:
    assert points(None) == points(math.nan) == signed(None) == "n/a"
    assert [cell.text for cell in row("small objects").cells] == ["n/a"] * 3
    assert [cell.change for cell in row("small objects").cells] == ["", "", ""]


def test_each_change_is_against_the_runs_own_float_figures() -> None:
    other = replace(COMPARISONS[1], reference=figures(0.5), int8=figures(0.49))
    assert [cell.change for cell in row("mAP 50–95", (COMPARISONS[0], other)).cells] == ["", "−2.1", "−1.0"]


def test_a_change_that_rounds_to_nothing_has_no_sign() -> None:
    assert signed(0.04) == signed(-0.04) == "0.0"


def test_the_interval_stands_in_the_table_beside_the_drop() -> None:
    assert [cell.text for cell in row("95 % interval").cells] == ["", "−2.9 to −1.2", "−0.8 to +0.4"]


def test_size_and_speed_are_beside_the_accuracy() -> None:
    assert row("file").cells[1].text == "290.0 kB"
    assert row("file").cells[1].change == "28 %"
    assert row("one inference").cells[1].change == "1.57×"


def test_the_class_that_lost_most_comes_first_and_an_unknown_one_last() -> None:
    names = [one.name for one in table_rows(COMPARISONS[:1])]
    assert names.index("spur") < names.index("short") < names.index("open") < names.index(HOSTILE)


def test_no_run_no_rows() -> None:
    assert table_rows(()) == ()


@pytest.mark.parametrize(("number", "state"), [(0, WORSE), (1, LEVEL), (2, BETTER)])
def test_worse_or_better_only_where_the_whole_interval_says_so(number: int, state: object) -> None:
    assert sign_of(COMPARISONS[number]) is state


def test_without_an_interval_nothing_is_claimed() -> None:
    unknown = comparison(1, 2.0, math.nan, math.nan, "")
    assert sign_of(unknown) is UNMEASURED
    assert "chance" in interval_words(unknown)
    assert interval_line(-2.0, math.nan, math.nan, 40, "bad") == []


def test_the_interval_is_always_said_beside_the_drop() -> None:
    assert interval_words(COMPARISONS[0]) == "−2.1 points, 95 % interval −2.9 to −1.2"


@pytest.mark.parametrize("width", [8, 20, 72])
@pytest.mark.parametrize("ends", [(-2.1, -2.9, -1.2), (-0.2, -0.8, 0.4), (0.9, 0.2, 1.5), (0.0, 0.0, 0.0)])
def test_the_line_shows_change_interval_and_zero_in_the_width_it_is_given(width: int, ends: tuple) -> None:
    line = "".join(text for text, _ in interval_line(*ends, width, "bad"))
    assert len(line) == width
    assert line.count("●") == 1
    if width >= 20 and ends[0]:
        assert line.count("│") + line.count("┃") == 1


def test_an_interval_that_holds_zero_crosses_its_mark() -> None:
    assert "┃" in "".join(text for text, _ in interval_line(-0.2, -0.8, 0.4, 60, "good"))
    assert "│" in "".join(text for text, _ in interval_line(-2.1, -2.9, -1.2, 60, "bad"))


def test_the_copied_table_has_tabs_and_no_control_characters() -> None:
    copied = as_text(COMPARISONS[:1], ["night-3"])
    assert copied.splitlines()[1] == "mAP 50–95\t60.1\t58.0 (−2.1)"
    assert "\x1b" not in copied
