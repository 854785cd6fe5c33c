"""Masks and keypoints of final detections, in px of the frame."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from calibtui.core.shapes import Mask, mask_tools
from calibtui.detector.preparation import Placement


def keypoints_in_frame(keypoints: NDArray[np.float32], placement: Placement) -> NDArray[np.float32]:
    """(M, K, 3) with x, y in input px as the same in px of the frame."""
    placed = keypoints.copy()
    placed[..., :2] = (keypoints[..., :2] - np.array(placement.offset, np.float32)) / np.array(
        placement.scale, np.float32
    )
    return placed


def masks_in_frame(
    coefficients: NDArray[np.float32],
    prototypes: NDArray[np.float32],
    boxes: NDArray[np.float32],
    placement: Placement,
    input_size: tuple[int, int],
    frame_size: tuple[int, int],
) -> tuple[Mask, ...]:
    """One mask a row of `coefficients` (M, K): the pixels inside its box, (M, 4) in px of the frame, whose logit is
    positive once the low-resolution one is brought to the frame bilinearly. Sizes are (width, height) px.

    Raises ConfigurationError where the package that codes masks is not installed.
    """
    encode = mask_tools().encode
    channels, height, width = prototypes.shape
    logits = (coefficients @ prototypes.reshape(channels, -1)).reshape(-1, height, width)
    cell = np.array([width / input_size[0], height / input_size[1]])
    scale, offset = np.array(placement.scale) * cell, np.array(placement.offset) * cell
    frame = np.zeros((frame_size[1], frame_size[0]), np.uint8, order="F")
    masks = []
    for row, box in zip(logits, boxes, strict=True):
        left, top = np.floor(box[:2]).astype(int).clip(0)
        right, bottom = np.minimum(np.ceil(box[2:]).astype(int), frame_size)
        frame[:] = 0
        if right > left and bottom > top:
            source = np.array([left, top, right, bottom]) * np.tile(scale, 2) + np.tile(offset, 2)
            frame[top:bottom, left:right] = _magnified(row, source, (int(right - left), int(bottom - top))) > 0
        masks.append(Mask(frame_size[1], frame_size[0], encode(frame)["counts"]))
    return tuple(masks)


def _magnified(logits: NDArray[np.float32], box: NDArray[np.float64], size: tuple[int, int]) -> NDArray[np.float32]:
    """The part `box` (x1, y1, x2, y2) of `logits` as (height, width) of `size`; what lies outside is the edge's."""
    height, width = logits.shape
    x1, y1, x2, y2 = (min(max(value, 0.0), float(side)) for value, side in zip(box, (width, height) * 2, strict=True))
    if x2 - x1 < 1e-3 or y2 - y1 < 1e-3:
        return np.full((size[1], size[0]), -1, np.float32)
    picture = Image.fromarray(np.ascontiguousarray(logits))
    return np.asarray(picture.resize(size, Image.Resampling.BILINEAR, box=(x1, y1, x2, y2)))
