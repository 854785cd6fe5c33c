"""Masks and keypoints of a pass as arrays of its file, and back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibtui.core.boxes import Detections
from calibtui.core.shapes import Mask


def shape_arrays(detections: Sequence[Detections]) -> dict[str, NDArray[Any]]:
    """What `with_shapes` reads; nothing where there are boxes alone."""
    if any(each.masks is not None for each in detections):
        masks = [mask for each in detections for mask in each.masks or ()]
        return {
            "mask_sizes": np.array([mask[:2] for mask in masks], np.int32).reshape(-1, 2),
            "mask_lengths": np.array([len(mask.counts) for mask in masks], np.int64),
            "mask_codes": np.frombuffer(b"".join(mask.counts for mask in masks), np.uint8),
        }
    points = [each.keypoints for each in detections if each.keypoints is not None and len(each)]
    return {"keypoints": np.concatenate(points)} if points else {}


def with_shapes(detections: Sequence[Detections], data: Mapping[str, NDArray[Any]]) -> Iterator[Detections]:
    """`detections` with the shapes that `data` has of them. Raises KeyError or ValueError where they don't fit."""
    ends = np.cumsum([len(each) for each in detections])[:-1]
    if "mask_codes" in data:
        codes = data["mask_codes"].tobytes()
        stops = np.cumsum(data["mask_lengths"])
        spans = zip(stops - data["mask_lengths"], stops, strict=True)
        masks = [
            Mask(int(height), int(width), codes[first:last])
            for (height, width), (first, last) in zip(data["mask_sizes"], spans, strict=True)
        ]
        starts = np.concatenate([[0], ends]).astype(int)
        for each, start in zip(detections, starts, strict=True):
            yield replace(each, masks=tuple(masks[start : start + len(each)]))
    elif "keypoints" in data:
        for each, points in zip(detections, np.split(data["keypoints"], ends), strict=True):
            yield replace(each, keypoints=points)
    else:
        yield from detections
