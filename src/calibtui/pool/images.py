"""Frames as pixels: the upright RGB array for models and judges, and small pictures for people."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from calibtui.pool.decoding import (
    UnreadableImage,
    failures_named,
    is_jpeg,
    opened,
    orientation_of,
    read_bytes,
    rgb,
    turned_size,
    upright,
)

__all__ = ["UnreadableImage", "decode_rgb", "fitted", "open_rgb", "thumbnail"]


def open_rgb(path: Path, *, at_most: tuple[int, int] | None = None) -> NDArray[np.uint8]:
    """The frame as (H, W, 3) uint8 RGB, EXIF-rotated; see `decode_rgb`. Raises UnreadableImage."""
    return decode_rgb(path, read_bytes(path), at_most=at_most)


def decode_rgb(path: Path, data: bytes, *, at_most: tuple[int, int] | None = None) -> NDArray[np.uint8]:
    """`data`, the bytes of `path`, as (H, W, 3) uint8 RGB, EXIF-rotated, first frame of an animation.

    With `at_most` = (width, height) px of the upright frame, a JPEG may be decoded at 1/2, 1/4 or 1/8, never below the
    size that fits into `at_most` with the aspect kept; the caller still resizes. Without it every pixel is decoded.
    16-bit samples are scaled to 8, alpha is dropped, CMYK, grey and palettes become RGB (see pool.decoding).

    Raises UnreadableImage: truncated, damaged, a decompression bomb, no picture, 32-bit samples.
    """
    return np.asarray(_decoded(path, data, at_most))


def thumbnail(path: Path, longest_px: int) -> Image.Image:
    """The frame as an RGB Pillow image whose longer side is at most `longest_px`; never enlarged. Raises
    UnreadableImage."""
    image = _decoded(path, read_bytes(path), (longest_px, longest_px))
    size = fitted(image.size, (longest_px, longest_px))
    return image if size == image.size else image.resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0)


def fitted(size: tuple[int, int], at_most: tuple[int, int]) -> tuple[int, int]:
    """The (width, height) px that `size` takes inside `at_most`: aspect kept, never enlarged, no side below 1 px."""
    scale = min(at_most[0] / size[0], at_most[1] / size[1], 1.0)
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _decoded(path: Path, data: bytes, at_most: tuple[int, int] | None) -> Image.Image:
    image = opened(path, data)
    with failures_named(path):
        orientation = orientation_of(image)
        if at_most is not None and is_jpeg(image):
            wanted = fitted(turned_size(image.size, orientation), at_most)
            image.draft(None, turned_size(wanted, orientation))
        image.load()
        return upright(rgb(path, image), orientation)
