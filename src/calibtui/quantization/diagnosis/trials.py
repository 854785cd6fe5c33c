"""INT8 models that exist only for a moment, to see what one decision does to the outputs: statistics are reused, no
file is written."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, MutableMapping
from copy import copy
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray

from calibtui.core.digests import digest_of
from calibtui.quantization.graph import graph_of
from calibtui.quantization.output_error import FloatAnswers
from calibtui.quantization.prepare import PreparedModel
from calibtui.quantization.presets import FOLDED_OPS
from calibtui.quantization.qdq import qdq_model
from calibtui.quantization.schemes import Scheme
from calibtui.quantization.sessions import session_options
from calibtui.quantization.tensors import nodes_in_float

Range = tuple[float, float]
Feed = Callable[[NDArray[np.float32]], Mapping[str, NDArray[Any]]]
"""A prepared frame to all inputs of the model by name."""
Outputs = Mapping[str, NDArray[Any]]
OneFrame = Callable[[Outputs], Outputs]
"""A model's outputs to those of the one frame that was asked, where its batch is larger."""


def as_they_are(outputs: Outputs) -> Outputs:
    """For a model whose batch is one frame."""
    return outputs


class Trials:
    """Output errors of variants of one INT8 model, on the frames of `answers`.

    All run as simulated quantization in float, with graph optimisation off, so that a difference is the variant's and
    not some kernel's; `on_this_cpu` is the exception. A variant that is in
    `known` costs nothing, and each that was tried goes there: errors by a digest of the variant, all else being equal.
    """

    def __init__(
        self,
        prepared: PreparedModel,
        scheme: Scheme,
        ranges: Mapping[str, Range],
        answers: FloatAnswers,
        feed: Feed,
        threads: int = 1,
        one_frame: OneFrame = as_they_are,
        known: MutableMapping[str, float] | None = None,
    ) -> None:
        self._model = prepared.load()
        self._graph = graph_of(self._model)
        self._outputs = list(prepared.outputs)
        self._scheme = scheme
        self._ranges = dict(ranges)
        self._answers = answers
        self._feed = feed
        self._threads = threads
        self._one_frame = one_frame
        self._known = {} if known is None else known
        kept = nodes_in_float(self._graph, scheme)
        # Activation functions that are folded follow the layer before them: out of it they would want ranges of their
        # own.
        own = frozenset(scheme.op_types) - frozenset(FOLDED_OPS)
        nodes = (node for node in self._model.graph.node if node.op_type in own)
        self.rounded = tuple(node.name for node in nodes if node.name not in kept)
        """Names of the nodes that the scheme quantizes on their own, in graph order."""

    def under(self, scheme: Scheme) -> Trials:
        """The same with another scheme."""
        made = copy(self)
        made._scheme = scheme
        return made

    def quantized(self, left_out: Collection[str] = (), ranges: Mapping[str, Range] | None = None) -> onnx.ModelProto:
        """The Q/DQ graph with `left_out` in float besides what the scheme leaves, and `ranges` over the usual ones."""
        model = onnx.ModelProto()
        model.CopyFrom(self._model)
        kept = nodes_in_float(self._graph, self._scheme, frozenset(left_out))
        return qdq_model(model, self._ranges | dict(ranges or {}), self._scheme, tuple(sorted(kept)))

    def without(self, left_out: Collection[str], ranges: Mapping[str, Range] | None = None) -> float:
        """Output error with the nodes `left_out` in float."""
        other = {name: list(bounds) for name, bounds in (ranges or {}).items()}
        key = digest_of([self._scheme.describe(), sorted(left_out), other])
        if key not in self._known:
            self._known[key] = self._error(self.quantized(left_out, ranges), optimize=False)
        return self._known[key]

    def alone(self, rounded: Collection[str], ranges: Mapping[str, Range] | None = None) -> float:
        """Output error with nothing but the nodes `rounded` quantized."""
        return self.without(frozenset(self.rounded) - frozenset(rounded), ranges) if rounded else 0.0

    def on_this_cpu(self) -> float:
        """Output error of the whole INT8 model as this machine's integer kernels compute it."""
        return self._error(self.quantized(), optimize=True)

    def _error(self, model: onnx.ModelProto, *, optimize: bool) -> float:
        options = session_options(self._threads, optimize=optimize, config=self._scheme.session_config)
        session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])

        def infer(tensor: NDArray[np.float32]) -> Outputs:
            found = session.run(self._outputs, dict(self._feed(tensor)))
            return self._one_frame(dict(zip(self._outputs, found, strict=True)))

        return self._answers.error(infer).total
