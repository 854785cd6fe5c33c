"""What an ablation found: every condition beside its control, with the verdict in words."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from calibtui.core.digests import digest_of
from calibtui.evaluation.ablation import CONTROL, ClassDrop, Condition, ConditionResult
from calibtui.evaluation.bootstrap import resampled_maps
from calibtui.evaluation.coco import Matches, MeanAP, match, mean_ap
from calibtui.evaluation.control import Difference, Seen, beside_control, difference_in_words, holm
from calibtui.pipeline.ablation.plan import AblationPlan
from calibtui.pipeline.ablation.sets import ProposedSet
from calibtui.pipeline.ablation.trials import FLOAT, Trial
from calibtui.pipeline.context import Context
from calibtui.pipeline.detection_pass import DetectionPass
from calibtui.pipeline.evaluation_set import EvaluationSet, scenes_of


def results_of(
    context: Context,
    plan: AblationPlan,
    evaluation: EvaluationSet,
    sets: Mapping[Condition, Sequence[ProposedSet]],
    passes: Mapping[Trial, DetectionPass],
) -> tuple[float, int, tuple[ConditionResult, ...]]:
    """mAP of the float model, the resampled units, and every condition beside its control."""
    settings = context.evaluation_settings()
    truths = [frame.truth for frame in evaluation.frames]
    scenes = scenes_of(evaluation, settings.scenes)
    figures: dict[Trial, MeanAP] = {}
    seen: dict[Trial, Seen] = {}
    for number, (trial, done) in enumerate(passes.items(), 1):
        context.stop.raise_if_set()
        matches: Matches = match(done.detections, truths, len(evaluation.classes))
        figures[trial] = mean_ap(matches)
        if trial != FLOAT:
            maps = resampled_maps(matches, seed=settings.seed, replicates=settings.replicates, clusters=scenes)
            seen[trial] = Seen(figures[trial].map, maps)
        context.tell("ablate", number, len(passes), "intervals")
    reference = figures[FLOAT]
    bare = [_bare(condition, sets[condition], figures, reference, evaluation) for condition in plan.conditions()]
    units = len(truths) if scenes is None else int(scenes.max()) + 1
    return reference.map, units, _judged(bare, sets, seen, settings.seed)


def _bare(
    condition: Condition,
    sets: Sequence[ProposedSet],
    figures: Mapping[Trial, MeanAP],
    reference: MeanAP,
    evaluation: EvaluationSet,
) -> ConditionResult:
    """Without the comparison."""
    trials = {each.seed: figures[each.key, condition.calibrator] for each in sets}
    maps = {seed: figure.map for seed, figure in trials.items()}
    worst = min(maps, key=lambda seed: (maps[seed], seed))
    return ConditionResult(
        condition=condition,
        maps=maps,
        drop=100 * (reference.map - float(np.mean(list(maps.values())))),
        worst_seed=worst,
        worst_drop=100 * (reference.map - maps[worst]),
        worst_class=_worst_class(reference, list(trials.values()), evaluation.classes),
        difference=None,
        verdict="the control",
    )


def _worst_class(reference: MeanAP, figures: Sequence[MeanAP], classes: Sequence[str]) -> ClassDrop | None:
    int8 = np.mean([figure.per_class for figure in figures], axis=0)
    drops = [
        ClassDrop(name, float(before), float(after))
        for name, before, after in zip(classes, reference.per_class, int8, strict=True)
        if not math.isnan(before)
    ]
    return max(drops, key=lambda each: each.points, default=None)


def _judged(
    bare: Sequence[ConditionResult],
    sets: Mapping[Condition, Sequence[ProposedSet]],
    seen: Mapping[Trial, Seen],
    seed: int,
) -> tuple[ConditionResult, ...]:
    def models(condition: Condition) -> list[Seen]:
        return [seen[each.key, condition.calibrator] for each in sets[condition]]

    differences: dict[Condition, Difference] = {}
    for each in bare:
        if each.condition.strategy != CONTROL:
            # Every comparison draws its own seeds, the same ones whatever else is compared.
            own = int(digest_of([seed, str(each.condition)])[:8], 16)
            differences[each.condition] = beside_control(
                models(each.condition), models(each.condition.control), seed=own
            )
    corrected = dict(zip(differences, holm([found.p for found in differences.values()]), strict=True))
    judged = []
    for each in bare:
        found = differences.get(each.condition)
        if found is not None:
            found = replace(found, adjusted_p=corrected[each.condition])
            each = replace(each, difference=found, verdict=difference_in_words(found, CONTROL))
        judged.append(each)
    return tuple(judged)
