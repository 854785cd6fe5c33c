"""Histograms of bfloat16 codes: every element in exactly one bin, bins in the order of values."""

from __future__ import annotations

import numpy as np
import pytest

from calibtui.quantization.counting import BLOCK, CodeCounter, bincount_kernel, fastest_kernel
from calibtui.quantization.histogram import BINS, Histogram, edges_of, merged, ranks_of


def counted(values: np.ndarray, kernel=None) -> Histogram:
    counters = np.zeros(BINS, np.int32)
    CodeCounter(kernel).count(np.ascontiguousarray(values, np.float32), counters)
    return Histogram.of_counters(counters)


@pytest.fixture
def values() -> np.ndarray:
    generator = np.random.default_rng(0)
    plain = generator.normal(0, 3, BLOCK + 12345)
    tails = generator.normal(0, 1, 1000) * np.geomspace(1e-20, 1e20, 1000)
    return np.concatenate([plain, tails, [0.0, -0.0, 1.0, -1.0]]).astype(np.float32)


@pytest.mark.parametrize("kernel", [fastest_kernel(), bincount_kernel], ids=["fastest", "bincount"])
def test_every_element_is_in_the_bin_whose_edges_hold_it(values, kernel):
    found = counted(values, kernel)
    low, high = edges_of(ranks_of(values))
    assert ((low <= values) & (values <= high)).all()
    ranks, counts = np.unique(ranks_of(values), return_counts=True)
    np.testing.assert_array_equal(found.ranks, ranks)
    np.testing.assert_array_equal(found.counts, counts)


def test_the_fast_loop_is_in_use_here_and_counts_what_numpy_counts(values):
    """Pins scipy's undocumented loop: where a new scipy changes it, this fails and bincount has taken over."""
    assert fastest_kernel() is not bincount_kernel
    fast, slow = counted(values), counted(values, bincount_kernel)
    np.testing.assert_array_equal(fast.counts, slow.counts)


def test_extremes_are_exact_and_nan_shows(values):
    counters = np.zeros(BINS, np.int32)
    assert CodeCounter().count(values, counters) == (values.min(), values.max())
    values[17] = np.nan
    assert all(np.isnan(CodeCounter().count(values, counters)))


def test_ranks_rise_with_values_and_bins_touch():
    low, high = edges_of(np.arange(0x0081, 0xFF7F))
    assert (np.diff(low) >= 0).all()
    np.testing.assert_array_equal(high[:-1], low[1:])


def test_negative_zero_counts_as_zero():
    found = counted(np.array([-0.0, 0.0, -0.0], np.float32))
    assert found.total == 3 and len(found.ranks) == 1 and found.centres()[0] == 0


def test_a_bin_is_under_0_8_percent_wide():
    low, high = edges_of(ranks_of(np.geomspace(1e-30, 1e30, 5000).astype(np.float32)))
    assert ((high - low) / low).max() < 0.008


def test_merging_parts_is_counting_them_together(values):
    parts = np.array_split(values, 7)
    whole = counted(values)
    together = merged([counted(part) for part in parts[::-1]])
    np.testing.assert_array_equal(together.ranks, whole.ranks)
    np.testing.assert_array_equal(together.counts, whole.counts)


def test_counters_and_histograms_are_two_forms_of_one_thing(values):
    whole = counted(values)
    again = Histogram.of_counters(whole.counters())
    np.testing.assert_array_equal(again.counts, whole.counts)
