"""What single channels of activations do, over a few frames: their extremes and their means."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from calibtui.quantization.graph import graph_of
from calibtui.quantization.sessions import session_exposing

Feeds = Mapping[str, NDArray[Any]]
Values = NDArray[np.float64]
BEYOND = 0.1
"""Of a channel's extent: how far beyond its extremes other frames may reach."""


@dataclass(frozen=True)
class ChannelStatistics:
    """By tensor, (C,) float64 each: means over frames of a frame's `lows`, `highs` and `means`. A mean over frames of
    extremes is not set by one odd frame.

    `bottoms` and `tops`: what other frames will hardly pass. The extremes of all frames, and beyond them what a frame's
    extreme varies by and a tenth of the channel's extent: a channel of few elements shows its extremes rarely, and
    what is clipped off it costs more than the levels.
    """

    lows: Mapping[str, Values]
    highs: Mapping[str, Values]
    means: Mapping[str, Values]
    bottoms: Mapping[str, Values]
    tops: Mapping[str, Values]


def channel_statistics(
    model: onnx.ModelProto, tensors: Sequence[str], frames: Iterable[Feeds], threads: int = 1
) -> ChannelStatistics:
    """Of activations (1, C, ...) of the float `model`; a tensor without channels is left out."""
    graph = graph_of(model)
    wanted = [name for name in dict.fromkeys(tensors) if len(graph.shapes.get(name) or ()) >= 2]
    computed = [name for name in wanted if name in graph.producers]
    session = session_exposing(model, computed, threads)
    rows: dict[str, list[NDArray[np.float32]]] = {name: [] for name in wanted}
    for feeds in frames:
        found = dict(zip(computed, session.run(computed, dict(feeds)), strict=True)) if computed else {}
        for name in wanted:
            values = np.asarray(found.get(name, feeds.get(name)), np.float32)
            flat = values.reshape(values.shape[0], values.shape[1], -1)[0]
            rows[name].append(np.stack([flat.min(axis=1), flat.max(axis=1), flat.mean(axis=1)]))
    summed = {name: _over_frames(np.asarray(each, np.float64)) for name, each in rows.items() if each}
    parts = ({name: each[place] for name, each in summed.items()} for place in range(5))
    return ChannelStatistics(*parts)


def _over_frames(rows: Values) -> tuple[Values, ...]:
    """Of (F, 3, C) lows, highs and means: their means, and bottoms and tops, (C,) each."""
    low, high, mean = rows.mean(axis=0)
    bottom, top = rows[:, 0].min(axis=0), rows[:, 1].max(axis=0)
    further = BEYOND * (top - bottom)
    return low, high, mean, bottom - rows[:, 0].std(axis=0) - further, top + rows[:, 1].std(axis=0) + further
