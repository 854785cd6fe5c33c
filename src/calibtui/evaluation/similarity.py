"""How alike a found object and an annotated one are by their masks or keypoints: COCO's IoU of masks and object
keypoint similarity, for the pairs of one frame and class.

Sources: the COCO detection and keypoint evaluation (cocodataset.org, "Keypoints evaluation"), as pycocotools computes
them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from calibtui.core.shapes import Mask, mask_tools
from calibtui.evaluation.overlap import Pairs

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]

_AREAS_AT_ONCE: Final = 255
"""pycocotools keeps the number of masks in a byte, and numpy 2 refuses a larger one."""

PERSON_SIGMAS: Final[Floats] = (
    np.array([26, 25, 25, 35, 35, 79, 79, 72, 72, 62, 62, 107, 107, 87, 87, 89, 89], np.float64) / 1000
)
"""(17,) how far annotators scatter about each of a person's keypoints, relative to the object's size: COCO's own."""


def sigmas_of(keypoints: int) -> Floats:
    """(K,): COCO's for a person's 17; else 1 / K for each, as there are none that are agreed upon."""
    return PERSON_SIGMAS if keypoints == len(PERSON_SIGMAS) else np.full(keypoints, 1 / keypoints)


def mask_areas(masks: Sequence[Mask]) -> Floats:
    """(N,) px²."""
    codes = [mask.rle for mask in masks]
    parts = [mask_tools().area(codes[i : i + _AREAS_AT_ONCE]) for i in range(0, len(codes), _AREAS_AT_ONCE)]
    return np.concatenate(parts).astype(np.float64) if parts else np.zeros(0)


def extents(keypoints: Floats) -> Floats:
    """(N,) px²: the area that the keypoints (N, K, 3) span, which COCO takes for that of a found object."""
    if not keypoints.size:
        return np.zeros(len(keypoints))
    spanned: Floats = np.ptp(keypoints[..., :2], axis=1).prod(axis=1)
    return spanned


def mask_pairs(
    found: Sequence[Mask],
    found_group: Indices,
    truths: Sequence[Mask],
    truth_group: Indices,
    crowd: NDArray[np.bool_],
    least: float,
) -> Pairs:
    """All pairs of the same group whose masks have an IoU of at least `least`; groups are sorted."""
    tools = mask_tools()
    parts = []
    for rows, columns in _groups(found_group, truth_group):
        codes = [found[i].rle for i in rows], [truths[i].rle for i in columns]
        iou = np.asarray(tools.iou(*codes, [int(crowd[i]) for i in columns]), np.float64)
        parts.append((rows, columns, iou.reshape(len(rows), len(columns))))
    return _pairs(parts, least)


def keypoint_pairs(
    found: Floats,
    found_group: Indices,
    truths: Floats,
    truth_group: Indices,
    truth_boxes: Floats,
    area: Floats,
    least: float,
) -> Pairs:
    """All pairs of the same group with a keypoint similarity of at least `least`.

    `found` (D, K, 3), `truths` (G, K, 3) with COCO's visibility; `truth_boxes` (G, 4) x, y, width, height and `area`
    (G,) px². An object without a labelled keypoint is compared by how far the found ones lie outside twice its box.
    """
    variance = (2 * sigmas_of(truths.shape[1])) ** 2 if truths.ndim == 3 and truths.shape[1] else np.ones(0)
    parts = []
    for rows, columns in _groups(found_group, truth_group):
        alike = np.empty((len(rows), len(columns)))
        for column, truth in enumerate(columns):
            apart = _distances(found[rows], truths[truth], truth_boxes[truth])
            exponent = apart / variance / (area[truth] + np.spacing(1)) / 2
            labelled = truths[truth, :, 2] > 0
            shown = exponent[:, labelled] if labelled.any() else exponent
            alike[:, column] = np.exp(-shown).mean(axis=1)
        parts.append((rows, columns, alike))
    return _pairs(parts, least)


def _distances(found: Floats, truth: Floats, box: Floats) -> Floats:
    """(R, K): squared distances, px²."""
    x, y = found[..., 0], found[..., 1]
    if (truth[:, 2] > 0).any():
        apart: Floats = (x - truth[:, 0]) ** 2 + (y - truth[:, 1]) ** 2
        return apart
    left, top, width, height = box
    dx = np.maximum(0, left - width - x) + np.maximum(0, x - (left + 2 * width))
    dy = np.maximum(0, top - height - y) + np.maximum(0, y - (top + 2 * height))
    outside: Floats = dx**2 + dy**2
    return outside


def _groups(found: Indices, truths: Indices) -> list[tuple[Indices, Indices]]:
    """The indices of each group that both sides have."""
    both = np.intersect1d(found, truths)
    sides = [(np.searchsorted(side, both, "left"), np.searchsorted(side, both, "right")) for side in (found, truths)]
    (first, last), (start, end) = sides
    return [(np.arange(first[i], last[i]), np.arange(start[i], end[i])) for i in range(len(both))]


def _pairs(parts: Sequence[tuple[Indices, Indices, Floats]], least: float) -> Pairs:
    kept = []
    for rows, columns, alike in parts:
        row, column = np.nonzero(alike >= least)
        kept.append((rows[row], columns[column], alike[row, column]))
    if not kept:
        return Pairs(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))
    detection, truth, value = (np.concatenate(column) for column in zip(*kept, strict=True))
    order = np.lexsort((truth, value, detection))
    return Pairs(detection[order], truth[order], value[order])
