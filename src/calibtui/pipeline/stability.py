"""How stable the scores are: a sample of scored frames is asked again, and the two orders are compared.

The second answers come past every cache of ours, as a pass beyond all that are stored: nothing is overwritten, and each
call is charged and recorded like any other. An answer that a cache on the way had kept shows itself by the completion
id of the first one, and is left out. A rerun goes on with the pass that an interrupted one began, and asks a new one
where that came to its end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from calibtui.core.errors import ConfigurationError
from calibtui.core.money import eur
from calibtui.core.progress import OnProgress, StopFlag
from calibtui.detector.detector import Detector
from calibtui.pipeline.asking import Asked, ask
from calibtui.pipeline.cascade import scoring_stages
from calibtui.pipeline.context import Context
from calibtui.pipeline.index_stage import index_pool
from calibtui.pipeline.judges import ConfiguredJudge, check_judge, configured_judge, practice_note
from calibtui.pipeline.score_shards import RunShards
from calibtui.pipeline.single_run import SingleRun, single_run
from calibtui.scoring.judge import FrameToScore
from calibtui.scoring.stability.agreement import FEWEST, Agreement, agreement
from calibtui.scoring.stability.mapping import FEWEST_ANCHORS, ScoreMapping, fitted_mapping
from calibtui.scoring.stability.sample import Sample, stratified
from calibtui.store.frames import FrameRow
from calibtui.workspace.settings import ScoringSettings, Settings

SAMPLE = 64


@dataclass(frozen=True, slots=True)
class Stability:
    """`model` gave the stored scores of pass 1, `compared_with` the fresh ones of `pass_number`; `mapping`, from the
    latter's scores onto the former's, where the two models differ. `failed`: sampled frames without a usable second
    answer. `spent`: micro-EUR."""

    workspace: str
    run: str
    model: str
    compared_with: str
    pass_number: int
    sample: Sample
    agreement: Agreement
    mapping: ScoreMapping | None
    failed: int
    calls: int
    spent: int
    notes: tuple[str, ...]


def measure_stability(
    settings: Settings,
    *,
    size: int,
    other: str | None,
    on_progress: OnProgress,
    stop: StopFlag,
    confirmed: bool = False,
) -> Stability:
    """Asks `size` scored frames again, the configured model or an `other`. Raises ConfigurationError where there is too
    little to compare, and what ended the asking early (a budget, failures, an interruption); every answer is kept."""
    check_sample(size, other)
    with single_run(settings, "stability", on_progress, stop, confirmed) as run:
        return stability_in(run, size, other)


def stability_in(run: SingleRun, size: int, other: str | None) -> Stability:
    """The same within a run that is under way."""
    measured = _measured(run.context, size, other)
    run.said = measured.agreement.sentence
    return measured


def check_sample(size: int, other: str | None) -> None:
    """Raises ConfigurationError for a sample that is too small to say anything."""
    _check_size(size, FEWEST_ANCHORS if other else FEWEST)


def again_asked(context: Context, other: str | None) -> ScoringSettings:
    """Whom a measurement asks. Raises ConfigurationError where there is nothing to measure."""
    first = _judged_by(context)
    return _by_other_model(context, first, other) if other else first


def _measured(context: Context, size: int, other: str | None) -> Stability:
    first, second = _judged_by(context), again_asked(context, other)
    check_judge(context, second)
    index_pool(context)
    frames = context.store.frames.usable("pool", unique=True)
    before = _judge(context, first, frames)
    stored = _difficulties(context, before, 1)
    if not stored:
        raise ConfigurationError(
            f"No frame has a score of {before.questions.identity.model} yet.", "Run `calibtui score` first."
        )
    sample = stratified(stored, size, seed=context.settings.selection.seed)
    _check_size(len(sample.digests), FEWEST if other is None else FEWEST_ANCHORS)
    asked_for = set(sample.digests)
    after = _judge(context, second, [frame for frame in frames if frame.digest in asked_for])
    number, asked = _asked_again(context, after)
    fresh = _believed(context, after, number, _difficulties(context, after, number))
    return _compared(context, before, after, sample, stored, fresh, number, asked)


def _asked_again(context: Context, judge: ConfiguredJudge) -> tuple[int, Asked]:
    """The fresh pass, and what asking those of the judge's frames came to that have no answer in it yet."""
    questions = judge.questions
    number, answered = _fresh_pass(context, judge)
    if answered:
        context.note(f"{len(answered)} of the answers are of an earlier measurement, which was broken off.")
    shards = RunShards(context.state / "shards" / context.run)
    again = [
        FrameToScore(frame.uri, context.path_of(frame.uri), frame.digest, number)
        for frame in sorted(questions.frames, key=lambda frame: frame.digest)
        if frame.digest not in answered
    ]
    asked = asyncio.run(ask(context, judge, again, shards))
    nothing = context.store.scores.cached(questions.table().slice(0, 0))
    shards.finish(nothing, nothing)
    if asked.outcome.error is not None:
        raise asked.outcome.error
    return number, asked


