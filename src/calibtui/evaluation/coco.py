"""COCO mAP of detections against annotations, equal to pycocotools.

matches = match(detections, truths, classes)      once for each model
mean_ap(matches)                                  as often as frames are weighed
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibtui.core.boxes import Detections, GroundTruth
from calibtui.core.shapes import Mask, ShapeKind
from calibtui.evaluation.assignment import assign
from calibtui.evaluation.average_precision import average_precision
from calibtui.evaluation.overlap import Boxes, overlapping_pairs
from calibtui.evaluation.protocol import (
    AREA_NAMES,
    AREA_RANGES,
    IOU_THRESHOLDS,
    MAX_DETECTIONS,
    MAX_KEYPOINTS,
    Matches,
)
from calibtui.evaluation.similarity import extents, keypoint_pairs, mask_areas, mask_pairs

__all__ = ["Matches", "MeanAP", "match", "mean_ap"]


@dataclass(frozen=True, slots=True)
class MeanAP:
    """Fractions in [0, 1]; nan where there is nothing to find. `map` is the mean over IoU 0.50:0.05:0.95 and the
    classes.

    `per_class` (C,) float64 is the same of each class. Small is up to 32² px², medium up to 96², large above.
    """

    map: float
    map50: float
    map75: float
    map_small: float
    map_medium: float
    map_large: float
    per_class: NDArray[np.float64]


def match(
    detections: Sequence[Detections], truths: Sequence[GroundTruth], classes: int, shapes: ShapeKind | None = None
) -> Matches:
    """Settles for every detection whether it is right, at 10 IoU thresholds and in 4 area ranges.

    Frame i is detections[i] beside truths[i], and of equal scores the earlier frame, then the earlier detection, comes
    first. The best 100 detections of a class in a frame count, 20 for keypoints. `shapes`: what overlap means: that of
    boxes where None, of masks, or the similarity of keypoints, where an object without a labelled one is ignored.
    Raises ValueError for sequences of unequal length, for a class outside range(classes), and for detections or objects
    that lack the shapes.
    """
    if len(detections) != len(truths):
        raise ValueError(f"{len(detections)} frames with detections, but {len(truths)} with annotations")
    scores, found, chosen = _found(detections, classes, MAX_KEYPOINTS if shapes == "keypoints" else MAX_DETECTIONS)
    objects, crowd, area, listed = _objects(truths, classes)
    counts = _in_range(area) & ~crowd[:, None]
    least = float(IOU_THRESHOLDS[0])
    if shapes is None:
        own_area, pairs = found.area, overlapping_pairs(found, objects, crowd, least)
    elif shapes == "masks":
        masks, true_masks = _masks(detections, chosen), _masks(truths, listed)
        own_area, pairs = mask_areas(masks), mask_pairs(masks, found.group, true_masks, objects.group, crowd, least)
    else:
        points, true_points = _points(detections, chosen), _points(truths, listed)
        counts &= np.any(true_points[..., 2] > 0, axis=1, keepdims=True)
        own_area = extents(points)
        pairs = keypoint_pairs(points, found.group, true_points, objects.group, objects.xywh, area, least)
    outcome = assign(pairs, found.group, ~_in_range(own_area), crowd, counts)

    label = found.group % max(classes, 1)
    order = np.lexsort((-scores, label))
    truth_label = objects.group % max(classes, 1)
    by_label = np.argsort(truth_label, kind="stable")
    bounds = np.arange(classes + 1)
    return Matches(
        frames=len(truths),
        classes=classes,
        frame=(found.group // max(classes, 1))[order],
        outcome=np.ascontiguousarray(outcome[order].T).reshape(len(AREA_NAMES), len(IOU_THRESHOLDS), len(order)),
        starts=np.searchsorted(label[order], bounds),
        truth_frame=(objects.group // max(classes, 1))[by_label],
        truth_counts=np.ascontiguousarray(counts[by_label].T),
        truth_starts=np.searchsorted(truth_label[by_label], bounds),
    )


def mean_ap(matches: Matches, weights: NDArray[np.float64] | None = None) -> MeanAP:
    """The mAP of the matched frames, each counted `weights` times ((F,), not negative; None: once each).

    Raises ValueError for weights of another length, negative or not finite.
    """
    column = np.ones((matches.frames, 1)) if weights is None else _checked(weights, matches.frames)
    by_area = [_per_class(matches, column, area) for area in range(len(AREA_NAMES))]
    everything = by_area[0]
    return MeanAP(
        map=_mean(everything),
        map50=_mean(everything[:, 0]),
        map75=_mean(everything[:, 5]),
        map_small=_mean(by_area[1]),
        map_medium=_mean(by_area[2]),
        map_large=_mean(by_area[3]),
        per_class=everything.mean(axis=1),
    )


def _per_class(matches: Matches, column: NDArray[np.float64], area: int) -> NDArray[np.float64]:
    """AP (C, T) in one area range under one weighting."""
    rows = [average_precision(matches, column, area, label)[:, 0] for label in range(matches.classes)]
    return np.array(rows).reshape(matches.classes, len(IOU_THRESHOLDS))


def _mean(values: NDArray[np.float64]) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else float("nan")


def _checked(weights: NDArray[np.float64], frames: int) -> NDArray[np.float64]:
    column = np.asarray(weights, np.float64)
    if column.shape != (frames,):
        raise ValueError(f"{frames} frames, but weights of shape {column.shape}")
    if not np.all(np.isfinite(column) & (column >= 0)):
        raise ValueError("a frame's weight must be finite and not negative")
    return column[:, None]


def _in_range(area: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(N, A): which ranges each area lies in."""
    inside: NDArray[np.bool_] = (area[:, None] >= AREA_RANGES[:, 0]) & (area[:, None] <= AREA_RANGES[:, 1])
    return inside


