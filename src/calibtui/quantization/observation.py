"""A session that also yields the observed activations, at little more than the cost of plain inference."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray
from onnx import helper

from calibtui.quantization.graph import attribute, graph_of
from calibtui.quantization.sessions import session_of, session_options

# Blocks of channels in onnxruntime's NCHWc layout are 8 or 16 wide: a multiple of 16 is never padded.
_CHANNEL_BLOCK = 16
_FLOAT = onnx.TensorProto.FLOAT


class Observer:
    """Runs the model and hands out the observed activations, (N,) float32 each.

    Order inside an activation is the engine's own: a convolution's result is taken in the blocked layout that the next
    convolution reads, since putting it back in order costs more than counting it, and counts don't depend on order.
    """

    def __init__(self, model: onnx.ModelProto, observed: tuple[str, ...], threads: int = 1) -> None:
        serialized, self._names = _exposed(model, observed, threads)
        self._session = session_of(serialized, threads, optimize=self._names == {})
        self._names = self._names or {name: name for name in observed}
        self._inputs = tuple(entry.name for entry in self._session.get_inputs())
        self._passed_on = {name for name in observed if name in self._inputs}

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the model's inputs."""
        return self._inputs

    def run(self, feeds: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[np.float32]]:
        """Observed activations of one frame by name."""
        found = self._computed(feeds)
        flat = {name: found[inner].reshape(-1) for name, inner in self._names.items() if inner in found}
        flat |= {name: np.ascontiguousarray(feeds[name], np.float32).reshape(-1) for name in self._passed_on}
        return flat

    def _computed(self, feeds: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[np.float32]]:
        wanted = [name for name in dict.fromkeys(self._names.values()) if name not in self._inputs]
        return dict(zip(wanted, self._session.run(wanted, dict(feeds)), strict=True)) if wanted else {}


def _exposed(model: onnx.ModelProto, observed: tuple[str, ...], threads: int) -> tuple[bytes, dict[str, str]]:
    """The model as the engine optimizes it, with `observed` as outputs; and each one's name in there, empty where the
    model has to be given to the engine unoptimized.
    """
    plain = _with_outputs(model, observed)
    serialized = plain.SerializeToString()
    try:
        with tempfile.TemporaryDirectory(prefix="calibtui-observe-") as folder:
            path = Path(folder) / "optimized.onnx"
            options = session_options(threads)
            options.optimized_model_filepath = str(path)
            ort.InferenceSession(serialized, options, providers=["CPUExecutionProvider"])
            optimized = onnx.load(str(path))
        names = _without_reordering(optimized, observed)
        blocked = optimized.SerializeToString()
        session_of(blocked, threads, optimize=False)
        return blocked, names
    except Exception:  # an engine that doesn't write or read its own layout still observes, only slower
        return serialized, {}


def _with_outputs(model: onnx.ModelProto, observed: tuple[str, ...]) -> onnx.ModelProto:
    """`model` with batch 1 and the observed tensors as its only outputs, beside its own."""
    made = onnx.ModelProto()
    made.CopyFrom(model)
    for info in made.graph.input:
        dims = info.type.tensor_type.shape.dim
        if dims and not dims[0].dim_value:
            dims[0].dim_value = 1
    graph = graph_of(made)
    for name in observed:
        if name not in graph.outputs and name in graph.producers:
            made.graph.output.append(helper.make_tensor_value_info(name, _FLOAT, graph.shapes.get(name)))
    return made


def _without_reordering(optimized: onnx.ModelProto, observed: tuple[str, ...]) -> dict[str, str]:
    """Takes away the nodes that only bring observed tensors back in order; returns the names they are found under."""
    graph = graph_of(optimized)
    own = {name: name for name in observed}
    outputs = {info.name: info for info in optimized.graph.output}
    for node in list(optimized.graph.node):
        result = node.output[0]
        if node.op_type != "ReorderOutput" or result not in own or graph.consumers.get(result):
            continue
        if attribute(node, "channels", 0) % _CHANNEL_BLOCK or attribute(node, "channels_last", 0):
            continue
        own[result] = node.input[0]
        outputs[result].name = node.input[0]
        optimized.graph.node.remove(node)
    return own
