"""What the figures mean, each in a plain sentence with the remedy."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

Kind = Literal["layer", "shared scale", "outlier channels", "frame", "clipping", "weights", "range", "arithmetic"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One cause of error. `layers`: node names concerned; `tensors`: the activations; `frames`: digests.

    `before` and `after`: output errors without and with the remedy, both in the same setting, nan where the remedy
    was not tried; `effect`: what of the INT8 model's whole error that is, 0 to 1 and nan, by which findings are
    ranked. `weight` ranks those that were not tried.
    """

    kind: Kind
    sentence: str
    remedy: str
    layers: tuple[str, ...] = ()
    tensors: tuple[str, ...] = ()
    frames: tuple[str, ...] = ()
    before: float = math.nan
    after: float = math.nan
    effect: float = math.nan
    weight: float = 0.0

    def measured(self, before: float, after: float, whole: float) -> Finding:
        """The same with its effect, where the INT8 model's whole error is `whole`."""
        effect = min(1.0, max(0.0, (before - after) / whole)) if whole > 0 else 0.0
        return replace(self, before=before, after=after, effect=effect)


def ranked(findings: list[Finding]) -> tuple[Finding, ...]:
    """By measured effect, the largest first; after those the ones that were not tried, by weight."""

    def key(finding: Finding) -> tuple[bool, float, float, str]:
        untried = math.isnan(finding.effect)
        return untried, 0.0 if untried else -finding.effect, -finding.weight, finding.sentence

    return tuple(sorted(findings, key=key))
