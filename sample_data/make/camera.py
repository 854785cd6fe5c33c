"""Light falls on the surface, and a sensor with faults of its own looks at it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from stations import HEIGHT, WIDTH, Station
from textures import Field


def lamp(rng: np.random.Generator, station: Station, light: float, factor: float) -> Field:
    """Irradiance (HEIGHT, WIDTH): the station's exposure times `factor`, its slope towards `light`, vignetting."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    u, v = (x - WIDTH / 2) / (WIDTH / 2), (y - HEIGHT / 2) / (HEIGHT / 2)
    level = factor * station.exposure * np.clip(rng.normal(1.0, station.spread), 0.6, 1.5)
    slope = 1.0 + 0.5 * station.slope * (u * np.cos(light) + v * np.sin(light))
    return (level * slope * (1.0 - 0.10 * (u * u + v * v))).astype(np.float32)


def glare(rng: np.random.Generator) -> Field:
    """Additive specular light (HEIGHT, WIDTH): one to three stretched spots with bloom round them."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    total = np.zeros((HEIGHT, WIDTH), np.float32)
    for _ in range(int(rng.integers(1, 4))):
        x0, y0, angle = rng.uniform(0, WIDTH), rng.uniform(0, HEIGHT), rng.uniform(0, np.pi)
        long, short = rng.uniform(25, 80), rng.uniform(8, 26)
        u = ((x - x0) * np.cos(angle) + (y - y0) * np.sin(angle)) / long
        v = (-(x - x0) * np.sin(angle) + (y - y0) * np.cos(angle)) / short
        r2 = u * u + v * v
        total += rng.uniform(0.6, 1.6) * np.exp(-r2) + 0.15 * np.exp(-r2 / 8)
    return total


def exposed(
    rng: np.random.Generator, light_on_sensor: NDArray[np.float32], grain: float, defocus: float
) -> NDArray[np.uint8]:
    """(HEIGHT, WIDTH, 3) uint8: defocus blur of `defocus` px, shot and read noise, clipping at white."""
    levels = np.clip(light_on_sensor * 255.0, 0, 255)
    image = Image.fromarray(levels.astype(np.uint8)).filter(ImageFilter.GaussianBlur(defocus))
    levels = np.asarray(image, np.float32)
    noise = rng.standard_normal((HEIGHT, WIDTH, 1)) * 0.75 + rng.standard_normal((HEIGHT, WIDTH, 3)) * 0.45
    levels = levels + noise * np.sqrt(grain**2 + 0.02 * levels)
    return np.clip(np.rint(levels), 0, 255).astype(np.uint8)
