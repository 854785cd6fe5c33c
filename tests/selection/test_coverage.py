"""The coverage report says what is so of a set, on pools small enough to see it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from calibtui.selection.coverage import coverage
from calibtui.selection.select import Chosen, SelectionInput


def four_frames(difficulty=(0.1, 0.2, 0.3, 0.4), strata=("a", "a", "b", "c"), digests=("0", "1", "2", "3")):
    """Two frames alike, one at a right angle to them, one between."""
    rows = np.array([[1, 0], [1, 0], [0, 1], [0.6, 0.8]], np.float32)
    return SelectionInput(["0", "1", "2", "3"], digests, np.array(difficulty), [()] * 4, rows, strata)


def test_similarity_is_of_each_pool_frame_to_its_nearest_in_the_set() -> None:
    report = coverage(four_frames(), [Chosen(0, ""), Chosen(3, "")])
    assert report.mean_similarity == pytest.approx((1 + 1 + 0.8 + 1) / 4, abs=1e-3)
    assert report.least_similarity == pytest.approx(0.8, abs=1e-3)


def test_difficulty_is_a_percentile_of_the_scored_pool() -> None:
    assert coverage(four_frames(), [Chosen(3, "")]).difficulty_percentile == 87.5
    assert coverage(four_frames(), [Chosen(i, "") for i in range(4)]).difficulty_percentile == 50
    nan = math.nan
    assert coverage(four_frames((nan, 0.2, 0.3, nan)), [Chosen(0, ""), Chosen(2, "")]).difficulty_percentile == 75
    assert math.isnan(coverage(four_frames((nan,) * 4), [Chosen(0, "")]).difficulty_percentile)


def test_strata_are_counted_those_left_out_too() -> None:
    report = coverage(four_frames(), [Chosen(0, ""), Chosen(2, "")])
    assert report.strata == {"a": 1, "b": 1, "c": 0}
    assert report.strata_balance == pytest.approx(math.log(2) / math.log(3))
    assert coverage(four_frames(), [Chosen(i, "") for i in (0, 2, 3)]).strata_balance == pytest.approx(1)
    assert coverage(four_frames(), [Chosen(0, "")]).strata_balance == 0
    assert math.isnan(coverage(four_frames(strata=None), [Chosen(0, "")]).strata_balance)


def test_copies_are_counted() -> None:
    report = coverage(four_frames(digests=("0", "0", "2", "3")), [Chosen(0, ""), Chosen(1, ""), Chosen(2, "")])
    assert (report.frames, report.near_duplicates, report.pool_duplicates) == (3, 2, 1)


def test_an_empty_set_is_refused() -> None:
    with pytest.raises(ValueError, match="empty set"):
        coverage(four_frames(), [])
