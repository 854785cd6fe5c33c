"""`calibtui ablate`: every way of choosing beside random sets, honestly."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from calibtui.store.store import Store

DETECTOR_JUDGE = """\
[pool]
images = "pool"
[model]
onnx = "detector.onnx"
[evaluation]
images = "eval"
annotations = "eval.json"
replicates = 100
[scoring]
judge = "detector"
[selection]
strategy = "hardest"
size = 4
"""
ABLATE = ("--strategies", "hardest", "--calibrators", "minmax")


def passes(root) -> int:
    with Store(root / ".calibtui") as store:
        return sum("ablation" in row.record for row in store.artifacts.evaluations())


def test_random_is_always_the_control_and_every_figure_has_its_interval(calibtui, make_workspace) -> None:
    root = make_workspace(pool=16, document=DETECTOR_JUDGE)
    ran = calibtui("ablate", root, *ABLATE, "--json")
    assert ran.code == 0, ran.err
    control, hardest = ran.json["conditions"]
    assert (control["strategy"], control["better_than_random"]) == ("random", None)
    assert len(control["map_by_seed"]) >= 4
    assert len(hardest["map_by_seed"]) == 1, "no seed changes which frames are the hardest"
    found = hardest["better_than_random"]
    assert found["ci95"][0] <= found["points"] <= found["ci95"][1]
    of_control = control["map_by_seed"].values()
    mean = sum(of_control) / len(of_control)
    assert found["points"] == pytest.approx(100 * (hardest["map_by_seed"]["0"] - mean))
    assert found["p_holm"] >= found["p"]
    assert ("no measurable difference" in hardest["verdict"]) == (not found["measurable"])
    assert hardest["verdict"] in Path(ran.json["report"]).read_text()


def test_a_second_ablation_tries_only_what_is_new(calibtui, make_workspace) -> None:
    root = make_workspace(pool=16, document=DETECTOR_JUDGE)
    first = calibtui("ablate", root, *ABLATE, "--json").json
    tried = passes(root)
    again = calibtui("ablate", root, *ABLATE, "--json").json
    assert passes(root) == tried
    assert again["conditions"] == first["conditions"]
    more = calibtui("ablate", root, "--strategies", "hardest,k-center", "--calibrators", "minmax", "--json").json
    assert tried < passes(root) <= tried + 5
    assert more["conditions"][:2] == [
        first["conditions"][0],
        {**first["conditions"][1], "better_than_random": more["conditions"][1]["better_than_random"]},
    ]
    assert not list((root / ".calibtui" / "ablation").glob("*.onnx")), "trial models are not kept"


def test_an_ablation_leaves_the_calibration_set_alone(calibtui, make_workspace) -> None:
    root = make_workspace(pool=16, document=DETECTOR_JUDGE)
    chosen = calibtui("launch", root, "--batch", "--until", "select", "--json").json["selection"]["manifest"]
    calibtui("ablate", root, "--strategies", "k-center", "--calibrators", "minmax")
    with Store(root / ".calibtui") as store:
        assert str(root / ".calibtui" / store.artifacts.newest_set()) == chosen


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--strategies", "luckiest"), "'luckiest' is not a strategy"),
        (("--calibrators", "median"), "'median' is not a calibrator"),
        (("--seeds", "2"), "2 seeds don't tell a strategy from luck"),
        (("--sizes", "4,many"), "--sizes 4,many"),
        (("--sizes", "0"), "A set of 0 frames"),
    ],
)
def test_what_makes_no_ablation_is_refused_by_name(calibtui, make_workspace, options, said) -> None:
    ran = calibtui("ablate", make_workspace(pool=4, document=DETECTOR_JUDGE), *options)
    assert ran.code == 2
    assert said in ran.err


def test_frames_of_one_scene_are_drawn_together(calibtui, make_workspace) -> None:
    root = make_workspace(pool=16, document=DETECTOR_JUDGE)
    ran = calibtui("ablate", root, *ABLATE, "--json", "--set", 'evaluation.scenes="[0-9](?=[.]jpg)"')
    assert ran.code == 0, ran.err
    assert 2 <= ran.json["units"] < ran.json["frames"]
    refused = calibtui("ablate", root, *ABLATE, "--set", 'evaluation.scenes="eval"')
    assert refused.code == 2
    assert "into one scene" in refused.err
    assert "regular expression" in calibtui("ablate", root, *ABLATE, "--set", 'evaluation.scenes="("').err


def test_people_get_the_verdict_first(calibtui, make_workspace) -> None:
    root = make_workspace(pool=16, document=DETECTOR_JUDGE)
    ran = calibtui("ablate", root, *ABLATE)
    assert ran.code == 0
    assert ran.out.splitlines()[0].startswith(("No measurable difference", "hardest 4 minmax is"))
    assert json.loads(calibtui("status", root, "--json").out)["runs"][0]["command"] == "ablate"
