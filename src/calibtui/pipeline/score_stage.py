"""Scoring: what the cache has is free, the rest is asked, and every answer is durable before the next question of its
worker."""

from __future__ import annotations

import asyncio
import time

import pyarrow as pa

from calibtui.core.errors import CalibtuiError
from calibtui.core.scores import CallRecord, FailedScore, Score
from calibtui.core.summary import ScoringSummary
from calibtui.pipeline.context import Context, workers
from calibtui.pipeline.judges import ConfiguredJudge, practice_note
from calibtui.pipeline.questions import Questions, Verdicts, verdicts
from calibtui.pipeline.score_shards import RunShards
from calibtui.scoring.judge import FrameToScore, Judge, Record
from calibtui.scoring.run import ScoringOutcome, score_frames
from calibtui.scoring.sink import GroupCommitSink


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
    outcome = None
    if missing:
        outcome = asyncio.run(_ask(context, judge.open(), questions, missing, shards))
    shards.finish(hits)
    answered = verdicts(questions, context.store.scores.cached(keys))
    _note(context, questions, answered)
    summary = _summary(context, questions, answered, hits, outcome, shards, time.monotonic() - started)
    return summary, outcome.error if outcome else None


async def _ask(
    context: Context, judge: Judge, questions: Questions, missing: list[FrameToScore], shards: RunShards
) -> ScoringOutcome:
    places = {frame.digest: place for place, frame in enumerate(questions.frames)}

    def commit(records: list[Record]) -> None:
        scores = [record for record in records if isinstance(record, Score)]
        failures = [record for record in records if isinstance(record, FailedScore)]
        context.store.scores.commit(
            context.run,
            [(questions.key(places[score.digest], score.pass_number), score) for score in scores],
            [(questions.key(places[failed.digest], 1), failed) for failed in failures],
            [record for record in records if isinstance(record, CallRecord)],
        )
        shards.add(scores)
        context.metrics.calls.observe(records)
        context.log.failures(records)

    scoring = context.settings.scoring
    local = questions.identity.name == "detector"
    sink = GroupCommitSink(commit)
    try:
        return await score_frames(
            missing,
            judge,
            sink,
            concurrency=workers() if local else scoring.concurrency,
            stop=context.stop,
            on_progress=lambda progress: context.tell("score", progress.done, progress.total, progress.note),
            max_failed=scoring.max_failed,
            pool_size=len(questions),
            prepare_threads=workers(),
        )
    finally:
        await sink.close()
        await judge.close()


def _none(context: Context, keys: pa.Table) -> pa.Table:
    """An empty answer of the cache, for a workspace that turned it off."""
    return context.store.scores.cached(keys.slice(0, 0))


def _note(context: Context, questions: Questions, answered: Verdicts) -> None:
    if len(answered.models) > 1:
        context.note(f"The scores are of several models, which don't compare: {', '.join(answered.models)}.")
    if sentence := practice_note(questions.identity.model):
        context.note(sentence)


def _summary(
    context: Context,
    questions: Questions,
    answered: Verdicts,
    hits: pa.Table,
    outcome: ScoringOutcome | None,
    shards: RunShards,
    seconds: float,
) -> ScoringSummary:
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
        shards=tuple(str(path) for path in shards.paths),
        stopped_by=outcome.stopped_by if outcome else None,
    )
