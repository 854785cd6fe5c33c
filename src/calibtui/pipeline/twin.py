"""The detector judge's twin: the engineer's model with INT8 arithmetic simulated, made once a float model."""

from __future__ import annotations

import hashlib

from calibtui.core.digests import digest_of, file_digest
from calibtui.core.errors import PoolError
from calibtui.detector.detector import Detector
from calibtui.pipeline.calibration import CalibrationFrame, calibrate
from calibtui.pipeline.context import Context, workers
from calibtui.pipeline.detection_pass import layout_digest
from calibtui.pipeline.quantize_stage import prepared_model
from calibtui.quantization.collector import Calibrator
from calibtui.quantization.provenance import versions
from calibtui.quantization.tensors import tensors_to_observe
from calibtui.quantization.twin import simulated_twin, twin_scheme
from calibtui.store.artifacts import ModelRow

FRAMES = 32
"""Enough that one odd frame doesn't set the ranges, few enough to take seconds."""


def simulated_twin_of(context: Context, detector: Detector) -> Detector:
    """The twin, from the store or made now of FRAMES frames of the pool, drawn by a hash of their digests.

    It stays the same while the float model does, also when the pool grows: scores must not change their meaning."""
    key = _key(detector)
    row = _known(context, key) or _make(context, detector, key)
    return detector.with_model(context.state / row.path, simulate=True)


def has_simulated_twin(context: Context, detector: Detector) -> bool:
    """Whether the twin is there, so that nothing has to be made."""
    return _known(context, _key(detector)) is not None


def _key(detector: Detector) -> str:
    return digest_of(["twin", file_digest(detector.path), layout_digest(detector), versions()])


def _known(context: Context, key: str) -> ModelRow | None:
    row = context.store.artifacts.model(key)
    return row if row is not None and (context.state / row.path).is_file() else None


def _make(context: Context, detector: Detector, key: str) -> ModelRow:
    context.tell("score", 0, 0, "making the model's simulated INT8 twin")
    prepared = prepared_model(context, detector)
    tensors = tensors_to_observe(prepared, twin_scheme())
    calibrator = Calibrator(prepared, tensors, threads=workers())
    saved = context.state / "calibration" / f"twin-{key[:16]}.npz"
    statistics = calibrate(context, calibrator, detector, _frames(context), saved, stage="score").statistics
    target = context.state / "models" / f"{detector.path.stem}.{key[:12]}.twin.onnx"
    made = simulated_twin(prepared, statistics, target)
    row = ModelRow(key, "twin", made.digest, target.relative_to(context.state).as_posix(), {"frames": FRAMES})
    context.store.artifacts.add_model(row, context.run)
    return row


def _frames(context: Context) -> list[CalibrationFrame]:
    rows = context.store.frames.usable("pool", unique=True)
    if not rows:
        raise PoolError("The pool has no readable frame.", "Check [pool] images in calibtui.toml.")
    drawn = sorted(rows, key=lambda row: hashlib.sha256(f"twin {row.digest}".encode()).digest())[:FRAMES]
    return [CalibrationFrame(row.uri, context.path_of(row.uri), row.digest) for row in drawn]
