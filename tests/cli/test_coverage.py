"""`calibtui coverage` and the strategy `range-cover` on a small workspace."""

from __future__ import annotations

import pytest


@pytest.fixture
def workspace(make_workspace):
    return make_workspace(pool=16)


def test_the_verdict_is_one_json_object_and_measuring_again_costs_nothing(workspace, calibtui):
    assert calibtui("select", workspace, "--set", "selection.strategy=random").code == 0
    first = calibtui("coverage", workspace, "--json")
    assert first.code == 0, first.err
    assert first.json["pool"] == {"frames": 16, "measured": 16, "duplicates": 0}
    assert first.json["frames"] == 8
    assert first.json["state"] in ("good", "thin", "poor")
    assert "frames/s" in first.err
    again = calibtui("coverage", workspace, "--json")
    assert again.json == first.json
    assert "frames/s" not in again.err


def test_range_cover_reaches_more_than_any_random_set_and_is_the_same_each_time(workspace, calibtui):
    def reached(*options) -> tuple[float, str]:
        chosen = calibtui("select", workspace, "--json", "--set", "selection.size=5", *options)
        assert chosen.code == 0, chosen.err
        return calibtui("coverage", workspace, "--json").json["reached"], chosen.json["selection"]["digest"]

    by_ranges = reached("--set", "selection.strategy=range-cover")
    assert by_ranges == reached("--set", "selection.strategy=range-cover")
    for seed in range(3):
        random, _ = reached("--set", "selection.strategy=random", "--set", f"selection.seed={seed}")
        assert random < by_ranges[0]


def test_people_read_the_verdict(workspace, calibtui):
    assert calibtui("select", workspace, "--set", "selection.strategy=random").code == 0
    shown = calibtui("coverage", workspace)
    assert shown.code == 0, shown.err
    assert "The set is " in shown.out
    assert "activation ranges" in shown.out


def test_a_damaged_file_of_ranges_is_measured_anew_and_said(workspace, calibtui):
    assert calibtui("select", workspace, "--set", "selection.strategy=range-cover").code == 0
    (kept,) = (workspace / ".calibtui" / "ranges").iterdir()
    kept.write_bytes(b"nonsense")
    result = calibtui("coverage", workspace, "--json")
    assert result.code == 0, result.err
    assert any("measured anew" in note for note in result.json["notes"])


def test_without_a_set_the_next_step_is_named(workspace, calibtui):
    result = calibtui("coverage", workspace)
    assert result.code == 2
    assert "calibtui select" in result.err
