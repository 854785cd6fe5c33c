"""Trials in parts for workers."""

from __future__ import annotations

import pytest

from calibtui.pipeline.ablation.trials import TOGETHER, even_parts


@pytest.mark.parametrize("count", [1, 2, 7, 10, 41])
@pytest.mark.parametrize("workers", [1, 2, 16])
def test_parts_are_whole_in_order_and_nearly_of_one_size(count, workers):
    trials = [(str(number), "minmax") for number in range(count)]
    parts = even_parts(trials, workers)
    assert [trial for part in parts for trial in part] == trials
    sizes = [len(part) for part in parts]
    assert max(sizes) <= TOGETHER and max(sizes) - min(sizes) <= 1
    assert len(parts) % workers == 0 or len(parts) == count
