"""How many of a frame's objects a detector finds when it is used, not scored: at one confidence, one IoU."""

from __future__ import annotations

import numpy as np

from calibtui.core.boxes import Detections, GroundTruth

CONFIDENCE = 0.25
IOU = 0.5


def objects_found(detections: Detections, truth: GroundTruth) -> int:
    """Objects (crowds left out) that a detection of their class covers with IoU ≥ 0.5 at a confidence ≥ 0.25; each
    detection, best first, takes the free object it covers best."""
    sure = detections.scores >= CONFIDENCE
    overlap = _iou(detections.boxes[sure], truth.boxes)
    overlap[detections.classes[sure][:, None] != truth.classes[None, :]] = 0.0
    open_ = ~truth.crowd
    found = 0
    for row in overlap:
        free = np.where(open_, row, 0.0)
        if len(free) and free.max() >= IOU:
            open_[free.argmax()] = False
            found += 1
    return found


def _iou(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(M, G) IoU of (M, 4) boxes with (G, 4) others."""
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=2)
    union = _area(first)[:, None] + _area(second)[None, :] - shared
    iou: np.ndarray = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    return iou


def _area(boxes: np.ndarray) -> np.ndarray:
    area: np.ndarray = np.clip(boxes[:, 2:] - boxes[:, :2], 0, None).prod(axis=1)
    return area
