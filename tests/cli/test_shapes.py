"""A segmentation or pose model is compared by its masks or keypoints too."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from .test_ablate import DETECTOR_JUDGE

COEFFICIENTS = 3


def with_masks(root: Path) -> None:
    """The sample detector, whose every mask fills its box; and annotations whose masks are their boxes."""
    model = onnx.load(str(root / "detector.onnx"))
    output = model.graph.output[0]
    rows = output.type.tensor_type.shape.dim[2].dim_value
    rename(model, output.name, "boxes_only")
    coefficients = np.zeros((1, COEFFICIENTS, rows), np.float32)
    coefficients[:, 0] = 1
    weights = np.zeros((COEFFICIENTS, 3, 4, 4), np.float32)
    model.graph.initializer.extend(
        [
            numpy_helper.from_array(coefficients, "coefficients"),
            numpy_helper.from_array(weights, "proto_weights"),
            numpy_helper.from_array(np.ones(COEFFICIENTS, np.float32), "proto_bias"),
        ]
    )
    picture = model.graph.input[0].name
    model.graph.node.extend(
        [
            helper.make_node("Concat", ["boxes_only", "coefficients"], [output.name], "add_coefficients", axis=1),
            helper.make_node(
                "Conv", [picture, "proto_weights", "proto_bias"], ["prototypes"], "prototypes", strides=[4, 4]
            ),
        ]
    )
    output.type.tensor_type.shape.dim[1].dim_value += COEFFICIENTS
    model.graph.output.append(helper.make_tensor_value_info("prototypes", TensorProto.FLOAT, None))
    tell(model, task="segment")
    onnx.save(model, str(root / "detector.onnx"))
    annotate(root, lambda x, y, w, h: {"segmentation": [[x, y, x + w, y, x + w, y + h, x, y + h]]})


def with_keypoints(root: Path) -> None:
    """The sample detector, whose two keypoints are its box's centre; and annotations that have them there."""
    model = onnx.load(str(root / "detector.onnx"))
    output = model.graph.output[0]
    rename(model, output.name, "boxes_only")
    rows = output.type.tensor_type.shape.dim[2].dim_value
    model.graph.initializer.extend(
        [
            numpy_helper.from_array(np.array([0, 1], np.int64), "xy"),
            numpy_helper.from_array(np.ones((1, 1, rows), np.float32), "sure"),
        ]
    )
    joined = ["boxes_only", "centre", "sure", "centre", "sure"]
    model.graph.node.extend(
        [
            helper.make_node("Gather", ["boxes_only", "xy"], ["centre"], "centre", axis=1),
            helper.make_node("Concat", joined, [output.name], "add_points", axis=1),
        ]
    )
    output.type.tensor_type.shape.dim[1].dim_value += 6
    tell(model, task="pose", kpt_shape="[2, 3]")
    onnx.save(model, str(root / "detector.onnx"))
    annotate(root, lambda x, y, w, h: {"keypoints": [x + w / 2, y + h / 2, 2] * 2})


def rename(model: onnx.ModelProto, old: str, new: str) -> None:
    for node in model.graph.node:
        node.output[:] = [new if name == old else name for name in node.output]


def tell(model: onnx.ModelProto, **properties: str) -> None:
    kept = {entry.key: entry.value for entry in model.metadata_props}
    helper.set_model_props(model, {**kept, **properties})


def annotate(root: Path, shape) -> None:
    truth = json.loads((root / "eval.json").read_text())
    for annotation in truth["annotations"]:
        annotation |= shape(*annotation["bbox"])
    (root / "eval.json").write_text(json.dumps(truth))


@pytest.mark.parametrize(("change", "kind"), [(with_masks, "masks"), (with_keypoints, "keypoints")])
def test_shapes_have_their_own_map_and_interval(calibtui, make_workspace, change, kind) -> None:
    root = make_workspace(pool=8, evaluation=16, document=DETECTOR_JUDGE)
    change(root)
    ran = calibtui("launch", root, "--batch", "--json")
    assert ran.code == 0, ran.err
    evaluation = ran.json["evaluation"]
    shapes = evaluation["shapes"]
    assert shapes["kind"] == kind
    assert shapes["reference"]["map50"] == pytest.approx(evaluation["reference"]["map50"], abs=0.15)
    assert shapes["drop"]["ci95"][0] <= shapes["drop"]["points"] <= shapes["drop"]["ci95"][1]
    assert calibtui("evaluate", root, "--json").json["evaluation"]["shapes"] == shapes, "a stored pass has them too"
    assert f"{kind} 50–95" in calibtui("evaluate", root).out


def test_boxes_alone_are_evaluated_where_they_alone_are_annotated(calibtui, make_workspace) -> None:
    root = make_workspace(pool=8, evaluation=16, document=DETECTOR_JUDGE)
    plain = (root / "eval.json").read_text()
    with_masks(root)
    (root / "eval.json").write_text(plain)
    ran = calibtui("launch", root, "--batch", "--json")
    assert ran.code == 0, ran.err
    assert "shapes" not in ran.json["evaluation"]
    assert any("its boxes alone are evaluated" in note for note in ran.json["notes"])
