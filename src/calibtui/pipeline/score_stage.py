"""Scoring: what the cache has is free, the rest is asked, and every answer is durable before the next question of its
worker."""

from __future__ import annotations

import asyncio
import time

import pyarrow as pa

from calibtui.core.errors import CalibtuiError
from calibtui.core.summary import ScoringSummary
from calibtui.pipeline.asking import Asked, ask
from calibtui.pipeline.context import Context
from calibtui.pipeline.judges import ConfiguredJudge, practice_note
from calibtui.pipeline.questions import Questions, Verdicts, verdicts
from calibtui.pipeline.score_shards import RunShards
from calibtui.pipeline.similar_frames import note_taken_over, stored_answers, taken_over, taking_over


def score_pool(context: Context, judge: ConfiguredJudge) -> tuple[ScoringSummary, CalibtuiError | None]:
    """Scores what isn't scored yet. The error is what ended it early; everything until then is stored and in the
    summary."""
    started = time.monotonic()
    questions = judge.questions
    keys = questions.table()
    hits = context.store.scores.cached(keys) if context.settings.cache.exact else _none(context, keys)
    context.metrics.calls.observe_hits("exact", hits.num_rows)
    earlier = taken_over(context, questions, keys)
    context.metrics.calls.observe_hits("similar", earlier.num_rows)
    missing = questions.unanswered(context, pa.concat_tables([hits, earlier]))
    shards = RunShards(context.state / "shards" / context.run)
    asked = None
    # Of a batch that is still out, the scores may be here already and the money unsettled.
    if missing or (judge.scoring.mode == "batch" and context.store.batches.open()):
        asked = asyncio.run(ask(context, taking_over(context, judge, missing), missing, shards))
    similar = taken_over(context, questions, keys)
    shards.finish(hits, similar)
    answered = verdicts(questions, stored_answers(context, questions, keys))
    _note(context, questions, answered)
    note_taken_over(context, questions, similar.num_rows)
    free = (hits.num_rows, similar.num_rows)
    summary = _summary(questions, answered, free, asked, shards, time.monotonic() - started)
    return summary, asked.outcome.error if asked else None


def _none(context: Context, keys: pa.Table) -> pa.Table:
    """An empty answer of the cache, for a workspace that turned it off."""
    return context.store.scores.cached(keys.slice(0, 0))


def _note(context: Context, questions: Questions, answered: Verdicts) -> None:
    if len(answered.models) > 1:
        context.note(f"The scores are of several models, which don't compare: {', '.join(answered.models)}.")
    if sentence := practice_note(questions.identity.model):
        context.note(sentence)


def _summary(
    questions: Questions,
    answered: Verdicts,
    free: tuple[int, int],
    asked: Asked | None,
    shards: RunShards,
    seconds: float,
) -> ScoringSummary:
    """`free`: exact and similar hits."""
    outcome = asked.outcome if asked else None
    failed = outcome.failed if outcome else 0
    return ScoringSummary(
        judge=questions.identity.name,
        model=questions.identity.model,
        prompt=questions.identity.prompt,
        scored=answered.scored,
        failed=failed,
        remaining=max(0, len(questions.frames) - answered.scored - failed),
        exact_hits=free[0],
        similar_hits=free[1],
        calls=outcome.calls if outcome else 0,
        retries=outcome.retries if outcome else 0,
        seconds=seconds,
        spent=outcome.spent_micro_eur if outcome else 0,
        held=asked.held if asked else 0,
        budgets=asked.budgets if asked else (),
        shards=tuple(str(path) for path in shards.paths),
        stopped_by=outcome.stopped_by if outcome else None,
    )
