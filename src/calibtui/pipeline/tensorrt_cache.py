"""A calibration cache for TensorRT up to 10, from the ranges of an INT8 model.

The format is TensorRT's own: a line with version and algorithm, then a line a tensor, its name and the big-endian bits
of its scale, a float32, in hex. A scale is the largest magnitude over 127, since TensorRT takes no zero points.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

HEADER = "TRT-8601-EntropyCalibration2"
LEVELS = 127


def tensorrt_cache(ranges: Mapping[str, Sequence[float]]) -> str:
    """`ranges`: (low, high) by tensor. A tensor that is always zero gets the smallest scale there is for it: 1/127."""
    lines = [f"{name}: {_bits(max(abs(low), abs(high)) or 1.0)}" for name, (low, high) in sorted(ranges.items())]
    return "\n".join([HEADER, *lines]) + "\n"


def _bits(magnitude: float) -> str:
    return struct.pack(">f", magnitude / LEVELS).hex()
