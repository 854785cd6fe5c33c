"""What single channels of activations do, over a few frames: their extremes and their means."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from calibtui.quantization.graph import graph_of
from calibtui.quantization.sessions import session_of

Feeds = Mapping[str, NDArray[Any]]
Values = NDArray[np.float64]


@dataclass(frozen=True)
class ChannelStatistics:
    """By tensor, (C,) float64 each: means over frames of a frame's `lows`, `highs` and `means`. A mean over frames of
    extremes is not set by one odd frame."""

    lows: Mapping[str, Values]
    highs: Mapping[str, Values]
    means: Mapping[str, Values]


def channel_statistics(
    model: onnx.ModelProto, tensors: Sequence[str], frames: Iterable[Feeds], threads: int = 1
) -> ChannelStatistics:
    """Of activations (1, C, ...) of the float `model`; a tensor without channels is left out."""
    graph = graph_of(model)
    wanted = [name for name in dict.fromkeys(tensors) if len(graph.shapes.get(name) or ()) >= 2]
    computed = [name for name in wanted if name in graph.producers]
    session = session_of(_exposing(model, [n for n in computed if n not in graph.outputs]), threads)
    rows: dict[str, list[NDArray[np.float32]]] = {name: [] for name in wanted}
    for feeds in frames:
        found = dict(zip(computed, session.run(computed, dict(feeds)), strict=True)) if computed else {}
        for name in wanted:
            values = np.asarray(found.get(name, feeds.get(name)), np.float32)
            flat = values.reshape(values.shape[0], values.shape[1], -1)[0]
            rows[name].append(np.stack([flat.min(axis=1), flat.max(axis=1), flat.mean(axis=1)]))
    over: dict[str, Values] = {
        name: np.asarray(np.mean(each, axis=0, dtype=np.float64)) for name, each in rows.items() if each
    }
    parts = ({name: each[place] for name, each in over.items()} for place in range(3))
    return ChannelStatistics(*parts)


def _exposing(model: onnx.ModelProto, tensors: Sequence[str]) -> bytes:
    made = onnx.ModelProto()
    made.CopyFrom(model)
    made.graph.output.extend(helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in tensors)
    return bytes(made.SerializeToString())
