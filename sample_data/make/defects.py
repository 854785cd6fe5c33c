"""Defects and the harmless structures that look like them.

Every painter takes the reflectance (HEIGHT, WIDTH, 3) float32 and changes it in place. `strength` scales the contrast:
1 is plain to see, 0.4 is faint. `light` is the direction that the light comes from, radians.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter
from stations import HEIGHT, WIDTH
from textures import Field, smooth_noise

Surface = NDArray[np.float32]
Box = tuple[float, float, float, float]
SUPERSAMPLE = 2


def drawn(paint: Callable[[ImageDraw.ImageDraw, int], None], blur: float = 0.0) -> Field:
    """Coverage in [0, 1] of what `paint(draw, scale)` draws in white, anti-aliased."""
    canvas = Image.new("L", (WIDTH * SUPERSAMPLE, HEIGHT * SUPERSAMPLE))
    paint(ImageDraw.Draw(canvas), SUPERSAMPLE)
    canvas = canvas.resize((WIDTH, HEIGHT), Image.Resampling.BOX)
    if blur:
        canvas = canvas.filter(ImageFilter.GaussianBlur(blur))
    return np.asarray(canvas, np.float32) / 255.0


def box_of(mask: Field, level: float) -> Box | None:
    """x1, y1, x2, y2 in px round the pixels of at least `level`; None where there are too few to annotate."""
    rows, columns = np.nonzero(mask >= level)
    if len(rows) < 12:
        return None
    return float(columns.min()), float(rows.min()), float(columns.max() + 1), float(rows.max() + 1)


def curve(rng: np.random.Generator, length: float, bend: float, margin: float = 6.0) -> NDArray[np.float64]:
    """Points (24, 2) in px of a quadratic Bézier curve of about `length` px that begins inside the frame."""
    angle = rng.uniform(0, 2 * np.pi)
    middle = rng.uniform((margin + 14, margin + 14), (WIDTH - margin - 14, HEIGHT - margin - 14))
    along, across = np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])
    start, end = middle - along * length / 2, middle + along * length / 2
    control = middle + across * rng.uniform(-bend, bend) * length
    t = np.linspace(0, 1, 24)[:, None]
    return (1 - t) ** 2 * start + 2 * t * (1 - t) * control + t**2 * end


def shifted(mask: Field, light: float, distance: float) -> Field:
    """`mask` moved `distance` px towards the light, whole pixels."""
    dx, dy = round(distance * np.cos(light)), round(distance * np.sin(light))
    return np.roll(mask, (dy, dx), (0, 1))


def scratch(rng: np.random.Generator, surface: Surface, strength: float, light: float) -> Box | None:
    """A groove: bright where the metal is bare or dark where dirt fills it, with a thin edge of the opposite sign."""
    points = curve(rng, rng.uniform(28, 130), 0.22)
    width = rng.uniform(1.6, 3.8)
    mask = drawn(lambda d, s: d.line([tuple(p) for p in points * s], fill=255, width=max(2, round(width * s))), 0.5)
    sign = 1.0 if rng.random() < 0.6 else -1.0
    depth = strength * rng.uniform(0.38, 0.6)
    edge = np.clip(shifted(mask, light, 2) - mask, 0, 1)
    surface *= 1.0 + (sign * depth * mask - sign * 0.35 * depth * edge)[..., None]
    return box_of(mask, 0.3)


def pit(rng: np.random.Generator, surface: Surface, strength: float, light: float) -> Box | None:
    """A small ragged hole: a dark floor and a lit rim on the side away from the light."""
    radius = rng.uniform(4.5, 11)
    centre = rng.uniform((radius + 3, radius + 3), (WIDTH - radius - 3, HEIGHT - radius - 3))
    angles = np.linspace(0, 2 * np.pi, 14, endpoint=False)
    reach = radius * rng.uniform(0.72, 1.1, 14)
    squash = np.array([1.0, rng.uniform(0.7, 1.0)])
    points = centre + np.stack([np.cos(angles), np.sin(angles)], 1) * reach[:, None] * squash
    mask = drawn(lambda d, s: d.polygon([tuple(p) for p in points * s], fill=255), 0.7)
    rim = np.clip(mask - shifted(mask, light, 2), 0, 1)
    surface *= 1.0 + strength * (0.45 * rim - rng.uniform(0.5, 0.75) * mask * (1 - 0.7 * rim))[..., None]
    return box_of(mask, 0.35)


def stain(rng: np.random.Generator, surface: Surface, strength: float, light: float) -> Box | None:
    """A dried puddle of oil, rust or coolant: coloured, uneven, a little darker at its border."""
    reach_x, reach_y = rng.uniform(12, 42, 2)
    x0, y0 = rng.uniform((reach_x * 0.8, reach_y * 0.8), (WIDTH - reach_x * 0.8, HEIGHT - reach_y * 0.8))
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    distance = np.hypot((x - x0) / reach_x, (y - y0) / reach_y) + 0.16 * smooth_noise(rng, 16, 16)
    mask = np.clip((1.0 - distance) / 0.22, 0, 1).astype(np.float32)
    border = mask * np.clip((distance - 0.7) / 0.3, 0, 1)
    tint = np.array([(0.42, 0.30, 0.16), (0.30, 0.30, 0.30), (0.30, 0.42, 0.62)][rng.integers(3)], np.float32)
    depth = strength * (0.75 * mask + 0.35 * border)
    surface *= 1.0 - depth[..., None] * (1.0 - tint)
    return box_of(mask * (distance < 1.0), 0.4)


def dent(rng: np.random.Generator, surface: Surface, strength: float, light: float) -> Box | None:
    """A smooth hollow: no edge of its own, only shade on the near side of the light and shine on the far side."""
    reach_x, reach_y = rng.uniform(10, 25, 2)
    x0, y0 = rng.uniform((reach_x, reach_y), (WIDTH - reach_x, HEIGHT - reach_y))
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    u, v = (x - x0) / reach_x, (y - y0) / reach_y
    hollow = np.exp(-2.2 * (u * u + v * v))
    slope = (u * np.cos(light) + v * np.sin(light)) * hollow
    surface *= np.clip(1.0 - strength * 1.7 * slope, 0.2, None)[..., None]
    return box_of((u * u + v * v <= 1.0).astype(np.float32), 0.5)


PAINTERS: dict[str, Callable[[np.random.Generator, Surface, float, float], Box | None]] = {
    "scratch": scratch,
    "pit": pit,
    "stain": stain,
    "dent": dent,
}


def drilled_hole(rng: np.random.Generator, surface: Surface) -> None:
    """A round bore with a chamfer: dark like a pit, but large, exact and meant."""
    radius = rng.uniform(14, 22)
    x0, y0 = rng.uniform((0, 0), (WIDTH, HEIGHT))
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    distance = np.hypot(x - x0, y - y0)
    surface *= 1.0 - 0.8 * np.clip(radius - distance, 0, 1)[..., None]
    surface *= 1.0 + 0.3 * np.exp(-(((distance - radius - 2) / 1.3) ** 2))[..., None]


def seam(rng: np.random.Generator, surface: Surface) -> None:
    """A joint that runs through the whole frame: straight and edge to edge, unlike a scratch."""
    angle = rng.uniform(-0.25, 0.25) + (np.pi / 2 if rng.random() < 0.5 else 0.0)
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    offset = rng.uniform(-70, 70)
    distance = (x - WIDTH / 2) * np.sin(angle) - (y - HEIGHT / 2) * np.cos(angle) - offset
    surface *= 1.0 - 0.4 * np.exp(-((distance / 1.8) ** 2))[..., None]


def stencil(rng: np.random.Generator, surface: Surface) -> None:
    """A row of printed bars, as on a part number."""
    x0, y0 = rng.uniform((10, 10), (WIDTH - 80, HEIGHT - 30))
    bars = [(x0 + 7 * i, y0, x0 + 7 * i + rng.uniform(2, 5), y0 + 16) for i in range(int(rng.integers(5, 10)))]

    def paint(draw: ImageDraw.ImageDraw, scale: int) -> None:
        for bar in bars:
            draw.rectangle([v * scale for v in bar], fill=255)

    surface *= 1.0 - 0.55 * drawn(paint, 0.4)[..., None]


CLUTTER = (drilled_hole, seam, stencil)
