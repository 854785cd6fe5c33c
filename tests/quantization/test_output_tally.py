"""Bare outputs compared tensor by tensor, whatever they hold."""

from __future__ import annotations

import math

import numpy as np
import pytest

from calibtui.quantization.output_tally import OutputTally


def tallied(*pairs):
    tally = OutputTally()
    for reference, other in pairs:
        tally.add({"out": np.asarray(reference)}, {"out": np.asarray(other)})
    (error,) = tally.errors()
    return error


def test_powers_are_summed_over_frames_before_they_are_divided():
    error = tallied(([3.0, 4.0], [3.0, 5.0]), ([0.0, 5.0], [0.0, 5.0]))
    assert error.relative == pytest.approx(1 / 50)
    assert error.sqnr == pytest.approx(10 * math.log10(50))
    assert error.largest == 1.0


def test_equal_outputs_have_no_error_also_where_they_are_infinite_or_no_numbers():
    error = tallied(([np.inf, np.nan, 1.0], [np.inf, np.nan, 1.0]))
    assert (error.relative, error.sqnr, error.largest) == (0.0, math.inf, 0.0)


@pytest.mark.parametrize("broken", [np.nan, np.inf, -np.inf])
def test_a_number_that_int8_lost_is_an_infinite_error_not_none(broken):
    error = tallied(([1.0, 2.0], [1.0, broken]))
    assert (error.relative, error.sqnr) == (math.inf, -math.inf)


def test_noise_where_there_was_no_signal_is_an_infinite_error():
    assert tallied(([0.0, 0.0], [0.0, 0.1])).sqnr == -math.inf


def test_labels_count_as_numbers_and_other_shapes_are_said_not_to_compare():
    assert tallied((np.array([1, 2, 3]), np.array([1, 2, 4]))).relative == pytest.approx(1 / 14)
    error = tallied((np.ones((3, 4)), np.ones((2, 4))))
    assert not error.compared and math.isnan(error.sqnr)
