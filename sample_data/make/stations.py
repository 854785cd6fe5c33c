"""The inspection stations of the world: what each one looks at, and under which light."""

from __future__ import annotations

from dataclasses import dataclass

WIDTH, HEIGHT = 320, 256
CLASSES = ("scratch", "pit", "stain", "dent")


@dataclass(frozen=True, slots=True)
class Station:
    """One camera over one line.

    `paints`: base reflectances (r, g, b) in [0, 1], one is drawn a frame. `exposure`: the mean brightness that the lamp
    and the shutter give a reflectance of 1, and its relative `spread` from frame to frame. `slope`: how far the light
    falls off across the frame, as a share of the exposure. `cast`: colour of the lamp. `grain`: sensor noise, grey
    levels at black. `glare`: probability of a specular spot on an ordinary frame,
    0 for matt surfaces. `share`: of all frames.
    """

    name: str
    texture: str
    paints: tuple[tuple[float, float, float], ...]
    exposure: float
    spread: float
    slope: float
    cast: tuple[float, float, float]
    grain: float
    glare: float
    share: float


STATIONS = (
    Station(
        name="station-a",
        texture="cast",
        paints=((0.62, 0.62, 0.64), (0.55, 0.53, 0.52)),
        exposure=0.36,
        spread=0.18,
        slope=0.25,
        cast=(1.0, 0.97, 0.92),
        grain=2.2,
        glare=0.0,
        share=0.22,
    ),
    Station(
        name="station-b",
        texture="brushed",
        paints=((0.66, 0.67, 0.70), (0.58, 0.60, 0.63)),
        exposure=0.85,
        spread=0.12,
        slope=0.55,
        cast=(0.98, 1.0, 1.02),
        grain=1.4,
        glare=0.04,
        share=0.30,
    ),
    Station(
        name="station-c",
        texture="painted",
        paints=((0.72, 0.70, 0.62), (0.34, 0.52, 0.44), (0.40, 0.47, 0.62), (0.70, 0.42, 0.30)),
        exposure=0.95,
        spread=0.10,
        slope=0.20,
        cast=(1.08, 1.0, 0.84),
        grain=1.2,
        glare=0.06,
        share=0.28,
    ),
    Station(
        name="station-d",
        texture="woven",
        paints=((0.52, 0.55, 0.60), (0.64, 0.62, 0.56)),
        exposure=0.75,
        spread=0.12,
        slope=0.15,
        cast=(0.92, 0.98, 1.08),
        grain=1.6,
        glare=0.0,
        share=0.14,
    ),
    Station(
        name="station-e",
        texture="turned",
        paints=((0.80, 0.80, 0.80), (0.84, 0.82, 0.76)),
        exposure=1.12,
        spread=0.10,
        slope=0.30,
        cast=(1.0, 1.0, 1.0),
        grain=1.0,
        glare=0.55,
        share=0.06,
    ),
)
