"""Both models on the same frames where nobody reads boxes from their outputs: the error of the outputs themselves."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path
from typing import Literal

import numpy as np

from calibtui.core.errors import PoolError
from calibtui.core.summary import OutputLine, OutputsSummary
from calibtui.detector.decoders.undecoded import NAME
from calibtui.detector.detector import Detector
from calibtui.pipeline.context import Context, workers
from calibtui.pipeline.frame_feed import prefetched
from calibtui.pipeline.index_stage import index_role
from calibtui.pipeline.quantize_stage import Int8Model
from calibtui.pool.images import open_rgb
from calibtui.quantization.output_tally import OutputTally

SAMPLE = 64
"""Frames of the pool that outputs are compared on: means over whole tensors settle within a few dozen."""


def is_undecoded(detector: Detector) -> bool:
    """Whether the model's outputs can only be compared as they are."""
    return detector.layout.decoder == NAME


def compare_outputs(context: Context, detector: Detector, int8: Int8Model) -> OutputsSummary:
    """Float and INT8 model on the evaluation frames, which need no annotation for it, or without [evaluation] on
    frames of the pool that are not in the calibration set. Raises PoolError where there is no frame."""
    source, paths = _frames(context, int8)
    quantized = detector.with_model(int8.path, simulate=int8.simulate, precise=int8.precise)
    tally = OutputTally()
    times: dict[str, list[float]] = {"float": [], "INT8": []}

    def load(path: Path) -> np.ndarray:
        return detector.prepare(open_rgb(path))[0]

    for number, (_, tensor) in enumerate(prefetched(paths, load, workers=workers()), 1):
        context.stop.raise_if_set()
        answers = []
        for name, model in (("float", detector), ("INT8", quantized)):
            before = time.perf_counter()
            answers.append(model.infer(tensor))
            times[name].append(time.perf_counter() - before)
        tally.add(*answers)
        context.tell("evaluate", number, len(paths), "outputs of float and INT8")
    reference_ms, int8_ms = (1000 * float(np.median(row)) for row in times.values())
    return OutputsSummary(
        frames=tally.frames,
        source=source,
        tensors=tuple(OutputLine(e.name, e.compared, e.sqnr, e.relative, e.largest) for e in tally.errors()),
        reference_bytes=detector.path.stat().st_size,
        int8_bytes=int8.path.stat().st_size,
        reference_ms=reference_ms,
        int8_ms=int8_ms,
    )


def _frames(context: Context, int8: Int8Model) -> tuple[str, list[Path]]:
    """Where they are from, and their files. Frames that ranges were read from would flatter the INT8 model."""
    settings = context.settings.evaluation
    if settings is not None:
        index_role(context, "evaluation", settings.images)
    source: Literal["pool", "evaluation"] = "pool" if settings is None else "evaluation"
    rows = context.store.frames.usable(source, unique=True)
    others = [row for row in rows if row.digest not in int8.calibration_digests]
    if not rows:
        raise PoolError("There is no readable frame to compare outputs on.", "Check [pool] and [evaluation] images.")
    if not others:
        context.note("Outputs are compared on frames of the calibration set, which flatters the INT8 model.")
    elif len(others) < len(rows) and source == "evaluation":
        context.note(f"{len(rows) - len(others)} evaluation frames are in the calibration set and are left out.")
    kept = others or rows
    if source == "pool":
        kept = sorted(kept, key=lambda row: hashlib.sha256(f"outputs {row.digest}".encode()).digest())[:SAMPLE]
    return source, [context.path_of(row.uri) for row in kept]