def _fresh_pass(context: Context, judge: ConfiguredJudge) -> tuple[int, dict[str, float]]:
    """Its number, and the answers to it of a measurement that was broken off."""
    questions, scores = judge.questions, context.store.scores
    name = questions.identity
    key = (name.prompt_digest, name.model, name.parameters_digest)
    newest, asked_in_runs = scores.newest_pass(*key), context.settings.scoring.passes
    if newest > asked_in_runs and context.store.runs.state(scores.runs_of_pass(*key, newest)[-1]) != "done":
        answered = _difficulties(context, judge, newest)
        if len(answered) < len(questions.frames):
            return newest, answered
    return 1 + max(newest, asked_in_runs), {}


def _compared(
    context: Context,
    before: ConfiguredJudge,
    after: ConfiguredJudge,
    sample: Sample,
    stored: dict[str, float],
    fresh: dict[str, float],
    number: int,
    asked: Asked,
) -> Stability:
    both = [digest for digest in sample.digests if digest in fresh]
    old, new = (np.array([scores[digest] for digest in both]) for scores in (stored, fresh))
    models = before.questions.identity.model, after.questions.identity.model
    for model in dict.fromkeys(models):
        if sentence := practice_note(model):
            context.note(sentence)
    _check_size(len(both), FEWEST if models[0] == models[1] else FEWEST_ANCHORS)
    return Stability(
        workspace=str(context.root),
        run=context.run,
        model=models[0],
        compared_with=models[1],
        pass_number=number,
        sample=sample,
        agreement=agreement(old, new, top=_top(context, sample, len(both)), seed=context.settings.selection.seed),
        mapping=fitted_mapping(new, old) if models[0] != models[1] else None,
        failed=len(sample.digests) - len(both),
        calls=asked.outcome.calls,
        spent=asked.outcome.spent_micro_eur,
        notes=tuple(context.notes),
    )


def _top(context: Context, sample: Sample, frames: int) -> int | None:
    """As many of the sample as the calibration set has of the pool; a tenth where the set would hold it all."""
    share = context.settings.selection.size / sample.pool
    return max(1, round(share * frames)) if share < 1 else None


def _believed(context: Context, judge: ConfiguredJudge, number: int, fresh: dict[str, float]) -> dict[str, float]:
    """Without answers that a cache on the way had kept: they would look perfectly stable."""
    name, scores = judge.questions.identity, context.store.scores
    runs = scores.runs_of_pass(name.prompt_digest, name.model, name.parameters_digest, number)
    kept = set().union(*map(scores.answered_before, runs)) & set(fresh)
    said = f"{len(kept)} of {len(fresh)} answers bear the completion id of an earlier run: a cache on the way to the "
    if len(kept) == len(fresh) > 0:
        raise ConfigurationError(f"{said}model gave them.", "Turn that cache off for this measurement.")
    if kept:
        context.note(f"{said}model gave them, so they don't count. Turn it off for this measurement.")
    return {digest: difficulty for digest, difficulty in fresh.items() if digest not in kept}


def _judged_by(context: Context) -> ScoringSettings:
    """What the final scores are made by: the last stage of a cascade. Asked live, whatever the mode."""
    scoring = replace(scoring_stages(context)[-1], passes=1, mode="live")
    if scoring.judge == "detector":
        raise ConfigurationError(
            "The detector judge gives the same frame the same score every time: there is nothing to measure.",
            'Measure a judge = "vlm".',
        )
    return scoring


def _by_other_model(context: Context, scoring: ScoringSettings, other: str) -> ScoringSettings:
    """At the configured provider if it has a price for the other model, else at the only one that has. Raises
    ConfigurationError for the configured model itself."""
    if other == scoring.model:
        raise ConfigurationError(
            f"{other} is the configured model itself.", "Leave --model out to ask the same model again."
        )
    provider = context.settings.providers.get(scoring.provider or "")
    keeps = provider is not None and other in provider.models
    return replace(scoring, model=other, provider=scoring.provider if keeps else None)


def _judge(context: Context, scoring: ScoringSettings, frames: Sequence[FrameRow]) -> ConfiguredJudge:
    def no_detector() -> Detector:
        raise AssertionError("a vlm judge needs no detector")

    return configured_judge(context, no_detector, scoring, frames)


def _difficulties(context: Context, judge: ConfiguredJudge, number: int) -> dict[str, float]:
    """What the judge really said in that pass, by digest."""
    keys = judge.questions.table()
    place = keys.column_names.index("pass")
    keys = keys.set_column(place, "pass", pa.array(np.full(keys.num_rows, number, np.int32)))
    rows = context.store.scores.cached(keys)
    return dict(zip(rows["digest"].to_pylist(), rows["difficulty"].to_pylist(), strict=True))


def _check_size(frames: int, fewest: int) -> None:
    if frames < fewest:
        raise ConfigurationError(
            f"{frames} frames scored twice are too few to say anything: it takes {fewest}.",
            "Score more frames, or raise --sample.",
        )


def spent_in_words(stability: Stability) -> str:
    """What it took."""
    return (
        f"{stability.calls:,} calls for {eur(stability.spent):.4f} EUR; {stability.failed:,} frames without an answer"
    )
