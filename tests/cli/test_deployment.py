"""What is handed over with an INT8 model is enough to deploy it where nobody has heard of calibtui."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import sysconfig
from pathlib import Path

import numpy as np
import onnx
import pytest

from calibtui.detector.detector import Detector
from calibtui.pool.images import open_rgb
from calibtui.workspace.load import load_settings

STRANGER = """
import importlib.util, json, sys
sys.path.append(sys.argv[1])
assert importlib.util.find_spec("calibtui") is None, "calibtui can be imported"
import numpy as np, onnxruntime as ort
from pathlib import Path
from PIL import Image
folder, frame, result = map(Path, sys.argv[2:5])
told = json.loads((folder / "deployment.json").read_text())
wants, (width, height) = told["input"], told["input"]["size"]
picture = Image.open(frame).convert("RGB")
ratio = min(width / picture.width, height / picture.height)
inner = (round(picture.width * ratio), round(picture.height * ratio))
left, top = ((width - inner[0]) // 2, (height - inner[1]) // 2) if wants["align"] == "center" else (0, 0)
canvas = np.full((height, width, 3), wants["pad"], np.uint8)
canvas[top:top + inner[1], left:left + inner[0]] = picture.resize(inner, Image.Resampling.BILINEAR, reducing_gap=3.0)
planes = canvas[..., ::-1] if wants["channels"] == "bgr" else canvas
tensor = ((planes * wants["scale"] - np.array(wants["mean"])) / np.array(wants["std"])).astype(wants["dtype"])
options = ort.SessionOptions()
for key, value in told["runtime"]["session_config"].items():
    options.add_session_config_entry(key, value)
session = ort.InferenceSession(folder / told["model"]["file"], options, providers=["CPUExecutionProvider"])
np.savez(result, *session.run(None, {wants["input"]: tensor.transpose(2, 0, 1)[None]}))
assert "calibtui" not in sys.modules
"""


@pytest.fixture
def handed_over(make_workspace, calibtui, tmp_path):
    """A function that makes an INT8 model for a target and hands it over; the workspace and the directory."""
    root = make_workspace(pool=8, evaluation=4)

    def hand_over(*settings: str) -> tuple[Path, Path]:
        chosen = ("selection.strategy=random", "selection.size=4", *settings)
        options = [word for setting in chosen for word in ("--set", setting)]
        assert calibtui("--batch", "--only", "pool", root, *options).code == 0
        for stage in ("select", "quantize"):
            done = calibtui(stage, root, *options)
            assert done.code == 0, done.err
        out = tmp_path / f"out-{len(list(tmp_path.iterdir()))}"
        done = calibtui("export", root, "--to", out, "--json")
        assert done.code == 0, done.err
        assert set(done.json["files"]) == {path.name for path in out.iterdir()}
        return root, out

    return hand_over


def described(out: Path) -> dict:
    return json.loads((out / "deployment.json").read_text())


def without_calibtui(folder: Path) -> Path:
    """The installed packages, linked, but not this one; -S leaves out the .pth files that would bring it back."""
    folder.mkdir()
    for package in Path(sysconfig.get_paths()["purelib"]).iterdir():
        if "calibtui" not in package.name:
            (folder / package.name).symlink_to(package)
    return folder


def test_a_stranger_with_stock_onnxruntime_gets_the_same_answers(handed_over, tmp_path):
    root, out = handed_over()
    frame = next((root / "eval").iterdir())
    said_to = tmp_path / "said.npz"
    packages = without_calibtui(tmp_path / "packages")
    command = [sys.executable, "-I", "-S", "-c", STRANGER, *map(str, (packages, out, frame, said_to))]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    settings = load_settings(root)
    int8 = Detector.load(settings.model, root).with_model(next(out.glob("*.int8.onnx")))
    ours = int8.infer(int8.prepare(open_rgb(frame))[0])
    with np.load(said_to) as said:
        for theirs, expected in zip(said.values(), ours.values(), strict=True):
            # Sums of a pixel's three factors round differently; a level of INT8 apart is allowed, on few values.
            assert np.mean(np.abs(theirs - expected) > 1e-3 * np.abs(expected).max()) < 0.01


@pytest.mark.parametrize("target", ["ort-cpu", "ort-cuda", "tensorrt", "openvino"])
def test_the_model_is_clean_carries_its_provenance_and_what_its_target_wants(handed_over, target):
    _, out = handed_over(f"quantization.target={target}")
    (path,) = out.glob("*.int8.onnx")
    onnx.checker.check_model(str(path), full_check=True)
    keys = {entry.key for entry in onnx.load(str(path)).metadata_props}
    assert {"calibtui.set", "calibtui.calibrator", "calibtui.scheme", "calibtui.float_model"} <= keys
    assert next(out.glob("*.provenance.json")).is_file()
    assert (out / "calibration.cache").is_file() == (target == "tensorrt")
    assert (out / "openvino.json").is_file() == (target == "openvino")
    told = described(out)
    assert told["onnx_checker"] == "clean"
    assert told["quantization"]["target"] == target
    assert told["runtime"]["latency_is_of_the_target"] == (target == "ort-cpu")


def test_the_description_names_file_input_outputs_and_classes_as_the_detector_has_them(handed_over):
    root, out = handed_over()
    told = described(out)
    detector = Detector.load(load_settings(root).model, root)
    model = out / told["model"]["file"]
    assert told["model"]["sha256"] == hashlib.sha256(model.read_bytes()).hexdigest()
    assert told["model"]["float_sha256"] == hashlib.sha256((root / "detector.onnx").read_bytes()).hexdigest()
    assert tuple(told["input"]["size"]) == detector.input_size
    assert told["input"]["mean"] == list(detector.layout.input.mean)
    assert told["outputs"]["decoder"] == detector.layout.decoder
    assert tuple(told["classes"]) == detector.classes


def test_size_and_latency_of_both_models_name_the_cpu_and_the_threads(handed_over):
    root, out = handed_over()
    told = described(out)["measured"]
    assert told["cpu"]
    assert told["threads"] >= 1
    assert told["runs"] >= 5
    assert told["float"]["size_bytes"] == (root / "detector.onnx").stat().st_size
    for name in ("float", "int8"):
        low, high = told[name]["quartiles_ms"]
        assert 0 < low <= told[name]["median_ms"] <= high


def test_the_page_for_people_says_how_frames_are_prepared_and_what_lies_beside_it(handed_over):
    _, out = handed_over("quantization.target=tensorrt")
    page = (out / "README.md").read_text()
    told = described(out)
    for path in out.iterdir():
        assert path.name == "README.md" or f"`{path.name}`" in page
    for word in (told["input"]["channels"].upper(), told["outputs"]["decoder"], told["classes"][0], "version 11"):
        assert word in page


def test_a_float_model_that_was_exchanged_meanwhile_is_not_described_as_the_old_one(handed_over, calibtui, tmp_path):
    root, _ = handed_over()
    model = onnx.load(str(root / "detector.onnx"))
    model.doc_string = "another"
    onnx.save(model, str(root / "detector.onnx"))
    done = calibtui("export", root, "--to", tmp_path / "late")
    assert done.code == 2
    assert "detector.onnx is no longer the file" in done.err
    assert not (tmp_path / "late").exists()
