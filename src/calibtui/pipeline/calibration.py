"""Frames through the float model for statistics: prepared ahead in threads, saved as it goes, resumed at any frame."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from calibtui.core.errors import CalibtuiError, ConfigurationError, ModelError
from calibtui.detector.detector import Detector
from calibtui.pipeline.context import Context, workers
from calibtui.pipeline.frame_feed import prefetched
from calibtui.pool.decoding import read_bytes
from calibtui.pool.images import decode_rgb
from calibtui.quantization.collector import Calibrator
from calibtui.quantization.statistics import Statistics

SAVE_EVERY_S = 5.0


@dataclass(frozen=True, slots=True)
class CalibrationFrame:
    """A frame of the set; `digest` is what its file must still have."""

    uri: str
    path: Path
    digest: str


@dataclass(frozen=True, slots=True)
class Calibrated:
    """`inference_seconds`: the share of the time inside the model, this run alone."""

    statistics: Statistics
    inference_seconds: float


def calibrate(
    context: Context,
    calibrator: Calibrator,
    detector: Detector,
    frames: Sequence[CalibrationFrame],
    saved: Path,
    *,
    stage: str = "quantize",
) -> Calibrated:
    """Statistics over all frames. What an interrupted run left in `saved` is taken up again, and `saved` removed at
    the end.

    Raises ConfigurationError for a frame whose file is no longer the one that was chosen.
    """
    _resume(context, calibrator, saved)
    todo = [frame for frame in frames if frame.digest not in calibrator.frames]
    done, saved_at = len(frames) - len(todo), time.monotonic()

    def load(frame: CalibrationFrame) -> NDArray[np.float32]:
        return detector.prepare(checked_pixels(frame, read_bytes(frame.path)))[0]

    try:
        for frame, tensor in prefetched(todo, load, workers=max(1, workers() - 1)):
            context.stop.raise_if_set()
            calibrator.observe(frame.digest, detector.feed(tensor))
            done += 1
            context.tell(stage, done, len(frames), "calibrating")
            if time.monotonic() - saved_at > SAVE_EVERY_S:
                calibrator.save(saved)
                saved_at = time.monotonic()
    except CalibtuiError:
        calibrator.save(saved)
        raise
    saved.unlink(missing_ok=True)
    return Calibrated(calibrator.statistics, calibrator.inference_seconds)


def _resume(context: Context, calibrator: Calibrator, saved: Path) -> None:
    if not saved.exists():
        return
    try:
        calibrator.resume(saved)
    except ModelError as error:
        context.note(f"Calibration began anew: {error.message}")
        saved.unlink()


def checked_pixels(frame: CalibrationFrame, data: bytes) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 RGB of the file's `data`. Raises ConfigurationError where that is no longer what was chosen."""
    if hashlib.sha256(data).hexdigest() != frame.digest:
        raise ConfigurationError(
            f"The frame {frame.uri} is no longer the file that was chosen for the calibration set.",
            "Put the old file back, or run `calibtui select` again.",
        )
    return decode_rgb(frame.path, data)
