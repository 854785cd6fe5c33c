"""What each weighted layer of an INT8 model is given, computes with, and gives."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray

from calibtui.quantization.diagnosis.integers import rounded_weights
from calibtui.quantization.diagnosis.metering import TensorFigures, decibel
from calibtui.quantization.graph import Graph
from calibtui.quantization.groups import groups
from calibtui.quantization.multiply_adds import multiply_adds
from calibtui.quantization.prepare import WEIGHTED

OUTLIER = 6.0
"""A channel whose peak is this many times the median channel's is an outlier."""

DEAD = 1e-8
"""Power of an output channel's weights over that of the strongest channel's, below which it does nothing."""


@dataclass(frozen=True, slots=True)
class LayerFigures:
    """One quantized Conv, ConvTranspose, Gemm or MatMul; all ratios in dB, nan where there is nothing to compare.

    `part` of the detector, such as "backbone, stride 8". `reads`, `gives`: its rounded input and output, "" where
    that is not rounded. `weight_db`: of its weights, rounded;
    `worst_channel_db` of the output channel where that is worst. `input_db`, `output_db`: of its input and its
    output, rounded by
    themselves.
    `arriving_db`, `leaving_db`: the INT8 model's whole error at its input and its output. `clipped`, `used`: of the
    input, see TensorFigures. `outliers`: input channels that stretch the range of all. `share` of the multiply-adds.
    """

    name: str
    op_type: str
    part: str
    reads: str
    gives: str
    weight_db: float
    worst_channel_db: float
    input_db: float
    output_db: float
    arriving_db: float
    leaving_db: float
    clipped: float
    used: float
    outliers: tuple[int, ...]
    share: float


def layer_figures(
    graph: Graph, quantized: onnx.ModelProto, figures: Mapping[str, TensorFigures]
) -> tuple[LayerFigures, ...]:
    """Of every node whose weights are rounded, in graph order."""
    weights = rounded_weights(quantized)
    counts = multiply_adds(graph.model)
    total = max(1, sum(counts.values()))
    parts = {name: group.name for group in groups(graph.model) for name in group.nodes}
    found = []
    for node in graph.model.graph.node:
        if node.op_type not in WEIGHTED or node.name not in weights:
            continue
        whole, worst = _weight_error(graph, node, weights[node.name])
        source, result = figures.get(node.input[0]), figures.get(_given(graph, node, figures))
        found.append(
            LayerFigures(
                name=node.name,
                op_type=node.op_type,
                part=parts.get(node.name, ""),
                reads=source.name if source else "",
                gives=result.name if result else "",
                weight_db=whole,
                worst_channel_db=worst,
                input_db=source.rounding_db if source else math.nan,
                output_db=result.rounding_db if result else math.nan,
                arriving_db=source.sqnr_db if source else math.nan,
                leaving_db=result.sqnr_db if result else math.nan,
                clipped=source.clipped if source else 0.0,
                used=source.used if source else math.nan,
                outliers=outlier_channels(source.peaks) if source else (),
                share=counts.get(node.name, 0) / total,
            )
        )
    return tuple(found)


def outlier_channels(peaks: NDArray[np.float32]) -> tuple[int, ...]:
    """Channels that tower over the others, the highest first; none where they are more than an eighth of all."""
    middle = float(np.median(peaks)) if len(peaks) >= 4 else 0.0
    towering = np.flatnonzero(peaks >= OUTLIER * middle) if middle > 0 else np.zeros(0, np.int64)
    if len(towering) > max(1, len(peaks) // 8):
        return ()
    return tuple(int(channel) for channel in towering[np.argsort(-peaks[towering], kind="stable")])


def _given(graph: Graph, node: onnx.NodeProto, figures: Mapping[str, TensorFigures]) -> str:
    """The rounded tensor that carries the node's result: its output, or what a folded activation makes of it."""
    result = str(node.output[0])
    readers = graph.consumers.get(result, [])
    if result not in figures and len(readers) == 1 and readers[0].output[0] in figures:
        return str(readers[0].output[0])
    return result


def _weight_error(graph: Graph, node: onnx.NodeProto, rounded: NDArray[np.float32]) -> tuple[float, float]:
    """Signal over rounding error of the weights, dB: all together, and of the worst output channel."""
    exact = graph.constant(node.input[1])
    if exact is None or exact.shape != rounded.shape:
        return math.nan, math.nan
    axis = {"Conv": 0, "ConvTranspose": 1}.get(node.op_type, exact.ndim - 1)
    rows = np.moveaxis(exact.astype(np.float64), axis, 0).reshape(exact.shape[axis], -1)
    error = rows - np.moveaxis(rounded.astype(np.float64), axis, 0).reshape(rows.shape)
    signal, noise = np.square(rows).sum(axis=1), np.square(error).sum(axis=1)
    # Training leaves channels behind whose weights are zero but for 1e-20: nobody misses those.
    alive = signal > DEAD * signal.max(initial=0)
    channels = [decibel(*pair) for pair in zip(signal[alive], noise[alive], strict=True)]
    return decibel(float(signal.sum()), float(noise.sum())), min(channels, default=math.nan)
