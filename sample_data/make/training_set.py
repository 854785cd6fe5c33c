"""Frames to train on: rendered once to a file outside the repository, under a seed of their own.

The pixels pass through JPEG and the detector's letterbox as the product's frames do.
"""

from __future__ import annotations

import io
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from render import JPEG_QUALITY
from stations import HEIGHT, WIDTH
from world import frame

TRAIN_SEED = 1
INPUT_PX = 256
MAX_DEFECTS = 8
PICTURE_PX = round(HEIGHT * INPUT_PX / WIDTH)
PAD_TOP = (INPUT_PX - PICTURE_PX) // 2
SCALE_X, SCALE_Y = INPUT_PX / WIDTH, PICTURE_PX / HEIGHT
"""Input px per frame px; they differ a little because the picture is a whole number of rows high."""


def example(index: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Pixels (INPUT_PX, INPUT_PX, 3) uint8 and defects (MAX_DEFECTS, 5) float32.

    A defect is label (-1: none), x1, y1, x2, y2 in input px.
    """
    picture = frame(TRAIN_SEED, index)
    file = io.BytesIO()
    Image.fromarray(picture.pixels).save(file, "JPEG", quality=JPEG_QUALITY)
    pixels = letterboxed(Image.open(file))
    defects = np.full((MAX_DEFECTS, 5), -1, np.float32)
    for row, defect in enumerate(picture.defects):
        x1, y1, x2, y2 = defect.box
        defects[row] = defect.label, x1 * SCALE_X, y1 * SCALE_Y + PAD_TOP, x2 * SCALE_X, y2 * SCALE_Y + PAD_TOP
    return pixels, defects


def letterboxed(image: Image.Image) -> NDArray[np.uint8]:
    """(INPUT_PX, INPUT_PX, 3) uint8: scaled to fit, centred on grey 114."""
    canvas = np.full((INPUT_PX, INPUT_PX, 3), 114, np.uint8)
    small = image.convert("RGB").resize((INPUT_PX, PICTURE_PX), Image.Resampling.BILINEAR)
    canvas[PAD_TOP : PAD_TOP + PICTURE_PX] = np.asarray(small)
    return canvas


def training_set(cache: Path, count: int, processes: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """`count` examples, read from the .npz `cache` where it holds them, else rendered into it."""
    if cache.exists():
        stored = np.load(cache)
        if len(stored["pixels"]) == count:
            return stored["pixels"], stored["defects"]
    with ProcessPoolExecutor(processes) as pool:
        examples = list(pool.map(example, range(count), chunksize=50))
    pixels, defects = (np.stack(column) for column in zip(*examples, strict=True))
    np.savez(cache, pixels=pixels, defects=defects)
    return pixels, defects


def flipped(
    rng: np.random.Generator, pixels: NDArray[np.uint8], defects: NDArray[np.float32]
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Copies of a batch, each frame mirrored left-right and top-bottom with probability a half."""
    pixels, defects = pixels.copy(), defects.copy()
    for i in range(len(pixels)):
        real = defects[i, :, 0] >= 0
        for axis, (low, high) in enumerate(((2, 4), (1, 3))):
            if rng.random() < 0.5:
                pixels[i] = np.flip(pixels[i], axis)
                near = defects[i, real, low].copy()
                defects[i, real, low] = INPUT_PX - defects[i, real, high]
                defects[i, real, high] = INPUT_PX - near
    return pixels, defects
