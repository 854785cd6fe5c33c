"""A Q/DQ pair: the nodes that round a tensor to integers and back, and their constants."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from calibtui.quantization.schemes import Scheme

Range = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Pair:
    """`output` is the rounded tensor's name."""

    constants: tuple[onnx.TensorProto, onnx.TensorProto]
    nodes: tuple[onnx.NodeProto, onnx.NodeProto]
    output: str


def pair(name: str, bounds: Range, scheme: Scheme) -> Pair:
    """For the activation `name` with a range of `bounds`, by the scheme's type and symmetry."""
    scale, zero = scale_and_zero(bounds, scheme)
    return _pair(name, np.array(scale, np.float32), zero)


def channel_pair(name: str, steps: tuple[NDArray[np.float32], NDArray[np.integer]]) -> Pair:
    """For the activation `name` with a step and a zero a channel, (C,) each."""
    return _pair(name, *steps, axis=1)


def _pair(name: str, scale: NDArray[np.float32], zero: NDArray[np.integer], **attributes: Any) -> Pair:
    constants = (numpy_helper.from_array(scale, f"{name}.scale"), numpy_helper.from_array(zero, f"{name}.zero"))
    inputs = [constant.name for constant in constants]
    integers, output = f"{name}.integers", f"{name}.rounded"
    nodes = (
        helper.make_node("QuantizeLinear", [name, *inputs], [integers], name=f"{name}.Q", **attributes),
        helper.make_node("DequantizeLinear", [integers, *inputs], [output], name=f"{name}.DQ", **attributes),
    )
    return Pair(constants, nodes, output)


def scale_and_zero(bounds: Range, scheme: Scheme) -> tuple[float, np.ndarray]:
    """The step of an integer and the integer that stands for 0, a scalar of the activations' type."""
    low, high = min(bounds[0], 0.0), max(bounds[1], 0.0)
    kind = np.int8 if scheme.activations == "int8" else np.uint8
    least = int(np.iinfo(kind).min)
    if scheme.symmetric_activations:
        return max(-low, high) / 127 or 1.0, np.array(0 if kind is np.int8 else 128, kind)
    scale = (high - low) / 255 or 1.0
    return scale, np.array(int(np.clip(round(-low / scale) + least, least, least + 255)), kind)
