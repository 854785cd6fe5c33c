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


def score_pool(context: Context, judge: ConfiguredJudge) -> tuple[ScoringSummary, CalibtuiError | None]:
    """Scores what isn't scored yet. The error is what ended it early; everything until then is stored and in the
    summary."""
    started = time.monotonic()
    questions = judge.questions
    keys = questions.table()
    hits = context.store.scores.cached(keys) if context.settings.cache.exact else _none(context, keys)
    context.metrics.calls.observe_hits("exact", hits.num_rows)
    missing = questions.unanswered(context, hits)
    shards = RunShards(context.state / "shards" / context.run)
    asked = None
    if missing:
        asked = asyncio.run(ask(context, judge, missing, shards))
    shards.finish(hits)
    answered = verdicts(questions, context.store.scores.cached(keys))
    _note(context, questions, answered)
    summary = _summary(questions, answered, hits, asked, shards, time.monotonic() - started)
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
    hits: pa.Table,
    asked: Asked | None,
    shards: RunShards,
    seconds: float,
) -> ScoringSummary:
    outcome = asked.outcome if asked else None
    failed = outcome.failed if outcome else 0
    return ScoringSummary(
        judge=questions.identity.name,
        model=questions.identity.model,
        prompt=questions.identity.prompt,
        scored=answered.scored,
        failed=failed,
        remaining=max(0, len(questions.frames) - answered.scored - failed),
        exact_hits=hits.num_rows,
        similar_hits=0,
        calls=outcome.calls if outcome else 0,
        retries=outcome.retries if outcome else 0,
        seconds=seconds,
        spent=outcome.spent_micro_eur if outcome else 0,
        held=asked.held if asked else 0,
        budgets=asked.budgets if asked else (),
        shards=tuple(str(path) for path in shards.paths),
        stopped_by=outcome.stopped_by if outcome else None,
    )
