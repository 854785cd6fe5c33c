"""An order of corners that is only assumed is a warning of the doctor, a comment of init and a note of a run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from calibtui.core.progress import StopFlag
from calibtui.core.summary import RunSummary
from calibtui.detector.detector import Detector
from calibtui.pipeline.context import Context
from calibtui.pipeline.detection_pass import layout_digest
from calibtui.pipeline.doctor import examine
from calibtui.pipeline.handover.box_reading import reading_of
from calibtui.pipeline.init_workspace import initialise
from calibtui.pipeline.stages import StageRunner
from calibtui.store.store import Store
from calibtui.workspace.load import load_settings
from calibtui.workspace.settings import ModelSettings

SETTINGS = '[pool]\nimages = "images"\n[model]\nonnx = "detector.onnx"\n[scoring]\njudge = "detector"\n'


@pytest.fixture
def root(tmp_path) -> Path:
    """A workspace whose detector gives two boxes in px, their labels and scores, all as floats and without names."""
    outputs = {
        "a": np.array([[[10, 20, 30, 60], [40, 20, 60, 50]]], np.float32),
        "b": np.array([[1, 2]], np.float32),
        "c": np.array([[0.9, 0.6]], np.float32),
    }
    nodes = [
        helper.make_node("ReduceMean", ["picture"], ["mean"], keepdims=0),
        helper.make_node("Mul", ["mean", "zero"], ["nothing"]),
        *(helper.make_node("Add", [f"constant_{name}", "nothing"], [name]) for name in outputs),
    ]
    weights = [numpy_helper.from_array(value, f"constant_{name}") for name, value in outputs.items()]
    graph = helper.make_graph(
        nodes,
        "detector",
        [helper.make_tensor_value_info("picture", TensorProto.FLOAT, [1, 3, 64, 64])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, value.shape) for name, value in outputs.items()],
        [*weights, numpy_helper.from_array(np.float32(0), "zero")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, str(tmp_path / "detector.onnx"))
    (tmp_path / "images").mkdir()
    Image.new("RGB", (64, 64)).save(tmp_path / "images" / "frame.png")
    (tmp_path / "calibtui.toml").write_text(SETTINGS)
    return tmp_path


def test_the_doctor_warns_until_the_order_is_set(root):
    (warning,) = [check for check in examine(root) if check.what == "model" and check.state == "warning"]
    assert "model.box_order" in warning.said
    (root / "calibtui.toml").write_text(SETTINGS.replace("[scoring]", 'box_order = "yxyx"\n[scoring]'))
    checks = [check for check in examine(root) if check.what == "model"]
    assert {check.state for check in checks} == {"ok"}
    assert any("boxes are y1, x1, y2, x2: model.box_order says so" in check.said for check in checks)


def test_init_writes_it_beside_the_model(root):
    lines = initialise(root, force=True).file.read_text().splitlines()
    assert any(line.startswith("# ") and "x1, y1, x2, y2 is assumed" in line for line in lines)
    assert any(line.startswith("# box_order") for line in lines)


def test_a_run_notes_it_once(root):
    settings = load_settings(root)
    with Store(settings.state) as store:
        context = Context(settings, store, "run", lambda _: None, StopFlag())
        runner = StageRunner(context, RunSummary(str(root), "run"))
        runner.open_detector()
        runner.open_detector()
    (note,) = context.notes
    assert note.startswith("detector.onnx: nothing tells whether") and note.endswith(".")


def test_what_was_detected_in_the_other_order_is_not_taken_up_again_and_the_handover_says_the_order(root):
    plain, swapped = (
        Detector.load(ModelSettings("detector.onnx", box_order=order), root) for order in ("auto", "yxyx")
    )
    assert layout_digest(plain) != layout_digest(swapped)
    assert "x1, y1, x2, y2" in reading_of(plain.layout)
    assert "y1, x1, y2, x2" in reading_of(swapped.layout)
