"""Calibrators: from a histogram to a range."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from calibtui.core.errors import ModelError, SettingsError
from calibtui.quantization.entropy import entropy_range
from calibtui.quantization.histogram import Histogram, ranks_of
from calibtui.quantization.linear_bins import rebinned
from calibtui.quantization.mse import mse_range, squared_error
from calibtui.quantization.percentile import percentile_range
from calibtui.quantization.ranges import ranges
from calibtui.quantization.statistics import Statistics


def histogram(values) -> Histogram:
    values = np.asarray(values, np.float32)
    return Histogram.of_ranks(ranks_of(values), np.ones(len(values), np.int64))


def extremes(values):
    return float(np.min(values)), float(np.max(values))


def error(values, low, high, levels=256):
    """Mean squared error of real rounding, element by element."""
    low, high = min(low, 0), max(high, 0)
    scale = (high - low) / (levels - 1)
    zero = round(-low / scale)
    quantized = (np.clip(np.rint(values / scale) + zero, 0, levels - 1) - zero) * scale
    return np.mean((values - quantized) ** 2)


@pytest.fixture
def gaussian():
    """A bell with a few far outliers: what stretches minmax."""
    values = np.random.default_rng(0).normal(0, 1, 200_000)
    values[:8] = [40, -35, 38, 33, -30, 41, 39, -36]
    return values


@pytest.fixture
def rectified(gaussian):
    return np.maximum(gaussian, 0)


def test_percentile_cuts_half_of_the_rest_at_each_end(gaussian):
    found = percentile_range(histogram(gaussian), extremes(gaussian), 99, symmetric=False)
    assert found == pytest.approx(np.percentile(gaussian, [0.5, 99.5]), rel=0.008)


def test_symmetric_percentile_is_that_of_magnitudes(gaussian):
    low, high = percentile_range(histogram(gaussian), extremes(gaussian), 99, symmetric=True)
    assert -low == high == pytest.approx(np.percentile(np.abs(gaussian), 99), rel=0.008)


def test_percentile_100_is_minmax(gaussian):
    assert percentile_range(histogram(gaussian), extremes(gaussian), 100, symmetric=False) == extremes(gaussian)


def test_percentile_never_leaves_the_extremes():
    values = np.array([1.003, 1.003, 1.003])
    assert percentile_range(histogram(values), extremes(values), 99.9, symmetric=False) == extremes(values)


@pytest.mark.parametrize("symmetric", [False, True])
def test_entropy_really_searches_and_leaves_outliers_out(gaussian, symmetric):
    low, high = entropy_range(histogram(gaussian), extremes(gaussian), 256, symmetric=symmetric)
    assert 2 < high < 12 and -12 < low < -2


def test_entropy_keeps_what_is_even():
    values = np.random.default_rng(0).uniform(0, 1, 100_000)
    low, high = entropy_range(histogram(values), extremes(values), 256, symmetric=False)
    assert low <= 0.01 and high > 0.95


def test_entropy_is_not_drawn_to_the_values_of_flat_areas(gaussian):
    """Half of the elements on two values, as a picture's even background puts them."""
    flat = np.concatenate(
        [np.random.default_rng(1).normal(0, 2, 100_000), np.full(60_000, 0.31), np.full(40_000, -0.2)]
    )
    low, high = entropy_range(histogram(flat), extremes(flat), 256, symmetric=False)
    assert high > 3 and low < -3


def test_entropy_of_a_rectified_tensor_begins_at_zero(rectified):
    low, high = entropy_range(histogram(rectified), extremes(rectified), 256, symmetric=False)
    assert low == 0 and 2 < high < 20


@pytest.mark.parametrize("symmetric", [False, True])
def test_mse_beats_minmax_and_percentile_in_squared_error(gaussian, symmetric):
    whole, bounds = histogram(gaussian), extremes(gaussian)
    ours = error(gaussian, *mse_range(whole, bounds, 256, symmetric=symmetric))
    assert ours <= error(gaussian, *bounds) * (0.9 if not symmetric else 1)
    assert ours <= error(gaussian, *percentile_range(whole, bounds, 99.9, symmetric=symmetric))


