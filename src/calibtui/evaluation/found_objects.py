"""How many of a frame's objects a detector finds when it is used, not scored: at one confidence, one IoU."""

from __future__ import annotations

import numpy as np

from calibtui.core.boxes import Detections, GroundTruth

CONFIDENCE = 0.25
IOU = 0.5


def objects_found(detections: Detections, truth: GroundTruth) -> int:
    """Objects (crowds left out) that a detection of their class covers with IoU ≥ 0.5 at a confidence ≥ 0.25; each
    detection, best first, takes the free object it covers best."""
    open_ = ~truth.crowd
    found = 0
    for box, score, label in zip(detections.boxes, detections.scores, detections.classes, strict=True):
        if score < CONFIDENCE:
            continue
        overlap = np.where(open_ & (truth.classes == label), _iou(box, truth.boxes), 0.0)
        if len(overlap) and overlap.max() >= IOU:
            open_[overlap.argmax()] = False
            found += 1
    return found


def _iou(box: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """(G,) IoU of one box with (G, 4) others."""
    low, high = np.maximum(box[:2], boxes[:, :2]), np.minimum(box[2:], boxes[:, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=1)
    area = np.clip(box[2:] - box[:2], 0, None).prod() + np.clip(boxes[:, 2:] - boxes[:, :2], 0, None).prod(axis=1)
    iou: np.ndarray = np.divide(shared, area - shared, out=np.zeros(len(boxes)), where=area > shared)
    return iou
