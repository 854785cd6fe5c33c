"""`calibtui ablate`: what is not scored yet is scored, sets are proposed, each is quantized and evaluated beside random
sets of its size."""

from __future__ import annotations

from pathlib import Path

from calibtui.core.digests import digest_of, file_digest
from calibtui.core.progress import OnProgress, StopFlag
from calibtui.evaluation.ablation import Ablation, overall_verdict
from calibtui.pipeline.ablation.outcome import results_of
from calibtui.pipeline.ablation.plan import AblationPlan
from calibtui.pipeline.ablation.sets import proposed_sets
from calibtui.pipeline.ablation.trials import Trials
from calibtui.pipeline.cascade import judged_pool
from calibtui.pipeline.context import Context
from calibtui.pipeline.evaluation_set import refuse_overlap
from calibtui.pipeline.judges import practice_note
from calibtui.pipeline.single_run import SingleRun, single_run
from calibtui.pipeline.stages import StageRunner
from calibtui.report.ablation_page import write_ablation_page
from calibtui.workspace.settings import Settings


def ablate(
    settings: Settings, plan: AblationPlan, *, on_progress: OnProgress, stop: StopFlag, confirmed: bool = False
) -> Ablation:
    """Runs the plan; what earlier ablations, or an interrupted one, have tried already is not tried again. Raises
    whatever its stages raise; everything that was finished stays."""
    with single_run(settings, "ablate", on_progress, stop, confirmed) as run:
        return ablation_in(run, plan)


def ablation_in(run: SingleRun, plan: AblationPlan) -> Ablation:
    """The same within a run that is under way."""
    runner = StageRunner(run.context, run.summary)
    try:
        found = _ablated(run.context, plan, runner)
    finally:
        run.summary = runner.summary
    run.said, run.report = found.verdict, found.report
    return found


def _ablated(context: Context, plan: AblationPlan, runner: StageRunner) -> Ablation:
    needed = ["pool", "score"] if plan.needs_scores else ["pool"]
    runner.check_ready([*needed, "evaluate"])
    for stage in needed:
        context.stop.raise_if_set()
        runner.run(stage)
    detector, evaluation = runner.open_detector(), runner.evaluation_set()
    if not detector.classes:
        detector = detector.with_classes(evaluation.classes)
    pool = judged_pool(context, lambda: detector)
    sets = proposed_sets(context, plan, pool)
    every = {each.key: each for several in sets.values() for each in several}
    refuse_overlap(context, evaluation, frozenset().union(*(each.digests for each in every.values())))
    trials = [(each.key, condition.calibrator) for condition, several in sets.items() for each in several]
    passes = Trials(context, detector, evaluation, file_digest(detector.path)).passes(every, trials)
    reference, units, results = results_of(context, plan, evaluation, sets, passes)
    for model in pool.verdicts.models if plan.needs_scores else ():
        if sentence := practice_note(model):
            context.note(sentence)
    name = digest_of([context.run, [str(each.condition) for each in results]])[:12]
    found = Ablation(
        workspace=str(context.root),
        run=context.run,
        model=context.model_settings().onnx,
        target=context.settings.quantization.target,
        frames=len(evaluation.frames),
        units=units,
        reference_map=reference,
        seeds=plan.seeds,
        results=results,
        verdict=overall_verdict(results),
        report=str(context.state / "reports" / f"ablation.{name}.html"),
        notes=tuple(context.notes),
    )
    write_ablation_page(Path(found.report), found)
    return found