def test_mse_finds_the_best_of_a_fine_grid(rectified):
    values = np.minimum(rectified, 6)
    low, high = mse_range(histogram(values), extremes(values), 256, symmetric=False)
    best = min(error(values, 0, bound) for bound in np.linspace(1, 6, 400))
    assert low == 0 and error(values, low, high) <= best * 1.05


def test_mse_never_passes_the_extremes(gaussian):
    low, high = mse_range(histogram(gaussian), extremes(gaussian), 256, symmetric=False)
    assert extremes(gaussian)[0] <= low < high <= extremes(gaussian)[1]


def test_expected_error_is_that_of_real_rounding(gaussian):
    values, weights = gaussian, np.full(len(gaussian), 1 / len(gaussian))
    assert squared_error(values, weights, (-3, 4), 256, symmetric=False) == pytest.approx(
        error(values, -3, 4), rel=1e-3
    )


@pytest.mark.parametrize("calibrator", ["entropy", "mse", "percentile"])
@pytest.mark.parametrize("values", [[0.0] * 9, [2.5] * 9, [-1.0] * 9, [0.0, 1.0]])
def test_tensors_with_hardly_a_value_still_get_a_range(calibrator, values):
    found = {
        "entropy": lambda: entropy_range(histogram(values), extremes(values), 256, symmetric=False),
        "mse": lambda: mse_range(histogram(values), extremes(values), 256, symmetric=False),
        "percentile": lambda: percentile_range(histogram(values), extremes(values), 99.9, symmetric=False),
    }[calibrator]()
    assert np.isfinite(found).all() and found[0] <= found[1]


def test_rebinning_keeps_every_element(gaussian):
    parts = rebinned(histogram(gaussian), *extremes(gaussian), 4096)
    assert parts.sum() == pytest.approx(len(gaussian))
    reference = np.histogram(gaussian, 16, extremes(gaussian))[0]
    np.testing.assert_allclose(parts.reshape(16, -1).sum(axis=1), reference, rtol=0.05, atol=300)


def statistics_of(values, histograms=True) -> Statistics:
    low, high = extremes(values)
    kept = {"x": histogram(values)} if histograms else {}
    rows = np.array([[low]], np.float32), np.array([[high]], np.float32)
    return Statistics("model", "plan", ("x",), ("frame",), kept, *rows)


def test_every_calibrator_reads_the_same_statistics(gaussian, scheme):
    statistics = statistics_of(gaussian)
    found = {
        name: ranges(statistics, name, percentile=99.9, scheme=scheme)["x"]
        for name in ("minmax", "percentile", "entropy", "mse")
    }
    assert found["minmax"] == pytest.approx(extremes(gaussian), rel=1e-6)
    assert len(set(found.values())) == 4


def test_an_unknown_calibrator_and_a_percentile_beyond_100_are_refused(gaussian, scheme):
    with pytest.raises(SettingsError, match="'average'"):
        ranges(statistics_of(gaussian), "average", percentile=99, scheme=scheme)
    with pytest.raises(SettingsError, match="120"):
        ranges(statistics_of(gaussian), "percentile", percentile=120, scheme=scheme)


def test_a_calibrator_that_needs_histograms_says_so(gaussian, scheme):
    with pytest.raises(ModelError, match="mse needs histograms"):
        ranges(statistics_of(gaussian, histograms=False), "mse", percentile=99, scheme=scheme)


@pytest.mark.parametrize("calibrator", ["percentile", "entropy", "mse"])
def test_nothing_is_clipped_off_a_detectors_answers(gaussian, scheme, calibrator):
    statistics = dataclasses.replace(statistics_of(gaussian), heads=("x",))
    assert ranges(statistics, calibrator, percentile=90, scheme=scheme)["x"] == statistics.extremes("x")
