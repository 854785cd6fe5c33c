"""Activation ranges of single frames: measured once a model and frame, kept, resumed at any frame."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from calibtui.core.digests import digest_of
from calibtui.core.errors import ModelError
from calibtui.detector.detector import Detector
from calibtui.pipeline.calibration import CalibrationFrame
from calibtui.pipeline.context import Context, workers
from calibtui.pipeline.detection_pass import layout_digest
from calibtui.pipeline.frame_feed import prefetched
from calibtui.pipeline.quantize_stage import prepared_model
from calibtui.pool.images import open_rgb
from calibtui.quantization.coverage.frame_ranges import STRAY, FrameRangeMeter, FrameRanges
from calibtui.quantization.coverage.range_file import RangeFile
from calibtui.quantization.tensors import tensors_to_observe
from calibtui.quantization.twin import twin_scheme
from calibtui.selection.pins import resolved
from calibtui.selection.select import SelectionInput
from calibtui.store.frames import FrameRow

MOST = 1000
"""Frames of a pool that are measured: what a hundredth of it does is then known from ten frames."""
SAVE_EVERY_S = 2.0


def measured_ranges(
    context: Context, detector: Detector, frames: Sequence[CalibrationFrame], *, stage: str
) -> FrameRanges:
    """Ranges of `frames`, in their order; those that are known already cost nothing.

    Raises ModelError for a frame whose activations are not finite; InterruptedByUser, and what is measured stays.
    """
    context.tell(stage, 0, len(frames), "preparing the model")
    prepared = prepared_model(context, detector)
    # Which tensors there are must not depend on this machine's CPU, or the same pool would give another set elsewhere.
    tensors = tensors_to_observe(prepared, twin_scheme())
    key = digest_of([prepared.digest, layout_digest(detector), list(tensors), STRAY])
    file = _opened(context, key, tensors)
    try:
        todo = [frame for frame in frames if frame.digest not in file.known]
        if todo:
            _measure(context, detector, FrameRangeMeter(prepared, tensors, workers()), todo, file, len(frames), stage)
        bounds = np.stack([file.known[frame.digest] for frame in frames])
    finally:
        file.close()
    return FrameRanges(tensors, tuple(frame.digest for frame in frames), bounds)


def with_ranges(
    context: Context, data: SelectionInput, frames: Sequence[FrameRow], pins: Sequence[str]
) -> SelectionInput:
    """`data` with the activation ranges of the pool's distinct `frames`, or of a sample of a large pool that has the
    pinned ones. Raises ConfigurationError where calibtui.toml has no [model]."""
    settings = context.settings.selection
    pinned = {data.digests[index] for index in resolved(pins, "pin", data.uris, data.digests)}
    sample = sample_of(frames, pinned, settings.seed)
    if len(sample) < len(frames):
        context.note(f"The set is chosen from {len(sample):,} of the pool's {len(frames):,} frames, drawn by the seed.")
    detector = Detector.load(context.model_settings(), context.root, threads=workers())
    known = measured_ranges(context, detector, frames_of(context, sample), stage="select")
    lows, highs = bounds_by_digest(known, data.digests)
    return replace(data, lows=lows, highs=highs)


def bounds_by_digest(known: FrameRanges, digests: Sequence[str]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Robust bounds (N, T) in the order of `digests`, rows of nan for those that were not measured."""
    place = {digest: number for number, digest in enumerate(known.frames)}
    rows = [row for row, digest in enumerate(digests) if digest in place]
    measured = [place[digests[row]] for row in rows]
    lows, highs = (np.full((len(digests), len(known.tensors)), np.nan, np.float32) for _ in range(2))
    lows[rows], highs[rows] = (bounds[measured] for bounds in known.robust)
    return lows, highs


def frames_of(context: Context, rows: Sequence[FrameRow]) -> list[CalibrationFrame]:
    """Rows of the store as frames to run."""
    return [CalibrationFrame(row.uri, context.path_of(row.uri), row.digest) for row in rows]


def sample_of(rows: Sequence[FrameRow], always: Collection[str], seed: int) -> list[FrameRow]:
    """At most MOST of the pool's distinct frames by a hash of seed and digest, and those of the digests `always`."""
    drawn = sorted(rows, key=lambda row: hashlib.sha256(f"ranges {seed} {row.digest}".encode()).digest())
    kept = {row.digest for row in drawn[:MOST]} | set(always)
    return [row for row in rows if row.digest in kept]


def _opened(context: Context, key: str, tensors: tuple[str, ...]) -> RangeFile:
    path = context.state / "ranges" / f"{key[:16]}.ranges"
    try:
        return RangeFile(path, key, tensors)
    except ModelError as error:
        context.note(f"Activation ranges are measured anew: {error.message}")
        path.unlink()
        return RangeFile(path, key, tensors)


def _measure(
    context: Context,
    detector: Detector,
    meter: FrameRangeMeter,
    todo: Sequence[CalibrationFrame],
    file: RangeFile,
    total: int,
    stage: str,
) -> None:
    done, started = total - len(todo), time.monotonic()
    flushed = started

    def load(frame: CalibrationFrame) -> NDArray[np.float32]:
        return detector.prepare(open_rgb(frame.path))[0]

    for number, (frame, tensor) in enumerate(prefetched(todo, load, workers=max(1, workers() - 1)), start=1):
        context.stop.raise_if_set()
        file.add(frame.digest, meter.measure(frame.digest, detector.feed(tensor)))
        now = time.monotonic()
        context.tell(
            stage, done + number, total, f"activation ranges, {number / max(now - started, 1e-9):.1f} frames/s"
        )
        if now - flushed > SAVE_EVERY_S:
            file.flush()
            flushed = now
