"""onnxruntime's QDQQuantizer, fed with ranges from outside.

The class is not a documented interface: everything that touches it is in this file, and its behaviour is pinned by
tests.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import onnx
from onnxruntime.quantization.calibrate import CalibrationMethod, TensorsData
from onnxruntime.quantization.qdq_quantizer import QDQQuantizer
from onnxruntime.quantization.quant_utils import QuantType

from calibtui.core.errors import ModelError
from calibtui.quantization.graph import graph_of
from calibtui.quantization.residuals import residual_inputs, round_residuals
from calibtui.quantization.schemes import Scheme

Range = tuple[float, float]
_TYPES = {"uint8": QuantType.QUInt8, "int8": QuantType.QInt8}
# Stands for tensors whose range is asked for and thrown away, such as the input of a Relu that is folded.
_PLACEHOLDER: Range = (0.0, 1.0)


def activations_quantized(model: onnx.ModelProto, scheme: Scheme, float_nodes: tuple[str, ...]) -> frozenset[str]:
    """Names of the activations that get Q/DQ: a rehearsal with placeholder ranges. `model` is consumed."""
    return _run(model, {}, scheme, float_nodes)[1]


def qdq_model(
    model: onnx.ModelProto, ranges: Mapping[str, Range], scheme: Scheme, float_nodes: tuple[str, ...]
) -> onnx.ModelProto:
    """`model` with Q/DQ around its quantized nodes. `model` is consumed. Raises ModelError for a range that is
    missing.
    """
    made, used = _run(model, ranges, scheme, float_nodes)
    missing = sorted(used - ranges.keys())
    if missing:
        raise ModelError(
            f"No range is known for {len(missing)} tensors that are quantized, the first of them {missing[0]!r}.",
            "Calibrate again with the tensors that this scheme asks for.",
        )
    return made


def _run(
    model: onnx.ModelProto, ranges: Mapping[str, Range], scheme: Scheme, float_nodes: tuple[str, ...]
) -> tuple[onnx.ModelProto, frozenset[str]]:
    residual = residual_inputs(graph_of(model), scheme, float_nodes) if scheme.residual_adds else {}
    filled = dict.fromkeys(_float_activations(model), _PLACEHOLDER) | dict(ranges)
    constants = {tensor.name for tensor in model.graph.initializer}
    data = TensorsData(
        CalibrationMethod.MinMax,
        {name: (np.array(low, np.float32), np.array(high, np.float32)) for name, (low, high) in filled.items()},
    )
    with _quiet():
        quantizer = QDQQuantizer(
            model,
            scheme.per_channel,
            scheme.reduce_range,
            _TYPES[scheme.weights],
            _TYPES[scheme.activations],
            data,
            [],
            list(float_nodes),
            list(scheme.op_types),
            extra_options=_options(scheme),
        )
        made = quantizer.quantize_model()
        round_residuals(made, residual, filled, scheme)
        quantizer.model.topological_sort()
    # A bias that several nodes share is copied for each, under a name that the model didn't have.
    constants |= quantizer.bias_to_quantize.keys()
    return made, frozenset((set(quantizer.quantized_value_map) | set(residual.values())) - constants)


def _options(scheme: Scheme) -> dict[str, Any]:
    return {
        "ActivationSymmetric": scheme.symmetric_activations,
        "WeightSymmetric": True,
        "QuantizeBias": scheme.quantize_bias,
        "OpTypesToExcludeOutputQuantization": [] if scheme.quantize_outputs else list(scheme.op_types),
        "ForceQuantizeNoInputCheck": False,
    }


def _float_activations(model: onnx.ModelProto) -> list[str]:
    known = [*model.graph.input, *model.graph.value_info, *model.graph.output]
    return [info.name for info in known if info.type.tensor_type.elem_type == onnx.TensorProto.FLOAT]


@contextmanager
def _quiet() -> Iterator[None]:
    """The quantizer warns through the root logger, at every bias whose scale it adjusts."""
    root = logging.getLogger()
    before = root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
