"""Trials are rows: in the order they were made, the same recipe once."""

from __future__ import annotations

from dataclasses import replace

from calibtui.store.store import Store
from calibtui.store.trials import TrialRow

FIRST = TrialRow("search", "a", 0, "minmax", {"calibrator": "minmax"}, 1.0, 0, 0.4, None, None, None, 1.5)


def test_trials_come_back_in_their_order_also_from_a_store_opened_again(tmp_path):
    second = replace(FIRST, recipe="b", number=1, map=0.3, drop=0.2, drop_sd=0.1)
    with Store(tmp_path) as store:
        store.trials.add(second, "run")
        store.trials.add(FIRST, "run")
        store.trials.add(replace(FIRST, search="another"), "run")
    with Store(tmp_path) as store:
        assert store.trials.of("search") == [FIRST, second]


def test_a_recipe_that_is_measured_further_replaces_its_row(tmp_path):
    with Store(tmp_path) as store:
        store.trials.add(FIRST, "run")
        store.trials.add(replace(FIRST, drop=0.7, seconds=3.0), "run")
        (row,) = store.trials.of("search")
    assert (row.drop, row.seconds) == (0.7, 3.0)
