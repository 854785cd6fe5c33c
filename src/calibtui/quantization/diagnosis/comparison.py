"""The float model and its INT8 model side by side on a sample, tensor by tensor.

The Q/DQ graph runs in float with graph optimisation off, which computes what integers would, whatever the CPU.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray
from onnx import TensorProto, helper

from calibtui.quantization.diagnosis.integers import RoundedTensor, rounded_activations
from calibtui.quantization.diagnosis.metering import TensorFigures, TensorMeter
from calibtui.quantization.graph import Graph, attribute, graph_of
from calibtui.quantization.prepare import PreparedModel
from calibtui.quantization.sessions import session_of


class Comparison:
    """Adds one frame at a time: what is kept is a few sums a tensor, and one frame's activations while it runs."""

    def __init__(self, prepared: PreparedModel, quantized: onnx.ModelProto, threads: int = 1) -> None:
        model = prepared.load()
        graph = graph_of(model)
        self._rounded = rounded_activations(quantized, graph)
        self._meters = {name: TensorMeter(each, channel_axis(graph, name)) for name, each in self._rounded.items()}
        self._float = _session(model, (name for name in self._rounded if name in graph.producers), threads, True)
        self._int8 = _session(quantized, (each.rounded for each in self._rounded.values()), threads, False)

    @property
    def rounded(self) -> Mapping[str, RoundedTensor]:
        """The activations that the INT8 model rounds, by name."""
        return self._rounded

    def add(self, feeds: Mapping[str, NDArray[Any]]) -> None:
        """One frame: all inputs of the model by name."""
        exact = _run(self._float, (name for name in self._rounded), feeds) | dict(feeds)
        found = _run(self._int8, (each.rounded for each in self._rounded.values()), feeds)
        for name, meter in self._meters.items():
            meter.add(np.asarray(exact[name], np.float32), found[self._rounded[name].rounded])

    @property
    def figures(self) -> dict[str, TensorFigures]:
        """Of every rounded activation, in graph order."""
        return {name: meter.figures for name, meter in self._meters.items()}


def channel_axis(graph: Graph, tensor: str) -> int:
    """Along which axis a tensor's channels lie: a Concat's own, else the second of three and more, else the last."""
    node = graph.producers.get(tensor)
    shape = graph.shapes.get(tensor)
    if node is not None and node.op_type == "Concat" and shape:
        return int(attribute(node, "axis", 1)) % len(shape)
    return 1 if shape is None or len(shape) >= 3 else len(shape) - 1


def _session(model: onnx.ModelProto, wanted: Iterable[str], threads: int, optimize: bool) -> ort.InferenceSession:
    """A session of `model` with `wanted` among its outputs."""
    made = onnx.ModelProto()
    made.CopyFrom(model)
    present = {info.name for info in made.graph.output}
    for name in wanted:
        if name not in present:
            made.graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, None))
    return session_of(made.SerializeToString(), threads, optimize=optimize)


def _run(
    session: ort.InferenceSession, wanted: Iterable[str], feeds: Mapping[str, NDArray[Any]]
) -> dict[str, NDArray[np.float32]]:
    inputs = {entry.name for entry in session.get_inputs()}
    names = [name for name in wanted if name not in inputs]
    return dict(zip(names, session.run(names, dict(feeds)), strict=True))
