"""Tensors whose parts are of very different size and share one scale, as boxes (0–640) and scores (0–1) in the last
Concat of a detector: the small ones are left with a few steps, or with none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import onnx

from calibtui.quantization.diagnosis.metering import TensorFigures, decibel
from calibtui.quantization.graph import Graph, attribute

APART = 16.0
"""Parts whose peaks differ this much: the smaller keeps at most a sixteenth of the steps, 4 of 8 bits."""


@dataclass(frozen=True, slots=True)
class SharedScale:
    """A rounded tensor and its largest and smallest part by name, with their peaks; `small_db`: the smallest part's
    signal over its rounding error, dB; `steps`: how many of the range's steps it spans. `node` joins or parts them."""

    tensor: str
    node: str
    large: str
    small: str
    large_peak: float
    small_peak: float
    small_db: float
    steps: float


def shared_scales(graph: Graph, figures: Mapping[str, TensorFigures]) -> tuple[SharedScale, ...]:
    """In graph order: rounded tensors that a Concat makes of, or a Split parts into, tensors that lie far apart."""
    found = []
    for tensor, each in figures.items():
        for node, parts in _partings(graph, tensor):
            if shared := _apart(each, node, _bounds(graph, parts, each.axis)):
                found.append(shared)
    return tuple(found)


def _partings(graph: Graph, tensor: str) -> Iterator[tuple[onnx.NodeProto, list[str]]]:
    producer = graph.producers.get(tensor)
    if producer is not None and producer.op_type == "Concat":
        yield producer, list(producer.input)
    shape = graph.shapes.get(tensor)
    for reader in graph.consumers.get(tensor, []):
        if reader.op_type == "Split" and shape and int(attribute(reader, "axis", 0)) % len(shape) == 1:
            yield reader, list(reader.output)


def _bounds(graph: Graph, parts: list[str], axis: int) -> list[tuple[str, int, int]]:
    """(name, first channel, channel after the last); empty where a shape is not known."""
    bounds: list[tuple[str, int, int]] = []
    start = 0
    for name in parts:
        shape = graph.shapes.get(name)
        if shape is None:
            constant = graph.constant(name)
            shape = None if constant is None else constant.shape
        if not shape or axis >= len(shape):
            return []
        bounds.append((name, start, start + shape[axis]))
        start += shape[axis]
    return bounds


def _apart(each: TensorFigures, node: onnx.NodeProto, bounds: list[tuple[str, int, int]]) -> SharedScale | None:
    if len(bounds) < 2 or bounds[-1][2] != len(each.peaks):
        return None
    peaks = {name: float(each.peaks[first:after].max(initial=0)) for name, first, after in bounds}
    small, large = min(peaks, key=peaks.__getitem__), max(peaks, key=peaks.__getitem__)
    if not 0 < peaks[small] * APART <= peaks[large]:
        return None
    first, after = next((first, after) for name, first, after in bounds if name == small)
    steps = 255 * peaks[small] / max(each.range_high - each.range_low, 1e-30)
    error = decibel(float(each.signal[first:after].sum()), float(each.noise[first:after].sum()))
    return SharedScale(each.name, node.name, large, small, peaks[large], peaks[small], error, steps)
