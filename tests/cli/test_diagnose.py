"""`calibtui diagnose` on a small workspace."""

from __future__ import annotations

import json
import signal

import pytest


@pytest.fixture
def workspace(make_workspace, calibtui):
    root = make_workspace(pool=12)
    assert calibtui("select", root, "--set", "selection.strategy=random").code == 0
    return root


def test_a_diagnosis_is_one_json_object_and_a_file_that_is_read_back_until_settings_change(workspace, calibtui):
    first = calibtui("diagnose", workspace, "--json", "--frames", 4)
    assert first.code == 0, first.err
    found = first.json
    assert found["frames"] == 4
    assert {layer["name"] for layer in found["layers"]} >= {name for p in found["proofs"] for name in p["layers"]}
    effects = [finding["effect"] for finding in found["findings"] if finding["effect"] is not None]
    assert effects == sorted(effects, reverse=True)
    (kept,) = (workspace / ".calibtui" / "diagnosis").iterdir()
    assert kept.stem == found["key"]
    assert json.loads(kept.read_text()) == found
    again = calibtui("diagnose", workspace, "--json", "--frames", 4)
    assert again.json == found
    assert "layers one by one" not in again.err
    shown = calibtui("diagnose", workspace, "--frames", 4)
    assert "output error" in shown.out
    assert "layers one by one" not in shown.err, "people read the same one"
    minmax = calibtui("diagnose", workspace, "--json", "--frames", 1, "--set", "quantization.calibrator=minmax")
    assert minmax.json["key"] != found["key"]


def test_an_interrupted_diagnosis_goes_on_where_it_was(workspace, calibtui, start):
    process = start("diagnose", workspace, "--json")
    for line in process.stderr:
        if "layers one by one" in line:
            break
    process.send_signal(signal.SIGINT)
    process.communicate()
    assert process.returncode == 130
    (trials,) = (workspace / ".calibtui" / "diagnosis").iterdir()
    assert trials.suffix == ".trials"
    assert json.loads(trials.read_text())
    rest = calibtui("diagnose", workspace, "--json")
    assert rest.code == 0, rest.err
    assert "calibrating" not in rest.err, "the statistics are known"
    (kept,) = (workspace / ".calibtui" / "diagnosis").iterdir()
    assert kept.suffix == ".json"


def test_without_a_set_the_next_step_is_named(make_workspace, calibtui):
    result = calibtui("diagnose", make_workspace())
    assert result.code == 2
    assert "calibtui select" in result.err
