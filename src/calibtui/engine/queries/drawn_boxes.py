"""Boxes in px as the wire has them: fractions of the frame."""

from __future__ import annotations

from collections.abc import Sequence

from calibtui.core.boxes import Detections, GroundTruth
from calibtui.engine.wire.frames import Box

FAINTEST = 0.05
MOST = 300


def truth_boxes(truth: GroundTruth, classes: Sequence[str], size: tuple[int, int]) -> tuple[Box, ...]:
    """`size`: (width, height) px of the frame."""
    return drawn(truth.boxes.tolist(), [name_of(classes, label) for label in truth.classes.tolist()], size)


def detection_boxes(found: Detections, classes: Sequence[str], size: tuple[int, int]) -> tuple[Box, ...]:
    """The best MOST detections with a confidence of FAINTEST or more."""
    sure = [place for place, score in enumerate(found.scores.tolist()) if score >= FAINTEST][:MOST]
    labels = [name_of(classes, int(found.classes[place])) for place in sure]
    return drawn(found.boxes[sure].tolist(), labels, size, [float(found.scores[place]) for place in sure])


def drawn(
    xyxy: Sequence[Sequence[float]],
    labels: Sequence[str],
    size: tuple[int, int],
    confidences: Sequence[float] | None = None,
) -> tuple[Box, ...]:
    """x1, y1, x2, y2 px of a frame of `size` (width, height)."""
    width, height = max(1, size[0]), max(1, size[1])
    sure: Sequence[float | None] = confidences if confidences is not None else [None] * len(labels)
    return tuple(
        Box(x1=x1 / width, y1=y1 / height, x2=x2 / width, y2=y2 / height, label=label, confidence=confidence)
        for (x1, y1, x2, y2), label, confidence in zip(xyxy, labels, sure, strict=True)
    )


def name_of(classes: Sequence[str], label: int) -> str:
    return classes[label] if 0 <= label < len(classes) else f"class {label}"
