"""What is measured in a picture. All of it on luma at a common size, so that a frame and its thumbnail agree
roughly."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

MAX_PIXELS = 32_000_000
"""More than any payload has: a small file that unpacks to more is refused unread."""
WORKING_PX = 640
_COARSE = 4
_EDGE_LEVEL = 32.0
_DARK_LEVEL = 20.0
_GLARE_LEVEL = 250.0


class PictureError(ValueError):
    """The bytes are no picture that is measured here; the message is for the sender."""


@dataclass(frozen=True, slots=True)
class Measures:
    """Of one picture, luma in 0..255.

    `mean`; `spread`: 98th minus 2nd percentile; `sharpness`: log10(1 + variance of the Laplacian); `edges`: share of
    px with a gradient above 32; `fineness`: mean gradient over that of a 4 × 4 average, larger where structures are
    small; `glare`, `dark`: share of px at 250 and above, at 20 and below.
    """

    mean: float
    spread: float
    sharpness: float
    edges: float
    fineness: float
    glare: float
    dark: float


def measure(data: bytes) -> tuple[Measures, int, int]:
    """Measures, width and height in px of an encoded picture. Raises PictureError."""
    luma, width, height = _luma(data)
    lap = 4 * luma[1:-1, 1:-1] - luma[:-2, 1:-1] - luma[2:, 1:-1] - luma[1:-1, :-2] - luma[1:-1, 2:]
    gradient = _gradient(luma)
    low, high = np.percentile(luma, (2, 98))
    measures = Measures(
        mean=float(luma.mean()),
        spread=float(high - low),
        sharpness=float(np.log10(1 + lap.var())),
        edges=float((gradient > _EDGE_LEVEL).mean()),
        fineness=float(gradient.mean() / (_gradient(_averaged(luma)).mean() + 1.0)),
        glare=float((luma >= _GLARE_LEVEL).mean()),
        dark=float((luma <= _DARK_LEVEL).mean()),
    )
    return measures, width, height


def _luma(data: bytes) -> tuple[NDArray[np.float32], int, int]:
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG", "PNG", "WEBP")) as image:
            width, height = image.size
            if width * height > MAX_PIXELS:
                raise PictureError(f"the image has {width} x {height} px, more than {MAX_PIXELS}")
            image.draft("L", (WORKING_PX, WORKING_PX))
            grey = image.convert("L")
    except PictureError:
        raise
    except Exception as error:  # a decoder fed by strangers raises whatever it likes
        raise PictureError(f"the image can't be decoded ({type(error).__name__})") from error
    scale = WORKING_PX / max(grey.size)
    if scale < 1:
        grey = grey.resize(
            (max(1, round(grey.width * scale)), max(1, round(grey.height * scale))), Image.Resampling.BOX
        )
    if min(grey.size) < 4 * _COARSE:
        raise PictureError(f"the image has {width} x {height} px, too few to measure")
    return np.asarray(grey, np.float32), width, height


def _averaged(luma: NDArray[np.float32]) -> NDArray[np.float32]:
    rows, columns = luma.shape[0] // _COARSE * _COARSE, luma.shape[1] // _COARSE * _COARSE
    blocks = luma[:rows, :columns].reshape(rows // _COARSE, _COARSE, columns // _COARSE, _COARSE)
    averaged: NDArray[np.float32] = blocks.mean(axis=(1, 3))
    return averaged


def _gradient(luma: NDArray[np.float32]) -> NDArray[np.float32]:
    gradient: NDArray[np.float32] = np.abs(luma[1:-1, 2:] - luma[1:-1, :-2])
    gradient += np.abs(luma[2:, 1:-1] - luma[:-2, 1:-1])
    return gradient
