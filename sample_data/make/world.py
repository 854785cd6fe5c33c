"""One frame of the world: a part under a station's camera, with what is wrong with it.

Most frames are easy. About a quarter carry one or two conditions that make them hard: faint defects, glare, defocus,
clutter, an underexposed or overexposed picture, a noisy sensor.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from camera import exposed, glare, lamp
from defects import CLUTTER, PAINTERS, Box
from numpy.typing import NDArray
from stations import CLASSES, STATIONS, Station
from textures import TEXTURES

HARD_SHARE = 0.25
NEGATIVE_SHARE = 0.2
CONDITIONS = ("faint", "glare", "defocus", "clutter", "underexposed", "overexposed", "noisy")
CLASS_WEIGHTS = (0.32, 0.28, 0.22, 0.18)


@dataclass(frozen=True, slots=True)
class Defect:
    """`label` indexes CLASSES; `box` is x1, y1, x2, y2 in px."""

    label: int
    box: Box


@dataclass(frozen=True, slots=True)
class Frame:
    """`pixels` (HEIGHT, WIDTH, 3) uint8 RGB; `conditions` is empty for an easy frame."""

    pixels: NDArray[np.uint8]
    station: str
    conditions: tuple[str, ...]
    defects: tuple[Defect, ...]


def frame(seed: int, index: int) -> Frame:
    """The frame `index` of the world `seed`; the same pair gives the same frame."""
    rng = np.random.default_rng([seed, index])
    station = STATIONS[rng.choice(len(STATIONS), p=[s.share for s in STATIONS])]
    conditions = _conditions(rng, station)
    light = rng.uniform(0, 2 * np.pi)
    paint = np.array(station.paints[rng.integers(len(station.paints))], np.float32)
    surface = TEXTURES[station.texture](rng)[..., None] * paint
    _clutter(rng, surface, conditions)
    defects = _defects(rng, surface, light, conditions)
    pixels = _photographed(rng, station, surface, light, conditions)
    return Frame(pixels, station.name, conditions, tuple(d for d in defects if _visible(pixels, d.box)))


def _conditions(rng: np.random.Generator, station: Station) -> tuple[str, ...]:
    """One or two conditions for a hard frame, none for an easy one; a matt surface shows no glare."""
    possible = [c for c in CONDITIONS if c != "glare" or station.glare > 0]
    if rng.random() >= HARD_SHARE:
        return ()
    count = 2 if rng.random() < 0.3 else 1
    chosen = [str(c) for c in rng.choice(possible, size=count, replace=False)]
    if "underexposed" in chosen and "overexposed" in chosen:
        chosen.remove("overexposed")
    return tuple(sorted(chosen))


def _clutter(rng: np.random.Generator, surface: NDArray[np.float32], conditions: tuple[str, ...]) -> None:
    count = int(rng.integers(3, 6)) if "clutter" in conditions else int(rng.random() < 0.2)
    for _ in range(count):
        CLUTTER[rng.integers(len(CLUTTER))](rng, surface)


def _defects(
    rng: np.random.Generator, surface: NDArray[np.float32], light: float, conditions: tuple[str, ...]
) -> tuple[Defect, ...]:
    if rng.random() < NEGATIVE_SHARE:
        return ()
    found: list[Defect] = []
    for _ in range(min(6, 1 + int(rng.geometric(0.5)))):
        label = int(rng.choice(len(CLASSES), p=CLASS_WEIGHTS))
        strength = rng.uniform(0.35, 0.55) if "faint" in conditions else rng.uniform(0.8, 1.15)
        defect = _placed(rng, surface, label, strength, light, found)
        if defect is not None:
            found.append(defect)
    return tuple(found)


def _placed(
    rng: np.random.Generator,
    surface: NDArray[np.float32],
    label: int,
    strength: float,
    light: float,
    others: list[Defect],
) -> Defect | None:
    """Paints a defect of class `label` where it hides none of `others`; None where eight tries found no such place."""
    for _ in range(8):
        trial = surface.copy()
        box = PAINTERS[CLASSES[label]](rng, trial, strength, light)
        if box is not None and not any(_touches(box, other.box) for other in others):
            surface[:] = trial
            return Defect(label, box)
    return None


def _visible(pixels: NDArray[np.uint8], box: Box) -> bool:
    """Whether at most 80 % of the box is blown out to white: nobody can annotate what the sensor did not see."""
    x1, y1, x2, y2 = (int(v) for v in box)
    return float((pixels[y1:y2, x1:x2].min(axis=2) >= 250).mean()) <= 0.8


def _touches(a: Box, b: Box) -> bool:
    return min(a[2], b[2]) > max(a[0], b[0]) and min(a[3], b[3]) > max(a[1], b[1])


def _photographed(
    rng: np.random.Generator,
    station: Station,
    surface: NDArray[np.float32],
    light: float,
    conditions: tuple[str, ...],
) -> NDArray[np.uint8]:
    factor = 1.0
    if "underexposed" in conditions:
        factor = rng.uniform(0.3, 0.5)
    if "overexposed" in conditions:
        factor = rng.uniform(1.35, 1.7)
    on_sensor = surface * lamp(rng, station, light, factor)[..., None] * np.array(station.cast, np.float32)
    if "glare" in conditions or rng.random() < station.glare:
        on_sensor = on_sensor + glare(rng)[..., None]
    grain = station.grain * (4.0 if "noisy" in conditions else 1.0)
    defocus = rng.uniform(1.3, 2.2) if "defocus" in conditions else rng.uniform(0.3, 0.7)
    return exposed(rng, on_sensor, grain, defocus)
