"""Surfaces: reflectance fields (HEIGHT, WIDTH) float32 with a mean of about 1."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from stations import HEIGHT, WIDTH

Field = NDArray[np.float32]


def smooth_noise(rng: np.random.Generator, cell_x: float, cell_y: float) -> Field:
    """Noise of unit deviation whose structures are about `cell_x` × `cell_y` px."""
    columns, rows = max(2, round(WIDTH / cell_x)), max(2, round(HEIGHT / cell_y))
    coarse = rng.standard_normal((rows, columns)).astype(np.float32)
    field = np.asarray(Image.fromarray(coarse).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC))
    return (field - field.mean()) / (field.std() + 1e-6)


def cast(rng: np.random.Generator) -> Field:
    """Sand-cast iron: grains of two sizes and slow mottling."""
    return (
        1.0 + 0.055 * smooth_noise(rng, 2.5, 2.5) + 0.045 * smooth_noise(rng, 6, 6) + 0.04 * smooth_noise(rng, 60, 60)
    )


def brushed(rng: np.random.Generator) -> Field:
    """Brushed steel: long fine lines along the rolling direction."""
    lines = 0.05 * smooth_noise(rng, 90, 1.3) + 0.04 * smooth_noise(rng, 40, 2.5)
    return 1.0 + lines + 0.03 * smooth_noise(rng, 100, 50)


def painted(rng: np.random.Generator) -> Field:
    """Sprayed paint: faint orange peel."""
    return 1.0 + 0.022 * smooth_noise(rng, 5, 5) + 0.02 * smooth_noise(rng, 80, 80)


def woven(rng: np.random.Generator) -> Field:
    """Technical fabric: warp and weft in plain weave, with uneven threads."""
    pitch = rng.uniform(6.0, 9.0)
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    x = x + 0.8 * smooth_noise(rng, 70, 70)
    y = y + 0.8 * smooth_noise(rng, 70, 70)
    warp, weft = np.sin(np.pi * x / pitch) ** 2, np.sin(np.pi * y / pitch) ** 2
    over = (np.floor(x / pitch) + np.floor(y / pitch)) % 2
    threads = np.where(over > 0, warp, weft)
    return (1.0 + 0.16 * (threads - 0.5) + 0.03 * smooth_noise(rng, 2.5, 30)).astype(np.float32)


def turned(rng: np.random.Generator) -> Field:
    """Face-turned aluminium: concentric tool marks round a centre outside or inside the frame."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    radius = np.hypot(x - rng.uniform(-120, WIDTH + 120), y - rng.uniform(-160, HEIGHT + 160))
    profile = np.convolve(rng.standard_normal(1200), [0.25, 0.5, 0.25], mode="same")
    marks = np.interp(radius.ravel(), np.arange(1200) * 0.9, profile).reshape(radius.shape)
    return (1.0 + 0.05 * marks + 0.025 * smooth_noise(rng, 70, 70)).astype(np.float32)


TEXTURES: dict[str, Callable[[np.random.Generator], Field]] = {
    "cast": cast,
    "brushed": brushed,
    "painted": painted,
    "woven": woven,
    "turned": turned,
}
