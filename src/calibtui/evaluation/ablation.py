"""What an ablation found: every way of choosing beside random sets, over several seeds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from calibtui.evaluation.control import Difference

CONTROL = "random"


@dataclass(frozen=True, slots=True)
class Condition:
    """One way to choose a set and to calibrate on it; its seeds are its repetitions."""

    strategy: str
    size: int
    calibrator: str

    @property
    def control(self) -> Condition:
        """The random sets that it is judged beside."""
        return replace(self, strategy=CONTROL)

    def __str__(self) -> str:
        return f"{self.strategy} {self.size} {self.calibrator}"


@dataclass(frozen=True, slots=True)
class ClassDrop:
    """AP of a class as fractions: in float, and in INT8 as the mean over seeds."""

    name: str
    reference: float
    int8: float

    @property
    def points(self) -> float:
        return 100 * (self.reference - self.int8)


@dataclass(frozen=True, slots=True)
class ConditionResult:
    """A condition over its seeds. `maps` as fractions, by seed; `drop` in points, the mean; `worst_seed` loses
    `worst_drop`; `worst_class` None where no class has an AP. `difference` from the control of the same size and
    calibrator, None for the control itself; `verdict` says it."""

    condition: Condition
    maps: Mapping[int, float]
    drop: float
    worst_seed: int
    worst_drop: float
    worst_class: ClassDrop | None
    difference: Difference | None
    verdict: str


@dataclass(frozen=True, slots=True)
class Ablation:
    """`reference_map`: of the float model, as a fraction. `units`: evaluation frames, or scenes of them, that the
    intervals come from. `best`: one sentence over all."""

    workspace: str
    run: str
    model: str
    target: str
    frames: int
    units: int
    reference_map: float
    seeds: tuple[int, ...]
    results: tuple[ConditionResult, ...]
    verdict: str
    report: str
    notes: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """What `calibtui ablate --json` prints; mAP as fractions, the rest in points, what is not known null."""
        return {
            "schema": 1,
            "workspace": self.workspace,
            "run": self.run,
            "model": self.model,
            "target": self.target,
            "frames": self.frames,
            "units": self.units,
            "reference_map": number_or_none(self.reference_map),
            "seeds": list(self.seeds),
            "conditions": [_condition(result) for result in self.results],
            "verdict": self.verdict,
            "report": self.report,
            "notes": list(self.notes),
        }


def overall_verdict(results: Sequence[ConditionResult]) -> str:
    """One sentence: what beats random, or that nothing measurably does."""
    compared = [each for each in results if each.difference is not None]
    better = [
        each for each in compared if _measurable(each) and each.difference is not None and each.difference.points > 0
    ]
    worse = [each for each in compared if _measurable(each) and each not in better]
    if not compared:
        return f"Only {CONTROL} sets were tried: there is nothing to compare."
    said = []
    if better:
        best = max(better, key=lambda each: each.difference.points if each.difference else 0.0)
        said.append(f"{best.condition} is {best.verdict}.")
    if worse:
        worst = min(worse, key=lambda each: each.difference.points if each.difference else 0.0)
        said.append(f"{worst.condition} is {worst.verdict}.")
    if not said:
        return f"No measurable difference: none of {len(compared)} conditions is told from {CONTROL} sets of its size."
    return " ".join(said)


def _measurable(result: ConditionResult) -> bool:
    return result.difference is not None and result.difference.measurable


def number_or_none(value: float) -> float | None:
    return None if math.isnan(value) else value


def _condition(result: ConditionResult) -> dict[str, Any]:
    worst, found = result.worst_class, result.difference
    return {
        "strategy": result.condition.strategy,
        "size": result.condition.size,
        "calibrator": result.condition.calibrator,
        "map_by_seed": {str(seed): number_or_none(value) for seed, value in result.maps.items()},
        "drop": number_or_none(result.drop),
        "worst_seed": {"seed": result.worst_seed, "drop": number_or_none(result.worst_drop)},
        "worst_class": None if worst is None else {"name": worst.name, "drop": number_or_none(worst.points)},
        "better_than_random": None
        if found is None
        else {
            "points": number_or_none(found.points),
            "ci95": [number_or_none(found.low), number_or_none(found.high)],
            "p": number_or_none(found.p),
            "p_holm": number_or_none(found.adjusted_p),
            "measurable": found.measurable,
        },
        "verdict": result.verdict,
    }
