"""A frame at 1/8 of its size: the mean of every 8 × 8 block, which is what two views are compared by.

A JPEG stores these means as the DC coefficients of its blocks (ITU-T T.81, A.3.3), so its decoder gives them at 1/8
scale without computing a pixel. Other formats are decoded whole and averaged.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from calibtui.pool.decoding import (
    UnreadableImage,
    eight_bit,
    failures_named,
    is_jpeg,
    opened,
    orientation_of,
    read_bytes,
    rgb,
)

SIGNATURE_VERSION = 1
"""Goes up whenever the same file gives another signature, or the bytes another layout."""
BLOCK = 8
"""px of a block's side."""
BLOCK_LIMIT = 1 << 20
"""Blocks of the largest frame that has a signature: 67 Mpx, 3 MiB."""

_HEADER = struct.Struct(">4sBBBxII")
_MAGIC = b"CTSV"


@dataclass(frozen=True, slots=True, eq=False)
class Signature:
    """Block means of a frame as it is stored, not turned by its EXIF orientation.

    `width`, `height`: px. `orientation`: EXIF, 1 to 8. `planes`: (C, ceil(height / 8), ceil(width / 8)) uint8, the
    luminance Y and, where the frame has colour (C = 3), Cb and Cr of JFIF. Each is a mean rounded to a whole level, so
    off by half a level at most.
    """

    width: int
    height: int
    orientation: int
    planes: NDArray[np.uint8]

    def to_bytes(self) -> bytes:
        """A header with the version, then the planes row by row as differences to the left neighbour, deflated: 0.3 to
        0.8 bytes a block and plane, 20 to 80 kB for 1080p. The same signature gives the same bytes wherever
        zlib is the same."""
        steps = np.diff(self.planes, axis=2, prepend=np.uint8(0))
        header = _HEADER.pack(_MAGIC, SIGNATURE_VERSION, len(self.planes), self.orientation, self.width, self.height)
        return header + zlib.compress(steps.tobytes(), 1)

    @classmethod
    def from_bytes(cls, data: bytes) -> Signature:
        """What `to_bytes` wrote. Raises ValueError for anything else, another version included; no more memory is
        taken than a signature may have."""
        if len(data) < _HEADER.size:
            raise ValueError("a signature that is cut short")
        magic, version, count, orientation, width, height = _HEADER.unpack_from(data)
        if magic != _MAGIC or version != SIGNATURE_VERSION:
            raise ValueError("no signature of this version")
        rows, columns = _blocks(width, height)
        if count not in (1, 3) or not 1 <= orientation <= 8 or not 0 < rows * columns <= BLOCK_LIMIT:
            raise ValueError("a signature of an impossible frame")
        steps = _inflated(data[_HEADER.size :], count * rows * columns).reshape(count, rows, columns)
        return cls(width, height, orientation, np.cumsum(steps, axis=2, dtype=np.uint8))


def signature_of(path: Path) -> Signature:
    """The signature of a frame's file. Raises UnreadableImage: see pool.decoding; also over BLOCK_LIMIT blocks."""
    return signature_of_bytes(path, read_bytes(path))


def signature_of_bytes(path: Path, data: bytes) -> Signature:
    """The signature of `data`, the bytes of `path`, for a caller that has read them already. Raises UnreadableImage."""
    image = opened(path, data)
    with failures_named(path):
        width, height = image.size
        rows, columns = _blocks(width, height)
        if rows * columns > BLOCK_LIMIT:
            raise UnreadableImage(path, f"{width}x{height} px is more than a signature holds")
        orientation = orientation_of(image)
        means = _block_means(path, image, (columns, rows))
        planes = np.asarray(means).reshape(rows, columns, -1).transpose(2, 0, 1)
        return Signature(width, height, orientation, np.ascontiguousarray(planes))


def _block_means(path: Path, image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """`image` at 1/8 in mode L or YCbCr; a block that the edge cuts is averaged over what there is of it, or in a JPEG
    over what its encoder filled it up with."""
    if is_jpeg(image) and image.mode in ("L", "RGB"):
        grey = image.mode == "L"
        image.draft("L" if grey else "YCbCr", (max(1, image.width // BLOCK), max(1, image.height // BLOCK)))
        image.load()
        if image.size == size:
            return image
    image = eight_bit(path, image)
    if image.mode not in ("L", "YCbCr"):
        image = image.convert("L") if image.mode in ("1", "LA") else rgb(path, image).convert("YCbCr")
    return image.reduce(BLOCK) if image.size != size else image


def _blocks(width: int, height: int) -> tuple[int, int]:
    """(rows, columns)"""
    return -(-height // BLOCK), -(-width // BLOCK)


def _inflated(data: bytes, size: int) -> NDArray[np.uint8]:
    stream = zlib.decompressobj()
    try:
        raw = stream.decompress(data, size + 1)
    except zlib.error as error:
        raise ValueError("a damaged signature") from error
    if len(raw) != size or not stream.eof:
        raise ValueError("a damaged signature")
    return np.frombuffer(raw, np.uint8)
