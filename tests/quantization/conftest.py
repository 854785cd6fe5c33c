"""Small convolutional networks, built here, with the warts of real detector files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from calibtui.quantization.cpu import CpuFeatures
from calibtui.quantization.prepare import PreparedModel, prepare_model
from calibtui.quantization.presets import preset
from calibtui.quantization.schemes import Scheme
from calibtui.workspace.settings import QuantizationSettings

VNNI = CpuFeatures("x86", avx2=True, avx512=True, vnni=True)
SIDE = 32


class NetworkBuilder:
    """Nodes and weights of a network, appended one by one."""

    def __init__(self, seed: int = 0) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []
        self._random = np.random.default_rng(seed)

    def constant(self, name: str, values: np.ndarray) -> str:
        self.weights.append(numpy_helper.from_array(values, name))
        return name

    def conv(self, source: str, result: str, channels: tuple[int, int], kernel: int = 3, stride: int = 1) -> str:
        before, after = channels
        values = self._random.normal(0, 1 / np.sqrt(before * kernel * kernel), (after, before, kernel, kernel))
        self.constant(f"{result}.weight", values.astype(np.float32))
        self.constant(f"{result}.bias", self._random.normal(0, 0.1, after).astype(np.float32))
        pads = [kernel // 2] * 4
        inputs = [source, f"{result}.weight", f"{result}.bias"]
        return self.op("Conv", inputs, result, pads=pads, strides=[stride, stride])

    def op(self, kind: str, sources: list[str], result: str, **attributes: object) -> str:
        self.nodes.append(helper.make_node(kind, sources, [result], name=f"{kind}:{result}", **attributes))
        return result

    def silu(self, source: str, result: str) -> str:
        self.op("Sigmoid", [source], f"{result}.gate")
        return self.op("Mul", [source, f"{result}.gate"], result)

    def model(
        self, outputs: list[str], *, opset: int = 17, batch: int | str = 1, listed: bool = False
    ) -> onnx.ModelProto:
        image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [batch, 3, SIDE, SIDE])
        inputs = [image]
        if listed:
            inputs += [helper.make_tensor_value_info(w.name, w.data_type, list(w.dims)) for w in self.weights]
        results = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs]
        graph = helper.make_graph(self.nodes, "detector", inputs, results, self.weights)
        made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
        if listed:
            made.ir_version = 6
        inferred = onnx.shape_inference.infer_shapes(made)
        onnx.checker.check_model(inferred)
        return inferred


def detector_network(seed: int = 0) -> NetworkBuilder:
    """SiLU, Relu, LeakyRelu, Clip, a residual sum, a Concat, a nearest Resize, a head: every way a tensor follows."""
    net = NetworkBuilder(seed)
    stem = net.silu(net.conv("image", "stem", (3, 16), stride=2), "stem.act")
    left = net.op("Relu", [net.conv(stem, "left", (16, 16))], "left.act")
    right = net.op("LeakyRelu", [net.conv(stem, "right", (16, 16))], "right.act", alpha=0.1)
    both = net.op("Concat", [left, right], "both", axis=1)
    deep = net.silu(net.conv(both, "deep", (32, 24), stride=2), "deep.act")
    summed = net.op("Add", [deep, net.silu(net.conv(deep, "res", (24, 24)), "res.act")], "summed")
    net.constant("six.low", np.array(0, np.float32))
    net.constant("six.high", np.array(6, np.float32))
    clipped = net.op("Clip", [net.conv(summed, "cap", (24, 16)), "six.low", "six.high"], "cap.act")
    net.constant("scales", np.array([1, 1, 2, 2], np.float32))
    larger = net.op(
        "Resize", [clipped, "", "scales"], "larger",
        mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor",
    )  # fmt: skip
    joined = net.op("Concat", [larger, both], "joined", axis=1)
    net.conv(net.silu(net.conv(joined, "neck", (48, 16)), "neck.act"), "head", (16, 7), kernel=1)
    net.constant("rows", np.array([1, 7, -1], np.int64))
    net.op("Reshape", ["head", "rows"], "output")
    return net


@pytest.fixture
def network() -> NetworkBuilder:
    return detector_network()


@pytest.fixture
def empty_network() -> NetworkBuilder:
    """Nothing yet."""
    return NetworkBuilder()


@pytest.fixture
def prepared(tmp_path: Path, network: NetworkBuilder) -> PreparedModel:
    """The network as a file, prepared."""
    source = tmp_path / "float.onnx"
    onnx.save(network.model(["output"]), str(source))
    return prepare_model(source, tmp_path / "prepared.onnx")


@pytest.fixture
def scheme() -> Scheme:
    """What a CPU with VNNI gets."""
    return preset("ort-cpu", QuantizationSettings(), VNNI)


@pytest.fixture
def frame() -> Callable[[int], np.ndarray]:
    """Input (1, 3, 32, 32) float32 of a numbered frame: uneven scales, so that frames differ in their extremes."""

    def make(number: int) -> np.ndarray:
        generator = np.random.default_rng(number)
        return (generator.normal(0.3, 1 + number % 5, (1, 3, SIDE, SIDE))).astype(np.float32)

    return make
