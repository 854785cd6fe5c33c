"""Frames by their activation ranges: what the pool's ranges are, which frames reach them, and what a set lacks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from calibtui.core.errors import ConfigurationError
from calibtui.selection.manifest import build_manifest
from calibtui.selection.range_cover import UNITS, gains, greedy_cover, pool_ranges
from calibtui.selection.range_coverage import range_coverage
from calibtui.selection.select import select
from calibtui.workspace.settings import SelectionSettings

SETTINGS = SelectionSettings(strategy="range-cover", size=12, seed=3)


@pytest.fixture
def ranged(pool):
    """200 frames with the ranges of 40 activations; frame 7 is bright in all of them, frame 11 is crazy."""

    def make(frames: int = 200, tensors: int = 40):
        data = pool(5, frames=frames)
        random = np.random.default_rng(1)
        highs = random.gamma(9, 1 / 9, (frames, tensors)).astype(np.float32)
        highs[7] = 1.9
        highs[11] = 60
        lows = -0.3 * random.gamma(9, 1 / 9, (frames, tensors)).astype(np.float32)
        return replace(data, lows=lows, highs=highs)

    return make


def chosen(data, settings=SETTINGS) -> list[int]:
    return [each.index for each in select(data, settings)]


def test_the_cover_reaches_what_random_frames_of_the_same_number_do_not(ranged):
    data = ranged()
    tensors = [str(each) for each in range(40)]

    def missing(indices) -> float:
        return 1 - range_coverage(tensors, data.lows, data.highs, np.array(indices)).reached

    cover = missing(chosen(data))
    random = [missing(chosen(data, replace(SETTINGS, strategy="random", seed=seed))) for seed in range(5)]
    assert cover < 0.3 * min(random)


def test_a_crazy_frame_is_not_taken_and_does_not_set_the_target(ranged):
    data = ranged()
    assert 11 not in chosen(data)
    assert (pool_ranges(data.lows, data.highs).target_high < 3).all()
    assert 7 in chosen(data)


def test_the_same_frames_give_the_same_set_in_whatever_order_they_come(ranged, reordered):
    data = ranged()
    manifest = build_manifest(data, select(data, SETTINGS), SETTINGS, prompt=None, judge_models=())
    order = np.random.default_rng(0).permutation(len(data.uris))
    shuffled = replace(reordered(data, list(order)), lows=data.lows[order], highs=data.highs[order])
    again = build_manifest(shuffled, select(shuffled, SETTINGS), SETTINGS, prompt=None, judge_models=())
    assert manifest["digest"] == again["digest"]


def test_each_choice_of_the_cover_is_the_best_of_all_frames(ranged):
    data = ranged(frames=60, tensors=9)
    pool = pool_ranges(data.lows, data.highs)
    free = np.ones(60, bool)
    taken: list[int] = []
    for position, _ in greedy_cover(pool, free, np.zeros(0, np.int64), 6):
        low, high = pool.reached(np.array(taken, np.int64))
        added, excess = gains(pool, low, high)
        worth = added - excess // 4
        worth[taken] = -1
        assert worth[position] == worth.max()
        taken.append(position)


def test_pins_are_in_and_count_as_covering(ranged):
    data = ranged()
    pinned = replace(SETTINGS, pin=(data.uris[7],))
    indices = chosen(data, pinned)
    assert indices[0] == 7
    assert len(indices) == 12
    whys = [each.why for each in select(data, pinned)]
    first = float(whys[1].split("adds ")[1].split(" %")[0])
    assert first < 25, "frame 7 reaches most of it already"


def test_excluded_frames_stay_out(ranged):
    data = ranged()
    assert 7 not in chosen(data, replace(SETTINGS, exclude=(data.uris[7],)))


def test_a_set_larger_than_the_cover_is_filled_with_frames_that_stretch_nothing(ranged):
    data = ranged()
    settings = replace(SETTINGS, size=150)
    found = select(data, settings)
    assert len(found) == 150
    assert any(each.why == "within the pool's ranges" for each in found)
    assert 11 not in [each.index for each in found]
    everything = select(data, replace(SETTINGS, size=200))
    assert everything[-1].index == 11
    assert "stretches a range" in everything[-1].why


def test_frames_that_were_not_measured_are_not_chosen_but_may_be_pinned(ranged):
    data = ranged()
    lows, highs = data.lows.copy(), data.highs.copy()
    lows[:100], highs[:100] = np.nan, np.nan
    part = replace(data, lows=lows, highs=highs)
    assert min(chosen(part)) >= 100
    assert chosen(part, replace(SETTINGS, pin=(data.uris[3],)))[0] == 3


def test_without_ranges_the_strategy_says_what_it_needs(pool):
    with pytest.raises(ConfigurationError, match="activation ranges") as raised:
        select(pool(), SETTINGS)
    assert "[model] onnx" in raised.value.hint


def test_a_set_that_misses_more_than_half_of_a_range_is_poor_and_the_frame_that_fixes_it_is_named():
    highs = np.full((40, 3), 1.0, np.float32)
    highs[30:, 1] = 2.5
    lows = np.zeros_like(highs)
    found = range_coverage(["a", "b", "c"], lows, highs, np.arange(10))
    (clipping,) = found.clipping
    assert clipping.tensor == "b"
    assert (clipping.set_high, clipping.pool_high) == pytest.approx((1.0, 2.5), rel=1e-3)
    assert clipping.missing == pytest.approx(0.6, rel=1e-3)
    assert clipping.frames == pytest.approx(0.25)
    assert found.state == "poor"
    assert found.fixes == (30,)
    assert found.clipping_after == 0
    assert (
        "1 of 3 tensors would clip, the worst, b, by 60 % of its range, on 25 % of the pool's frames" in found.sentence
    )


def test_a_set_that_reaches_everything_is_good_and_one_with_a_crazy_frame_says_so():
    highs = np.random.default_rng(0).uniform(0.9, 1, (40, 3)).astype(np.float32)
    highs[5] = 4.0
    lows = np.zeros_like(highs)
    calm = range_coverage(["a", "b", "c"], lows, highs, np.arange(10, 30))
    assert calm.state == "good"
    assert calm.fixes == ()
    crazy = range_coverage(["a", "b", "c"], lows, highs, np.arange(30))
    assert crazy.state == "thin"
    ((index, times),) = crazy.stretching
    assert index == 5
    assert times == pytest.approx(4, rel=0.05)


def test_ranges_that_are_wider_than_units_can_say_do_not_overflow():
    highs = np.full((10, 2), 1e-30, np.float32)
    highs[3] = 3e38
    pool = pool_ranges(np.zeros_like(highs), highs)
    assert (pool.high[3] > UNITS).all()
    assert 3 not in [position for position, _ in greedy_cover(pool, np.ones(10, bool), np.zeros(0, np.int64), 5)]
