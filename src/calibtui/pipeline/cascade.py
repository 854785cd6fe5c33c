"""Scoring in stages: a cheap judge for every frame, a dear one for those that can still reach the set.

After each stage but the last, the hardest `reach` × the set's size go on. A frame that the last stage has not seen
keeps its
cheaper score, brought onto the last judge's scale through the frames that both have scored
(scoring.stability.mapping): raw
scores of two judges never mix. Without [scoring] stages there is one stage, the settings themselves.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from calibtui.core.errors import CalibtuiError
from calibtui.core.summary import ScoringSummary
from calibtui.detector.detector import Detector
from calibtui.pipeline.context import Context
from calibtui.pipeline.judges import configured_judge
from calibtui.pipeline.questions import Questions, Verdicts, verdicts
from calibtui.pipeline.score_stage import score_pool
from calibtui.pipeline.similar_frames import stored_answers
from calibtui.scoring.stability.mapping import FEWEST_ANCHORS, fitted_mapping
from calibtui.store.frames import FrameRow
from calibtui.workspace.settings import ScoringSettings, StageSettings

OpenDetector = Callable[[], Detector]


@dataclass(frozen=True, slots=True)
class JudgedPool:
    """The pool's distinct frames with their final verdicts; `prompt` is the last stage's."""

    frames: Sequence[FrameRow]
    verdicts: Verdicts
    prompt: str


def scoring_stages(context: Context) -> list[ScoringSettings]:
    """What each stage goes by, in the order they run."""
    scoring = context.settings.scoring
    return [_overridden(scoring, stage) for stage in scoring.stages] or [scoring]


def score_in_stages(context: Context, detector: OpenDetector) -> tuple[ScoringSummary, CalibtuiError | None]:
    """Every stage in turn; the summary is of all together. The error is what ended it early."""
    frames: Sequence[FrameRow] = context.store.frames.usable("pool", unique=True)
    settings = scoring_stages(context)
    summaries: list[ScoringSummary] = []
    for number, scoring in enumerate(settings):
        judge = configured_judge(context, detector, scoring, frames)
        summary, error = score_pool(context, judge)
        summaries.append(summary)
        if error is not None:
            return _together(context, summaries), error
        if number < len(settings) - 1:
            frames = _reaching(context, number, frames, _answered(context, judge.questions))
    return _together(context, summaries), None


def judged_pool(context: Context, detector: OpenDetector) -> JudgedPool:
    """The pool as the store knows it judged; nothing is asked."""
    everything = context.store.frames.usable("pool", unique=True)
    frames: Sequence[FrameRow] = everything
    settings = scoring_stages(context)
    final: Verdicts | None = None
    questions = None
    for number, scoring in enumerate(settings):
        questions = configured_judge(context, detector, scoring, frames).questions
        answered = _answered(context, questions)
        final = answered if final is None else _refined(everything, final, frames, answered)
        if number < len(settings) - 1:
            frames = _reaching(context, number, frames, answered)
    assert final is not None and questions is not None
    return JudgedPool(everything, final, questions.identity.prompt)


def _overridden(scoring: ScoringSettings, stage: StageSettings) -> ScoringSettings:
    asked = {
        name: getattr(stage, name)
        for name in ("judge", "prompt", "model", "provider", "passes", "max_px")
        if getattr(stage, name) is not None
    }
    return replace(scoring, stages=(), **asked)


def _answered(context: Context, questions: Questions) -> Verdicts:
    return verdicts(questions, stored_answers(context, questions, questions.table()))


def _reaching(context: Context, stage: int, frames: Sequence[FrameRow], answered: Verdicts) -> list[FrameRow]:
    """The hardest frames by this stage, as many as can still reach the set; ties by digest, in the pool's order."""
    most = math.ceil(context.settings.scoring.stages[stage].reach * context.settings.selection.size)
    scored = [place for place in range(len(frames)) if not np.isnan(answered.difficulty[place])]
    hardest = sorted(scored, key=lambda place: (-answered.difficulty[place], frames[place].digest))[:most]
    return [frames[place] for place in sorted(hardest)]


def _refined(everything: Sequence[FrameRow], cheap: Verdicts, seen: Sequence[FrameRow], dear: Verdicts) -> Verdicts:
    """`cheap` verdicts over all frames, with those that the next stage has `seen` replaced, and the rest on its
    scale."""
    place = {frame.digest: number for number, frame in enumerate(everything)}
    seen_at = np.array([place[frame.digest] for frame in seen], np.int64)
    known = ~np.isnan(dear.difficulty)
    if not known.any():
        return cheap
    difficulty = _mapped(cheap.difficulty, seen_at[known], dear.difficulty[known])
    difficulty[seen_at[known]] = dear.difficulty[known]
    reasons = list(cheap.reasons)
    for number in np.flatnonzero(known):
        reasons[seen_at[number]] = dear.reasons[number]
    return Verdicts(difficulty, tuple(reasons), tuple(sorted({*cheap.models, *dear.models})))


def _mapped(cheap: NDArray[np.float64], seen: NDArray[np.int64], dear: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N,) cheap difficulties on the dear judge's scale; nan, so no candidate, where too few frames show the way."""
    if len(seen) < FEWEST_ANCHORS:
        return np.full(len(cheap), np.nan)
    mapped: NDArray[np.float64] = np.array(fitted_mapping(cheap[seen], dear)(cheap), np.float64)
    # A frame that did not go on was easier than every one that did: no map may put it above the hardest of them.
    return np.minimum(mapped, float(dear.max()))


def _together(context: Context, summaries: Sequence[ScoringSummary]) -> ScoringSummary:
    last = summaries[-1]
    if len(summaries) == 1:
        return last
    first = summaries[0]
    asked, all_frames = last.scored + last.failed + last.remaining, first.scored + first.failed + first.remaining
    context.note(
        f"{asked:,} of {all_frames:,} frames went on to {last.model}: it was spared "
        f"{all_frames - asked:,} frames ({100 * (1 - asked / max(1, all_frames)):.0f} %)."
    )
    return replace(
        last,
        scored=first.scored,
        failed=sum(each.failed for each in summaries),
        remaining=first.remaining + last.remaining,
        exact_hits=sum(each.exact_hits for each in summaries),
        similar_hits=sum(each.similar_hits for each in summaries),
        calls=sum(each.calls for each in summaries),
        retries=sum(each.retries for each in summaries),
        seconds=sum(each.seconds for each in summaries),
        spent=sum(each.spent for each in summaries),
        shards=tuple(path for each in summaries for path in each.shards),
    )
