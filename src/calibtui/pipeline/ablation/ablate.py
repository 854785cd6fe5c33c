"""`calibtui ablate`: what is not scored yet is scored, sets are proposed, each is quantized and evaluated beside random
sets of its size."""

from __future__ import annotations

import contextlib
import time
from dataclasses import replace
from pathlib import Path

from calibtui.core.digests import digest_of, file_digest
from calibtui.core.errors import CalibtuiError, InterruptedByUser
from calibtui.core.progress import OnProgress, StopFlag
from calibtui.core.summary import RunSummary
from calibtui.detector.detector import Detector
from calibtui.evaluation.ablation import Ablation, overall_verdict
from calibtui.gateway.observability.event_log import open_log
from calibtui.gateway.observability.metrics import Metrics
from calibtui.gateway.observability.metrics_server import serving_metrics
from calibtui.pipeline.ablation.outcome import results_of
from calibtui.pipeline.ablation.plan import AblationPlan
from calibtui.pipeline.ablation.sets import proposed_sets
from calibtui.pipeline.ablation.trials import Trials
from calibtui.pipeline.cascade import judged_pool
from calibtui.pipeline.context import Context, workers
from calibtui.pipeline.evaluation_set import load_evaluation_set, refuse_overlap
from calibtui.pipeline.judges import practice_note
from calibtui.pipeline.observation import run_began, run_crashed, run_ended
from calibtui.pipeline.run import run_name
from calibtui.pipeline.stages import StageRunner
from calibtui.report.ablation_page import write_ablation_page
from calibtui.store.store import Store
from calibtui.workspace.settings import Settings


def ablate(
    settings: Settings, plan: AblationPlan, *, on_progress: OnProgress, stop: StopFlag, confirmed: bool = False
) -> Ablation:
    """Runs the plan; what earlier ablations, or an interrupted one, have tried already is not tried again. Raises
    whatever its stages raise; everything that was finished stays."""
    started = time.time()
    run = run_name(started)
    metrics = Metrics()
    with contextlib.ExitStack() as until_end:
        until_end.enter_context(serving_metrics(settings.metrics.listen, metrics, file=settings.file))
        store = until_end.enter_context(Store(settings.state))
        log = until_end.enter_context(contextlib.closing(open_log(settings.state)))
        context = Context(settings, store, run, on_progress, stop, confirmed, metrics=metrics, log=log)
        store.runs.begin(run, "ablate", started)
        run_began(context, "ablate")
        return _kept(context, plan)


def _kept(context: Context, plan: AblationPlan) -> Ablation:
    """The ablation, with the run's end in the store and the log however it comes."""
    runner = StageRunner(context, RunSummary(str(context.root), context.run))
    state, error = "failed", None
    try:
        found = _ablated(context, plan, runner)
        state = "done"
        return found
    except CalibtuiError as raised:
        state, error = "interrupted" if isinstance(raised, InterruptedByUser) else "failed", raised
        raise
    except Exception as raised:
        run_crashed(context, raised)
        raise
    finally:
        summary = replace(runner.summary, notes=tuple(context.notes))
        context.store.runs.end(context.run, state, time.time(), summary.as_json())
        run_ended(context, state, summary, error)


def _ablated(context: Context, plan: AblationPlan, runner: StageRunner) -> Ablation:
    needed = ["pool", "score"] if plan.needs_scores else ["pool"]
    runner.check_ready([*needed, "evaluate"])
    for stage in needed:
        context.stop.raise_if_set()
        runner.run(stage)
    detector = Detector.load(context.model_settings(), context.root, threads=workers())
    evaluation = load_evaluation_set(context, detector)
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
