"""Whether two files compute the same: both run once on one random input."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from calibtui.core.errors import ModelError
from calibtui.quantization.sessions import session_of

Feeds = Mapping[str, NDArray[Any]]
# Height and width to try where the model leaves them open: multiples of every stride that detectors use.
OPEN_SIDES = (320, 640, 512, 416, 256)
RELATIVE, ABSOLUTE = 1e-3, 1e-4
_TYPES = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
    "tensor(uint8)": np.uint8,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
}


def random_feeds(model: Path) -> Feeds:
    """Seeded random inputs that `model` runs on: batch 1 and, where sides are open, the first size that works.

    Raises ModelError where onnxruntime refuses the file, or none works.
    """
    try:
        session = session_of(model)
    except Exception as error:  # onnxruntime's own exceptions share no base
        raise ModelError(
            f"{model} can't be loaded by onnxruntime: {_line(error)}",
            "Check the file with onnx.checker, or export it again.",
        ) from error
    trouble = "it has no inputs"
    for side in OPEN_SIDES:
        feeds = {entry.name: _random(entry, side) for entry in session.get_inputs()}
        try:
            session.run(None, feeds)
            return feeds
        except Exception as error:  # the next size may fit
            trouble = _line(error)
    raise ModelError(f"{model} can't be run on a random input: {trouble}", "Export it with a fixed input size.")


def run_once(model: Path | bytes, feeds: Feeds) -> Feeds:
    """Outputs by name."""
    session = session_of(model)
    names = [entry.name for entry in session.get_outputs()]
    return dict(zip(names, session.run(None, dict(feeds)), strict=True))


def compare(expected: Feeds, found: Feeds) -> str | None:
    """What differs by more than float rounding explains, as one sentence; None where nothing does."""
    if expected.keys() != found.keys():
        return f"its outputs are {sorted(found)} instead of {sorted(expected)}."
    for name, before in expected.items():
        after = found[name]
        if before.shape != after.shape:
            return f"output {name} has shape {after.shape} instead of {before.shape}."
        if before.dtype.kind != "f":
            continue
        scale = float(np.nanmax(np.abs(before), initial=0.0))
        worst = float(np.nanmax(np.abs(before.astype(np.float64) - after), initial=0.0))
        if worst > RELATIVE * scale + ABSOLUTE:
            return f"output {name} differs by {worst:.3g} where values reach {scale:.3g}."
    return None


def _random(entry: ort.NodeArg, side: int) -> NDArray[Any]:
    if entry.type not in _TYPES:
        raise ModelError(
            f"Input {entry.name} has type {entry.type}, which is no image.", "Export it with a float32 input."
        )
    shape = [d if isinstance(d, int) and d > 0 else (1 if place < 1 else side) for place, d in enumerate(entry.shape)]
    if len(shape) == 4 and not (isinstance(entry.shape[1], int) and entry.shape[1] > 0):
        shape[1] = 3
    kind = _TYPES[entry.type]
    generator = np.random.default_rng(0)
    if np.issubdtype(kind, np.integer):
        return generator.integers(0, 255 if kind is np.uint8 else side, shape).astype(kind)
    return generator.random(shape).astype(kind)


def _line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
