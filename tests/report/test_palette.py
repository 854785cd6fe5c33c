"""The colours of the page reach WCAG AA, reckoned from the palette that the page uses."""

from __future__ import annotations

import pytest

from calibtui.report.palette import DARK, GRAPHICS, LIGHT, SURFACES, TEXT

SCHEMES = pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2.2 defines it."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_black_on_white_is_twenty_one_to_one():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)


@SCHEMES
def test_text_reaches_four_and_a_half_to_one_on_every_surface(scheme):
    weakest = min(contrast(scheme[text], scheme[surface]) for text in TEXT for surface in SURFACES)
    assert weakest >= 4.5


@SCHEMES
def test_bars_and_marks_reach_three_to_one_on_every_surface(scheme):
    weakest = min(contrast(scheme[mark], scheme[surface]) for mark in GRAPHICS for surface in SURFACES)
    assert weakest >= 3.0


def test_both_schemes_name_the_same_colours():
    assert LIGHT.keys() == DARK.keys()
