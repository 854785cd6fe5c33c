"""What is judged by simulation in float is what exact integer arithmetic gives: the Q/DQ graph's own semantics."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from numpy.lib.stride_tricks import sliding_window_view
from onnx import numpy_helper

from calibtui.detector.session import open_session
from calibtui.quantization.cpu import CpuFeatures
from calibtui.quantization.graph import graph_of
from calibtui.quantization.prepare import prepare_model
from calibtui.quantization.presets import preset
from calibtui.quantization.provenance import Provenance
from calibtui.quantization.quantize import quantize
from calibtui.quantization.schemes import Scheme
from calibtui.workspace.settings import QuantizationSettings

VNNI, AVX2, ARM = CpuFeatures("x86", vnni=True), CpuFeatures("x86", avx2=True), CpuFeatures("arm")
# Every product is as large as it gets, so 16-bit sums of two of them would saturate: 2 × 255 × 127 > 32,767.
LOUD = np.full((1, 3, 32, 32), 4.0, np.float32)


def one_convolution(net, tmp_path, scheme: Scheme):
    """Written as INT8 with a range that the frames exceed in part."""
    net.constant("loud.weight", np.random.default_rng(0).uniform(0.2, 1.0, (8, 3, 3, 3)).astype(np.float32))
    net.constant("loud.bias", np.linspace(-1, 1, 8, dtype=np.float32))
    net.op("Conv", ["image", "loud.weight", "loud.bias"], "loud", pads=[0, 0, 0, 0])
    onnx.save(net.model(["loud"]), str(tmp_path / "float.onnx"))
    prepared = prepare_model(tmp_path / "float.onnx", tmp_path / "prepared.onnx")
    bounds = {"image": (-1.3, 4.0), "loud": (-60.0, 110.0)}
    target = tmp_path / "int8.onnx"
    return quantize(prepared, bounds, scheme, target, provenance=Provenance("set", "minmax", 1)).path


class Reference:
    """Integers from end to end, int64, from the constants of the file alone."""

    def __init__(self, path) -> None:
        self.model = onnx.load(str(path))
        self.graph = graph_of(self.model)
        self.conv = next(node for node in self.model.graph.node if node.op_type == "Conv")

    def _pair(self, node):
        scale, zero = (numpy_helper.to_array(self.graph.initializers[name]) for name in node.input[1:3])
        return scale.astype(np.float64), zero

    def _rounded(self, values, node):
        scale, zero = self._pair(node)
        limits = np.iinfo(zero.dtype)
        return np.clip(np.rint(values / scale) + int(zero), limits.min, limits.max).astype(np.int64) - int(zero), scale

    def _constant(self, name):
        maker = self.graph.producers.get(name)
        if maker is None:
            return numpy_helper.to_array(self.graph.initializers[name]).astype(np.float64), None
        scale, zero = self._pair(maker)
        values = numpy_helper.to_array(self.graph.initializers[maker.input[0]]).astype(np.int64)
        return values - zero.reshape(-1, *[1] * (values.ndim - 1)).astype(np.int64), scale

    def __call__(self, image):
        first = self.graph.producers[self.graph.producers[self.conv.input[0]].input[0]]
        pixels, pixel_scale = self._rounded(image, first)
        weights, weight_scale = self._constant(self.conv.input[1])
        windows = sliding_window_view(pixels[0], (3, 3), axis=(1, 2))
        sums = np.einsum("chwij,ocij->ohw", windows, weights)
        bias, bias_scale = self._constant(self.conv.input[2])
        bias = bias if bias_scale is None else bias * bias_scale
        found = sums * (pixel_scale * weight_scale)[:, None, None] + bias[:, None, None]
        behind = self.graph.consumers.get(self.conv.output[0], [])
        if not behind:
            return found[None]
        steps, scale = self._rounded(found, behind[0])
        return (steps * scale)[None]

    def step(self):
        """The step of the output's integers, 0 where it is float."""
        behind = self.graph.consumers.get(self.conv.output[0], [])
        return float(self._pair(behind[0])[0]) if behind else 0.0


@pytest.mark.parametrize("image", [LOUD, np.random.default_rng(1).normal(0.5, 2, (1, 3, 32, 32)).astype(np.float32)])
@pytest.mark.parametrize(
    ("target", "cpu", "here"),
    [
        ("ort-cpu", "vnni", AVX2),
        ("ort-cpu", "arm", AVX2),
        ("ort-cpu", "avx2", VNNI),
        ("tensorrt", "auto", VNNI),
        ("openvino", "auto", ARM),
    ],
)
def test_a_simulated_convolution_is_the_integer_one(empty_network, tmp_path, target, cpu, here, image):
    scheme = preset(target, QuantizationSettings(cpu=cpu), here)
    assert scheme.simulate
    path = one_convolution(empty_network, tmp_path, scheme)
    expected = Reference(path)
    (found,) = open_session(path, simulate=True).run(None, {"image": image})
    apart = np.abs(found - expected(image))
    rounding = 2e-6 * np.abs(expected(image)).max()
    # A result on the edge between two integers may fall to either side; it falls by one step, and hardly ever.
    assert np.mean(apart > rounding) < 1e-3
    assert apart.max() <= expected.step() * 1.001 + rounding


def test_the_session_of_a_simulation_runs_no_integer_kernel(empty_network, tmp_path):
    scheme = preset("ort-cpu", QuantizationSettings(cpu="vnni"), AVX2)
    path = one_convolution(empty_network, tmp_path, scheme)
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.optimized_model_filepath = str(tmp_path / "run.onnx")
    ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    kinds = {node.op_type for node in onnx.load(str(tmp_path / "run.onnx")).graph.node}
    assert kinds == {"QuantizeLinear", "DequantizeLinear", "Conv"}
