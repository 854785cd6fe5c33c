"""Passes over the evaluation frames by the key of what they were made of, so that no model is run twice over the
same."""

from __future__ import annotations

from typing import Any

from calibtui.detector.detector import Detector
from calibtui.pipeline.context import Context
from calibtui.pipeline.detection_pass import DetectionPass, load_pass, save_pass
from calibtui.store.artifacts import EvaluationRow


def stored_pass(context: Context, detector: Detector, key: str, frames: int) -> DetectionPass | None:
    """The pass of `key` over so many frames; None where it is not there, or can't be relied on."""
    # What a decoder of the user's own computes can change without its name changing.
    row = None if ":" in detector.layout.decoder else context.store.artifacts.evaluation(key)
    done = load_pass(context.state / row.detections) if row else None
    return done if done is not None and len(done.detections) == frames else None


def keep_pass(context: Context, key: str, model_digest: str, done: DetectionPass, **record: Any) -> None:
    """Writes the pass, and then the row that names it with `record` of plain values."""
    path = context.state / "evaluations" / f"{key[:16]}.npz"
    save_pass(path, done)
    row = EvaluationRow(
        key, model_digest, path.relative_to(context.state).as_posix(), {"frames": len(done.detections), **record}
    )
    context.store.artifacts.add_evaluation(row, context.run)
