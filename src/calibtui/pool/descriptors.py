"""One vector a frame that says what it looks like at a glance.

It serves the spread-out selections (k-center) and the search for near-duplicates, where a cosine of 0.92 and more
marks a candidate. It doesn't see a defect of a few pixels, and isn't meant to: a score must never be taken over on its
word alone.

256 numbers, four parts, each bounded, the whole of unit length:

* 144: layout. Mean luminance of 12 × 12 blocks, the frame's mean removed.
* 96: structure. Gradient magnitude in 4 × 4 cells by 6 orientations over 180°, mean removed; the histogram of oriented
  gradients of Dalal and Triggs (CVPR 2005), coarse and normalised over the whole frame.
* 8: brightness. Square roots of the shares of eight grey levels, linearly shared between neighbours: never all zero,
  so a flat frame has a vector too.
* 8: colour. Mean Cb and Cr of 2 × 2 quarters.

Layout and structure are divided by their length plus a floor of what sensor noise gives, so the noise of a flat frame
isn't taken for a picture."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

DESCRIPTOR_VERSION = 1
"""Goes up whenever the same pixels give another vector."""
DESCRIPTOR_SIZE = 256

SIDE = 96
"""px: the square that a frame is reduced to."""
_BLOCKS = 12
_CELLS = 4
_ORIENTATIONS = 6
_LEVELS = 8
_LAYOUT, _STRUCTURE, _BRIGHTNESS, _COLOUR = (np.float32(share**0.5) for share in (0.42, 0.40, 0.08, 0.10))
_BLOCK_NOISE = 1.5 * _BLOCKS
"""Length of the layout part of a flat frame whose block means wander by 1.5 grey levels."""
_GRADIENT_NOISE = 1.0 * _CELLS
_COLOUR_RANGE = 32.0
"""Offset of Cb or Cr from grey that counts as fully coloured."""


def describe(image: Image.Image) -> NDArray[np.float32]:
    """(DESCRIPTOR_SIZE,) float32 of unit length of an upright 8-bit image in any of Pillow's modes RGB, L and YCbCr."""
    if image.mode == "L":
        luminance, chroma = image, None
    else:
        small = image.convert("YCbCr") if image.mode != "YCbCr" else image
        luminance, *chroma = small.split()
    grey = np.asarray(luminance.resize((SIDE, SIDE), Image.Resampling.BOX), np.float32)
    vector = np.concatenate((_layout(grey), _structure(grey), _brightness(grey), _colour(chroma)))
    return (vector / np.linalg.norm(vector)).astype(np.float32, copy=False)


def _layout(grey: NDArray[np.float32]) -> NDArray[np.float32]:
    block = SIDE // _BLOCKS
    means = grey.reshape(_BLOCKS, block, _BLOCKS, block).mean((1, 3)).ravel()
    return _LAYOUT * _floored(means - means.mean(), _BLOCK_NOISE)


def _structure(grey: NDArray[np.float32]) -> NDArray[np.float32]:
    down = grey[2:, 1:-1] - grey[:-2, 1:-1]
    right = grey[1:-1, 2:] - grey[1:-1, :-2]
    turn = np.arctan2(down, right) * (_ORIENTATIONS / np.pi)
    orientation = np.floor(turn).astype(np.int32) % _ORIENTATIONS
    bins = _CELL_OF_PIXEL + orientation
    strength = np.bincount(bins.ravel(), np.hypot(down, right).ravel(), _CELLS * _CELLS * _ORIENTATIONS)
    strength = (strength / (SIDE * SIDE / _CELLS**2)).astype(np.float32)
    return _STRUCTURE * _floored(strength - strength.mean(), _GRADIENT_NOISE)


def _brightness(grey: NDArray[np.float32]) -> NDArray[np.float32]:
    place = grey.ravel() * ((_LEVELS - 1) / 255)
    below = np.minimum(place.astype(np.int32), _LEVELS - 2)
    above_share = place - below
    shares = np.bincount(below, 1 - above_share, _LEVELS) + np.bincount(below + 1, above_share, _LEVELS)
    return _BRIGHTNESS * np.sqrt(shares / place.size).astype(np.float32)


def _colour(chroma: list[Image.Image] | None) -> NDArray[np.float32]:
    if not chroma:
        return np.zeros(8, np.float32)
    quarters = [np.asarray(plane.resize((2, 2), Image.Resampling.BOX), np.float32).ravel() for plane in chroma]
    offsets = np.clip((np.concatenate(quarters) - 128) / _COLOUR_RANGE, -1, 1)
    colour: NDArray[np.float32] = _COLOUR * offsets / np.float32(8**0.5)
    return colour


def _floored(values: NDArray[np.float32], noise: float) -> NDArray[np.float32]:
    return (values / float(np.hypot(np.linalg.norm(values), noise))).astype(np.float32)


def _cells() -> NDArray[np.int32]:
    """(SIDE - 2, SIDE - 2): the first bin of the cell that each inner pixel lies in."""
    cell = np.arange(1, SIDE - 1, dtype=np.int32) * _CELLS // SIDE
    return (cell[:, None] * _CELLS + cell[None, :]) * _ORIENTATIONS


_CELL_OF_PIXEL = _cells()
