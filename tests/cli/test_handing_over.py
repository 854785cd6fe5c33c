"""What other people are given: status, doctor, export, the demo."""

from __future__ import annotations

import json
import subprocess
import sys

import onnxruntime as ort
import pytest

from calibtui.selection.manifest import read_manifest


@pytest.fixture
def done(make_workspace, calibtui):
    root = make_workspace()
    result = calibtui("--batch", "--json", root)
    assert result.code == 0, result.err
    return root, result.json


def test_export_hands_over_set_model_provenance_report_and_frames(done, calibtui, tmp_path):
    root, summary = done
    out = tmp_path / "release"
    result = calibtui("export", root, "--to", out, "--images", "copy", "--json")
    assert result.code == 0, result.err
    manifest = read_manifest(out / "calibration-set.json")
    assert manifest["digest"] == summary["selection"]["digest"]
    assert len(list((out / "frames").glob("*.jpg"))) == manifest["size"]
    assert len(json.loads((out / "frames" / "names.json").read_text())) == manifest["size"]
    (model,) = out.glob("*.int8.onnx")
    assert ort.InferenceSession(str(model)).get_inputs()
    provenance = json.loads(next(out.glob("*.provenance.json")).read_text())
    assert provenance["set"] == manifest["digest"]
    assert (out / "report.html").is_file()


def test_export_never_writes_over_and_says_when_there_is_nothing_yet(done, make_workspace, calibtui, tmp_path):
    root, _ = done
    assert calibtui("export", root, "--to", root).code == 2
    empty = tmp_path / "empty"
    empty.mkdir()
    (empty / "calibtui.toml").write_text(f'[pool]\nimages = "{root / "pool"}"\n')
    result = calibtui("export", empty, "--to", tmp_path / "out")
    assert result.code == 2
    assert "calibtui --batch" in result.err
    assert not (tmp_path / "out").exists()


def test_status_tells_what_there_is_and_what_it_cost(done, calibtui):
    root, summary = done
    status = calibtui("status", "--json", root).json
    assert status["frames"] == summary["pool"]["frames"]
    assert status["scores"] == summary["scoring"]["scored"]
    assert status["spent_eur"] == summary["scoring"]["spent_eur"]
    assert status["runs"][0]["state"] == "done"


def test_doctor_finds_nothing_wrong_here_and_names_what_is(done, calibtui):
    root, _ = done
    healthy = calibtui("doctor", "--json", root)
    assert healthy.code == 0, healthy.out
    (root / "detector.onnx").write_bytes(b"rubbish")
    sick = calibtui("doctor", "--json", root)
    assert sick.code == 2
    (problem,) = [check for check in sick.json["checks"] if check["state"] == "problem"]
    assert problem["what"] == "model"
    assert "detector.onnx" in problem["said"]


def test_the_demo_makes_a_workspace_that_says_what_it_is_and_never_writes_over_another(calibtui, tmp_path):
    result = calibtui("demo", tmp_path / "demo")
    assert result.code == 0, result.err
    assert "practice judge" in (tmp_path / "demo" / "calibtui.toml").read_text()
    assert calibtui("demo", tmp_path / "demo").code == 0, "an existing demo is taken up again"
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.txt").write_text("mine")
    assert calibtui("demo", tmp_path / "other").code == 2


def test_help_and_version_answer_without_the_heavy_libraries():
    heavy = "('textual', 'duckdb', 'onnxruntime', 'pyarrow', 'numpy', 'PIL', 'aiohttp', 'rich')"
    code = (
        "import sys; sys.argv = ['calibtui', '--help']\n"
        "from calibtui.cli.main import main\n"
        "try: main()\nexcept SystemExit: pass\n"
        f"sys.exit(' '.join(name for name in {heavy} if name in sys.modules) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "COMMAND" in done.stdout
