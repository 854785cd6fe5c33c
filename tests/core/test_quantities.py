"""Sizes and times, written the same wherever people read them."""

from __future__ import annotations

import math

import pytest

from calibtui.core.quantities import file_size, milliseconds
from calibtui.report import figures
from calibtui.tui.widgets import points


@pytest.mark.parametrize(
    ("size", "written"),
    [(0, "?"), (999, "999 B"), (1000, "1.0 kB"), (999_999, "1.0 MB"), (12_345_678, "12.3 MB"), (5 * 10**9, "5.0 GB")],
)
def test_a_file_size_has_the_unit_that_fits(size, written):
    assert file_size(size, "?") == written


@pytest.mark.parametrize(
    ("ms", "written"),
    [(0.4123, "0.41 ms"), (9.996, "10.0 ms"), (1234.5, "1,234 ms"), (math.nan, "?"), (math.inf, "?"), (0.0, "?")],
)
def test_a_time_has_about_three_figures(ms, written):
    assert milliseconds(ms, "?") == written


def test_the_workbench_has_the_words_of_the_report_but_for_what_nobody_knows():
    assert points.file_size(12_345_678) == figures.file_size(12_345_678) == "12.3 MB"
    assert points.milliseconds(9.996) == figures.milliseconds(9.996) == "10.0 ms"
    assert (points.file_size(0), points.milliseconds(math.inf)) == ("n/a", "n/a")
    assert (figures.file_size(0), figures.milliseconds(math.inf)) == ("–", "–")
