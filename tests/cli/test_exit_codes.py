"""Every way a run can end early has its exit code, one clear message, and leaves nothing half-written."""

from __future__ import annotations

import json
import shutil

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from PIL import Image

from calibtui.store.store import Store


def classifier(path):
    weights = helper.make_tensor("w", TensorProto.FLOAT, [3, 10], np.ones(30, np.float32))
    nodes = [
        helper.make_node("GlobalAveragePool", ["images"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("MatMul", ["flat", "w"], ["logits"]),
    ]
    image = helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, 32, 32])
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, 10])
    graph = helper.make_graph(nodes, "classifier", [image], [logits], [weights])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), str(path))


def spoil_model(root):
    (root / "detector.onnx").write_bytes(b"not a model at all")


def no_detector(root):
    classifier(root / "detector.onnx")


def empty_pool(root):
    shutil.rmtree(root / "pool")
    (root / "pool").mkdir()


def unreadable_pool(root):
    for path in (root / "pool").iterdir():
        path.write_bytes(b"")


def other_classes(root):
    truth = json.loads((root / "eval.json").read_text())
    truth["categories"] = [{**category, "name": f"zebra {category['id']}"} for category in truth["categories"]]
    (root / "eval.json").write_text(json.dumps(truth))


def malformed_annotations(root):
    (root / "eval.json").write_text("{")


def strange_annotations(root):
    truth = json.loads((root / "eval.json").read_text())
    truth["images"] = [{**image, "file_name": f"elsewhere-{image['id']}.jpg"} for image in truth["images"]]
    (root / "eval.json").write_text(json.dumps(truth))


@pytest.mark.parametrize(
    ("spoil", "named"),
    [
        (spoil_model, "detector.onnx"),
        (no_detector, "detector.onnx"),
        (empty_pool, "pool"),
        (unreadable_pool, "pool/0000.jpg"),
        (other_classes, "zebra"),
        (malformed_annotations, "eval.json"),
        (strange_annotations, "eval.json"),
    ],
)
def test_bad_input_is_one_error_that_names_it_before_anything_is_paid(
    make_workspace, calibtui, practice_url, spoil, named
):
    root = make_workspace()
    spoil(root)
    result = calibtui("--batch", "--json", root)
    assert result.code == 2
    assert named in result.err
    assert "Traceback" not in result.err
    assert result.json["error"]["exit_code"] == 2
    assert "scoring" not in result.json


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--set", "selection.sise=3"], 2, "Did you mean size?"),
        (["--set", "scoring.model=gpt-5"], 2, "gpt-5"),
        (["--set", "scoring.prompt=difficulty@9"], 2, "difficulty@9"),
        (["--set", "providers.practice.keys=[{env='NO_SUCH_KEY_HERE'}]"], 2, "NO_SUCH_KEY_HERE"),
        (["--set", "quantization.max_map_drop=0", "--set", "quantization.percentile=50"], 5, "max_map_drop"),
        (["--set", "selection.pin=['nowhere.jpg']"], 2, "nowhere.jpg"),
    ],
)
def test_each_mistake_in_the_settings_has_its_code(make_workspace, calibtui, arguments, code, says):
    result = calibtui("--batch", "--json", *arguments, make_workspace())
    assert result.code == code, result.err
    assert says in result.err


def test_a_judge_that_can_not_be_reached_ends_with_4_and_keeps_the_workspace(make_workspace, calibtui):
    root = make_workspace(url="http://127.0.0.1:9/v1")
    result = calibtui("--batch", "--json", "--set", "scoring.deadline_s=0.5", root)
    assert result.code == 4
    assert result.json["scoring"]["stopped_by"] == "failures"
    assert result.json["scoring"]["scored"] == 0
    assert "selection" not in result.json


def test_no_workspace_no_table_and_no_set_say_what_to_do(make_workspace, calibtui, tmp_path):
    assert "calibtui init" in calibtui("--batch", tmp_path).err
    root = make_workspace()
    result = calibtui("quantize", root)
    assert result.code == 2
    assert "calibtui select" in result.err
    document = (root / "calibtui.toml").read_text()
    (root / "calibtui.toml").write_text(
        document[: document.index("[evaluation]")] + document[document.index("[scoring]") :]
    )
    result = calibtui("--batch", root)
    assert result.code == 2
    assert "[evaluation]" in result.err


def test_a_workspace_in_use_ends_with_6_and_names_the_process(make_workspace, start):
    root = make_workspace()
    with Store(root / ".calibtui"):
        process = start("--batch", "--json", root)
        out, err = process.communicate(timeout=120)
    assert process.returncode == 6, err
    assert "in use by process" in err
    assert json.loads(out)["error"]["exit_code"] == 6


def test_evaluation_frames_in_the_set_are_refused_unless_allowed_and_then_said(make_workspace, calibtui):
    root = make_workspace()
    shutil.copytree(root / "eval", root / "pool", dirs_exist_ok=True)
    size = len(list((root / "pool").iterdir()))
    arguments = ["--set", f"selection.size={size}"]
    refused = calibtui("--batch", "--json", *arguments, root)
    assert refused.code == 2
    assert "allow_overlap" in refused.err
    allowed = calibtui("--batch", "--json", *arguments, "--set", "evaluation.allow_overlap=true", root)
    assert allowed.code == 0, allowed.err
    assert any("also in the calibration set" in note for note in allowed.json["notes"])


def test_a_frame_that_changed_since_it_was_chosen_is_named(make_workspace, calibtui):
    root = make_workspace()
    calibtui("--batch", "--until", "select", "--json", root)
    for path in (root / "pool").iterdir():
        Image.new("RGB", (64, 64)).save(path, "JPEG")
    result = calibtui("quantize", root)
    assert result.code == 2
    assert "no longer the file that was chosen" in result.err


def test_unreadable_files_are_counted_and_named_and_stop_nothing(make_workspace, calibtui):
    root = make_workspace()
    (root / "pool" / "zero.jpg").write_bytes(b"")
    (root / "pool" / "cut.jpg").write_bytes((root / "pool" / "0000.jpg").read_bytes()[:900])
    result = calibtui("--batch", "--json", root)
    assert result.code == 0, result.err
    assert result.json["pool"]["unreadable"] == 2
    status = calibtui("status", root)
    assert "zero.jpg" in status.out
    assert "cut.jpg" in status.out
