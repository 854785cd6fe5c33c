"""A picture of the same thing, taken again, is a hit; anything that isn't is a miss."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from calibtui.scoring.similar.guard import same_view
from calibtui.scoring.similar.signature import Signature

RECAPTURES: dict[str, tuple[float, float, float, int | None]] = {
    # gain, offset, noise (levels a pixel, one sigma), JPEG quality
    "quality 95": (1, 0, 0, 95),
    "quality 85": (1, 0, 0, 85),
    "quality 60": (1, 0, 0, 60),
    "quality 40": (1, 0, 0, 40),
    "another format": (1, 0, 0, None),
    "darker": (0.88, 0, 0, 90),
    "brighter": (1.12, 0, 0, 90),
    "black raised": (1, 10, 0, 90),
    "black lowered": (1, -10, 0, 90),
    "sensor noise 2": (1, 0, 2, 90),
    "sensor noise 4": (1, 0, 4, 90),
    "all of it": (1.06, -5, 2, 80),
}


@pytest.mark.parametrize("name", RECAPTURES)
def test_re_captures_hit(
    name: str,
    pool_frames: list[np.ndarray],
    textures: dict[str, np.ndarray],
    seen: Callable,
    record_property: Callable[[str, object], None],
) -> None:
    """At least 99 % of the pictures that the new exposure doesn't clip."""
    gain, offset, noise, quality = RECAPTURES[name]
    generator = np.random.default_rng(1)
    comparisons = []
    for frame in [*pool_frames, *textures.values()]:
        again = gain * frame.astype(np.float64) + offset
        if np.percentile(again, 99.9) > 255 or np.percentile(again, 0.1) < 0:
            continue
        again += generator.normal(0, noise, frame.shape)
        comparisons.append(same_view(seen(frame, 92), seen(again, quality)))
    rate = float(np.mean([comparison.hit for comparison in comparisons]))
    record_property("hit rate", rate)
    assert len(comparisons) >= 10
    assert rate >= 0.99, [comparison.why for comparison in comparisons if not comparison.hit]


def test_the_fitted_exposure_is_the_real_one(textures: dict[str, np.ndarray], seen: Callable) -> None:
    for name in ("cast", "lit", "part"):
        comparison = same_view(seen(textures[name], 90), seen(1.08 * textures[name] - 6, 85))
        assert comparison.hit
        assert comparison.gain == pytest.approx(1.08, abs=0.015)
        assert comparison.offset == pytest.approx(-6, abs=2)


def test_the_order_of_the_two_does_not_matter(pool_frames: list[np.ndarray], seen: Callable) -> None:
    for frame in pool_frames[:6]:
        a, b = seen(frame, 90), seen(0.92 * frame + 3, 80)
        one, other = same_view(a, b), same_view(b, a)
        assert one.hit == other.hit
        assert one.gain * other.gain == pytest.approx(1, abs=0.01)


def test_a_change_counts_in_the_levels_of_the_brighter_picture() -> None:
    """Else a darker re-capture would hide what the brighter one shows."""
    levels = np.random.default_rng(0).integers(60, 200, (1, 40, 40)).astype(np.uint8)
    levels[0, 20, 20] = 100
    bright = levels.copy()
    bright[0, 20, 20] += 4
    dark = np.rint(0.87 * levels).astype(np.uint8)
    for first, second in ((bright, dark), (dark, bright)):
        comparison = same_view(Signature(320, 320, 1, first), Signature(320, 320, 1, second))
        assert comparison.largest_change == pytest.approx(4 + 0.5 + 0.5 / 0.87, abs=0.05)
        assert not comparison.hit


@pytest.mark.parametrize(("blue", "hit"), [(14, True), (-14, True), (30, False)])
def test_a_slight_tint_is_a_re_capture_and_a_strong_one_is_not(
    blue: int, hit: bool, textures: dict[str, np.ndarray], seen: Callable
) -> None:
    before = textures["cast"]
    assert same_view(seen(before, 90), seen(before + np.array([0, 0, blue]), 90)).hit is hit


def test_different_frames_miss(pool_frames: list[np.ndarray], seen: Callable) -> None:
    signatures = [seen(frame, 90) for frame in pool_frames]
    pairs = [(a, b) for place, a in enumerate(signatures) for b in signatures[:place]]
    assert not any(same_view(a, b).hit for a, b in pairs)


def test_a_shifted_picture_with_edges_is_a_miss(textures: dict[str, np.ndarray], seen: Callable) -> None:
    before = textures["part"]
    assert not same_view(seen(before, 90), seen(np.roll(before, 1, axis=1), 90)).hit


def test_a_clipped_highlight_is_a_miss(textures: dict[str, np.ndarray], seen: Callable) -> None:
    """What was there can't be told any more."""
    before = 85 + textures["lit"]
    assert not same_view(seen(before, 90), seen(1.15 * before, 90)).hit


def test_another_size_is_a_miss_that_names_both(textures: dict[str, np.ndarray], seen: Callable) -> None:
    comparison = same_view(seen(textures["cast"]), seen(textures["cast"][:-1]))
    assert not comparison.hit
    assert comparison.why == "320x256 px beside 320x255 px"


def test_grey_beside_colour_is_a_miss(textures: dict[str, np.ndarray], seen: Callable) -> None:
    comparison = same_view(seen(textures["cast"]), seen(textures["cast"][..., 0]))
    assert not comparison.hit
    assert "colour" in comparison.why


def test_a_tighter_threshold_is_kept(textures: dict[str, np.ndarray], seen: Callable) -> None:
    a, b = seen(textures["cast"], 90), seen(textures["cast"], 50)
    comparison = same_view(a, b)
    assert comparison.hit
    assert not same_view(a, b, threshold=comparison.largest_change - 0.01).hit
    assert same_view(a, b, threshold=comparison.largest_change + 0.01).hit


@pytest.mark.parametrize("side", [1, 7, 8, 9, 40])
def test_tiny_frames_are_compared_as_they_are(side: int, seen: Callable) -> None:
    """Too few blocks to tell an exposure by: a defect may be all there is."""
    frame = np.random.default_rng(0).uniform(80, 170, (side, side, 3))
    assert same_view(seen(frame), seen(frame)).hit
    other = frame.copy()
    other[-min(side, 8) :, -min(side, 8) :] += 9
    assert not same_view(seen(frame), seen(other)).hit
