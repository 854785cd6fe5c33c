"""Measures to a difficulty of 0 to 100 and its reasons.

Each symptom is a straight ramp over one measure, in [0, 1]; each takes up to its weight of the ease that the others
leave: difficulty = 100 × (1 − Π (1 − weight × symptom)). So the difficulty never falls when any symptom grows. The
ramps' ends are where pictures of machine vision stop being easy and where they stop being usable; nothing was learned
from labels.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from calibtui.practice.measures import Measures

REASON_FROM = 0.12
"""A symptom is named once it takes this share of the ease."""


@dataclass(frozen=True, slots=True)
class Symptom:
    """`measure` at `none` is no symptom, at `full` all of it; `none` is above `full` where little is bad."""

    reason: str
    measure: str
    none: float
    full: float
    weight: float

    def strength(self, measures: Measures) -> float:
        value: float = (getattr(measures, self.measure) - self.none) / (self.full - self.none)
        return min(max(value, 0.0), 1.0)


SYMPTOMS = (
    Symptom("blur", "sharpness", 1.7, 0.5, 0.5),
    Symptom("low contrast", "spread", 60.0, 10.0, 0.55),
    Symptom("dark", "mean", 75.0, 10.0, 0.6),
    Symptom("glare", "glare", 0.005, 0.06, 0.3),
    # A picture that is white over half its area is hard beyond what a spot of glare makes it.
    Symptom("glare", "glare", 0.1, 1.0, 0.5),
    Symptom("fine structures", "fineness", 0.6, 2.2, 0.4),
    Symptom("clutter", "edges", 0.02, 0.6, 0.5),
)


def verdict(measures: Measures) -> tuple[int, tuple[str, ...]]:
    """Difficulty 0..100 and the reasons, the strongest first."""
    shares = [(symptom.weight * symptom.strength(measures), symptom.reason) for symptom in SYMPTOMS]
    difficulty = 1 - prod(1 - share for share, _ in shares)
    named = sorted((entry for entry in shares if entry[0] >= REASON_FROM), key=lambda entry: -entry[0])
    return round(100 * difficulty), tuple(dict.fromkeys(reason for _, reason in named))
