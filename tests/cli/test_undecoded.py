"""A model whose outputs nobody can read is judged by the outputs themselves."""

from __future__ import annotations

import json
import math
import shutil

import numpy as np
import pytest

from calibtui.detector.detector import Detector
from calibtui.pool.images import open_rgb
from calibtui.workspace.load import load_settings

UNDECODED = ("--set", "model.decoder=none", "--set", "selection.strategy=random", "--set", "selection.size=4")


@pytest.fixture
def root(make_workspace):
    return make_workspace(pool=10, evaluation=4)


def stages(calibtui, root, *settings):
    """Pool, selection, quantization and evaluation; the JSON of the last."""
    assert calibtui("--batch", "--only", "pool", root, *UNDECODED, *settings).code == 0
    for stage in ("select", "quantize"):
        done = calibtui(stage, root, *UNDECODED, *settings)
        assert done.code == 0, done.err
    done = calibtui("evaluate", root, "--json", *UNDECODED, *settings)
    assert done.code == 0, done.err
    return done.json


def test_the_evaluation_reports_the_error_of_each_output_and_no_map(root, calibtui):
    said = stages(calibtui, root)
    assert "evaluation" not in said
    assert (said["outputs"]["frames"], said["outputs"]["source"]) == (4, "evaluation")
    (tensor,) = said["outputs"]["tensors"]
    assert tensor["compared"] and not tensor["equal"]
    assert tensor["sqnr_db"] == pytest.approx(-10 * math.log10(tensor["relative_error"]))


def test_the_figures_are_those_of_the_outputs_as_they_are(root, calibtui):
    (tensor,) = stages(calibtui, root)["outputs"]["tensors"]
    detector = Detector.load(load_settings(root).model, root)
    (path,) = (root / ".calibtui" / "models").glob("*.int8.onnx")
    int8 = detector.with_model(path)
    signal = noise = largest = 0.0
    for frame in sorted((root / "eval").iterdir()):
        prepared = detector.prepare(open_rgb(frame))[0]
        (exact,), (found,) = detector.infer(prepared).values(), int8.infer(prepared).values()
        apart = exact.astype(np.float64) - found
        signal, noise = signal + np.square(exact.astype(np.float64)).sum(), noise + np.square(apart).sum()
        largest = max(largest, np.abs(apart).max())
    assert tensor["relative_error"] == pytest.approx(noise / signal, rel=1e-3)
    assert tensor["largest_difference"] == pytest.approx(largest, rel=1e-3)


def test_without_annotated_frames_it_is_the_pool_but_for_the_calibration_set(root, calibtui):
    document = (root / "calibtui.toml").read_text()
    before, _, after = document.partition("[evaluation]")
    (root / "calibtui.toml").write_text(before + "[scoring]" + after.partition("[scoring]")[2])
    shutil.rmtree(root / "eval")
    said = stages(calibtui, root)["outputs"]
    assert (said["frames"], said["source"]) == (6, "pool")


def test_people_read_it_too(root, calibtui):
    stages(calibtui, root)
    shown = calibtui("evaluate", root, *UNDECODED)
    assert "not decoded: no mAP" in shown.out and "SQNR" in shown.out


@pytest.mark.parametrize(
    ("setting", "key"), [("quantization.max_map_drop=1", "max_map_drop"), ("scoring.judge=detector", "judge")]
)
def test_what_takes_boxes_is_a_configuration_error_that_says_why(root, calibtui, setting, key):
    done = calibtui("quantize", root, *UNDECODED, "--set", setting)
    assert done.code == 2
    assert key in done.err and 'decoder = "none"' in done.err and "boxes" in done.err


def test_an_ablation_says_why_it_cannot_be(root, calibtui):
    stages(calibtui, root)
    (root / "calibtui.toml").write_text(
        (root / "calibtui.toml").read_text().replace("[model]", '[model]\ndecoder = "none"')
    )
    done = calibtui("ablate", root)
    assert done.code == 2
    assert 'decoder is "none"' in done.err


def test_what_is_handed_over_says_that_nobody_read_boxes(root, calibtui, tmp_path):
    (root / "calibtui.toml").write_text(
        (root / "calibtui.toml").read_text().replace("[model]", '[model]\ndecoder = "none"')
    )
    stages(calibtui, root)
    done = calibtui("export", root, "--to", tmp_path / "out")
    assert done.code == 0, done.err
    told = json.loads((tmp_path / "out" / "deployment.json").read_text())
    assert told["outputs"]["decoder"] == "none"
    assert "error of the outputs" in (tmp_path / "out" / "README.md").read_text()