def _masks(parts: Sequence[Detections] | Sequence[GroundTruth], order: NDArray[np.int64]) -> list[Mask]:
    """Of all frames, in that order."""
    if any(part.masks is None and len(part) for part in parts):
        raise ValueError("a frame's objects have no masks")
    every = [mask for part in parts for mask in part.masks or ()]
    return [every[place] for place in order]


def _points(parts: Sequence[Detections] | Sequence[GroundTruth], order: NDArray[np.int64]) -> NDArray[np.float64]:
    """(N, K, 3) of all frames, in that order."""
    if any(part.keypoints is None and len(part) for part in parts):
        raise ValueError("a frame's objects have no keypoints")
    some = [np.asarray(part.keypoints, np.float64) for part in parts if part.keypoints is not None and len(part)]
    return np.concatenate(some)[order] if some else np.zeros((0, 0, 3))


def _found(
    detections: Sequence[Detections], classes: int, most: int
) -> tuple[NDArray[np.float64], Boxes, NDArray[np.int64]]:
    """Scores (D,) and boxes by group, best first, the best `most` of each group only; and which detections they are,
    counted through all frames."""
    boxes = _stacked([each.boxes for each in detections], 4)
    scores = _stacked([each.scores for each in detections], 0)
    group = _groups([each.classes for each in detections], classes, "detected")
    order = np.lexsort((-scores, group))
    rank = np.arange(len(order)) - np.searchsorted(group[order], group[order])
    order = order[rank < most]
    return scores[order], Boxes(_xywh(boxes[order]), group[order]), order


def _objects(
    truths: Sequence[GroundTruth], classes: int
) -> tuple[Boxes, NDArray[np.bool_], NDArray[np.float64], NDArray[np.int64]]:
    """Boxes by group, in the order of annotation within one, each one's crowd flag and area, and which objects they
    are, counted through all frames."""
    boxes = _stacked([each.boxes for each in truths], 4)
    group = _groups([each.classes for each in truths], classes, "annotated")
    order = np.argsort(group, kind="stable")
    crowd = _stacked([each.crowd for each in truths], 0).astype(bool)
    area = _stacked([each.area for each in truths], 0)
    return Boxes(_xywh(boxes[order]), group[order]), crowd[order], area[order], order


def _stacked(parts: Sequence[NDArray], width: int) -> NDArray[np.float64]:  # type: ignore[type-arg]
    empty = np.zeros((0, width) if width else 0)
    return np.concatenate([empty, *parts]).astype(np.float64, copy=False)


def _groups(labels: Sequence[NDArray[np.int64]], classes: int, what: str) -> NDArray[np.int64]:
    frame = np.repeat(np.arange(len(labels)), [len(each) for each in labels])
    label = np.concatenate([np.zeros(0, np.int64), *labels]).astype(np.int64, copy=False)
    if label.size and (label.min() < 0 or label.max() >= classes):
        at = int(np.flatnonzero((label < 0) | (label >= classes))[0])
        raise ValueError(f"frame {frame[at]}: {what} class {label[at]} is not one of {classes} classes")
    return frame * classes + label


def _xywh(corners: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], axis=1)
