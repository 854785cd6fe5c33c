"""The calibration sets of an ablation: proposed, not written; seeds that give the same frames count as one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from calibtui.core.digests import digest_of
from calibtui.evaluation.ablation import Condition
from calibtui.pipeline.ablation.plan import AblationPlan, settings_of
from calibtui.pipeline.calibration import CalibrationFrame
from calibtui.pipeline.cascade import JudgedPool
from calibtui.pipeline.context import Context
from calibtui.pipeline.select_stage import proposed_set


@dataclass(frozen=True, slots=True)
class ProposedSet:
    """`key` names the frames alone: strategies and seeds that choose the same ones share it."""

    key: str
    seed: int
    frames: tuple[CalibrationFrame, ...]

    @property
    def digests(self) -> frozenset[str]:
        return frozenset(frame.digest for frame in self.frames)


def proposed_sets(
    context: Context, plan: AblationPlan, pool: JudgedPool
) -> Mapping[Condition, tuple[ProposedSet, ...]]:
    """Of every condition, the sets that its seeds give, each once, by its first seed. Notes a set that is smaller than
    asked for."""
    by_choice: dict[tuple[str, int], tuple[ProposedSet, ...]] = {}
    found = {}
    for condition in plan.conditions():
        choice = condition.strategy, condition.size
        if choice not in by_choice:
            by_choice[choice] = _distinct(context, condition, plan, pool)
        found[condition] = by_choice[choice]
    return found


def _distinct(context: Context, condition: Condition, plan: AblationPlan, pool: JudgedPool) -> tuple[ProposedSet, ...]:
    sets: dict[str, ProposedSet] = {}
    for seed in plan.seeds:
        context.stop.raise_if_set()
        each = replace(context, settings=settings_of(context.settings, condition, seed))
        manifest, smaller = proposed_set(each, pool)
        if smaller:
            context.note(f"The {condition.strategy} set holds {smaller}")
        frames = tuple(
            CalibrationFrame(frame["uri"], context.path_of(frame["uri"]), frame["digest"])
            for frame in manifest["frames"]
        )
        key = digest_of(sorted(frame.digest for frame in frames))
        sets.setdefault(key, ProposedSet(key, seed, frames))
    return tuple(sets.values())
