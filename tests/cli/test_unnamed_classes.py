"""A model whose outputs carry labels, and no names, takes the annotations' classes."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def end_to_end_detector(path, label: int) -> None:
    """A (1, 10, 6) output of one box and nine empty rows, with a convolution on the way so that there is something to
    quantize."""
    rows = np.zeros((1, 10, 6), np.float32)
    rows[0, 0] = [40, 40, 90, 90, 0.9, label]
    constants = {
        "weights": np.full((8, 3, 3, 3), 0.01, np.float32),
        "nothing": np.zeros(1, np.float32),
        "shape": np.array([1, 8, 1], np.int64),
        "rows": rows,
    }
    nodes = [
        helper.make_node("Conv", ["images", "weights"], ["seen"], name="stem", kernel_shape=[3, 3], pads=[1] * 4),
        helper.make_node("GlobalAveragePool", ["seen"], ["pooled"]),
        helper.make_node("Reshape", ["pooled", "shape"], ["flat"]),
        helper.make_node("ReduceMean", ["flat"], ["mean"], keepdims=1, axes=[1]),
        helper.make_node("Mul", ["mean", "nothing"], ["none"]),
        helper.make_node("Add", ["rows", "none"], ["output0"]),
    ]
    image = helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, 128, 128])
    output = helper.make_tensor_value_info("output0", TensorProto.FLOAT, [1, 10, 6])
    tensors = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "detector", [image], [output], tensors)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), str(path))


def test_it_is_evaluated_with_the_annotations_classes(make_workspace, calibtui):
    root = make_workspace()
    end_to_end_detector(root / "detector.onnx", label=1)
    result = calibtui("--batch", "--json", "--set", "model.decoder=yolo-end2end", root)
    assert result.code == 0, result.err
    assert set(result.json["evaluation"]["reference"]["per_class"]) == {"scratch", "pit", "stain", "dent"}


def test_a_label_beyond_the_annotations_classes_is_named(make_workspace, calibtui):
    root = make_workspace()
    end_to_end_detector(root / "detector.onnx", label=9)
    result = calibtui("--batch", "--json", "--set", "model.decoder=yolo-end2end", root)
    assert result.code == 2
    assert "class number 9" in result.err
