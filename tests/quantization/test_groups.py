"""The parts of a detector: every weighted node in one, told by the graph."""

from __future__ import annotations

import numpy as np
import onnx

from calibtui.quantization.groups import groups
from calibtui.quantization.prepare import WEIGHTED

from .conftest import NetworkBuilder


def two_scales() -> NetworkBuilder:
    """A backbone, a neck with one upsampling, and a head of two branches at each of two strides."""
    net = NetworkBuilder()
    net.op("Relu", [net.conv("image", "first", (3, 8), stride=2)], "first.act")
    net.op("Relu", [net.conv("first.act", "second", (8, 8), stride=2)], "second.act")
    net.op("Relu", [net.conv("second.act", "third", (8, 8), stride=2)], "third.act")
    net.constant("scales", np.array([1, 1, 2, 2], np.float32))
    net.op("Resize", ["third.act", "", "scales"], "up", mode="nearest")
    net.op("Concat", ["up", "second.act"], "joined", axis=1)
    net.op("Relu", [net.conv("joined", "merged", (16, 8))], "merged.act")
    net.op("Relu", [net.conv("merged.act", "down", (8, 8), stride=2)], "down.act")
    for scale, source in (("fine", "merged.act"), ("coarse", "down.act")):
        for branch, width in (("boxes", 4), ("scores", 3)):
            net.op("Relu", [net.conv(source, f"{scale}.{branch}.stem", (8, 8))], f"{scale}.{branch}.act")
            net.conv(f"{scale}.{branch}.act", f"{scale}.{branch}", (8, width), kernel=1)
    return net


def by_node(model: onnx.ModelProto) -> dict[str, str]:
    return {node: group.name for group in groups(model) for node in group.nodes}


def test_every_weighted_node_is_in_exactly_one_group(prepared):
    model = prepared.load()
    listed = [node for group in groups(model) for node in group.nodes]
    assert sorted(listed) == sorted(node.name for node in model.graph.node if node.op_type in WEIGHTED)


def test_stem_backbone_neck_and_branches_are_told_apart():
    net = two_scales()
    model = net.model(["fine.boxes", "fine.scores", "coarse.boxes", "coarse.scores"])
    found = by_node(model)
    assert found["Conv:first"] == "stem"
    assert found["Conv:third"].startswith("backbone, stride 8")
    assert found["Conv:merged"].startswith("neck")
    heads = {found[f"Conv:{scale}.{branch}"] for scale in ("fine", "coarse") for branch in ("boxes", "scores")}
    assert len(heads) == 4 and all(name.startswith("head") for name in heads)
    assert found["Conv:fine.boxes"] == found["Conv:fine.boxes.stem"]


def test_names_of_nodes_decide_nothing():
    net = two_scales()
    outputs = ["fine.boxes", "fine.scores", "coarse.boxes", "coarse.scores"]
    expected = by_node(net.model(outputs))
    for place, node in enumerate(net.nodes):
        node.name = f"n{place}"
    found = by_node(net.model(outputs))
    assert sorted(found.values())[:3] == sorted(expected.values())[:3]
    assert len(set(found.values())) == len(set(expected.values()))


def test_a_convolution_on_pooled_features_is_squeeze_and_excitation():
    net = NetworkBuilder()
    net.op("Relu", [net.conv("image", "stem", (3, 8))], "stem.act")
    net.op("GlobalAveragePool", ["stem.act"], "pooled")
    net.op("Sigmoid", [net.conv("pooled", "squeeze", (8, 8), kernel=1)], "gate")
    net.op("Mul", ["stem.act", "gate"], "scaled")
    net.conv("scaled", "output", (8, 4), kernel=1)
    assert by_node(net.model(["output"]))["Conv:squeeze"] == "squeeze and excitation"
