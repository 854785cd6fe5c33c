"""The similar-frame cache in front of a paid judge: a frame that shows what a scored one shows costs nothing.

Frames are looked up when their turn comes, beside everything scored until then. A frame whose answer is on its way
counts too: the one that repeats it waits for that answer instead of paying for its own. What is taken over is a row of
its own that names its source; its score is the source's row, so it goes where that goes (quarantine included), it is
nobody's source, and the exact cache knows nothing of it.

A few of the hits are asked for all the same: their answers are real scores like any other, and the comparison with what
would have been taken over decides whether the layer may go on (scoring.similar.audit). Whatever fails in a look-up is a
miss: it costs a question, never a wrong score.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import cast

import pyarrow as pa

from calibtui.core.errors import CalibtuiError
from calibtui.core.scores import FailedScore, Score
from calibtui.gateway.client import OnCall
from calibtui.pipeline.context import Context
from calibtui.pipeline.judges import ConfiguredJudge
from calibtui.pipeline.questions import Questions
from calibtui.pipeline.scored_frames import Asked, ScoredFrames
from calibtui.scoring.judge import FrameToScore, Judge
from calibtui.scoring.payload import PayloadRecipe, payload_digest
from calibtui.scoring.similar.audit import AuditResult, AuditState, is_audited, replayed
from calibtui.scoring.similar.lookup import Repeat
from calibtui.scoring.similar.signature import SIGNATURE_VERSION
from calibtui.store.similar import AuditedHit, HitRow

HEAD_START_S = 0.25
"""A question whose frame is being prepared leaves within this, unless all workers are busy."""


def threshold_of(context: Context, questions: Questions) -> float | None:
    """The cosine from which on frames are compared; None where no score is taken over: not asked for, a judge that
    costs nothing, or every frame to be asked anew."""
    cache = context.settings.cache
    on = cache.similar is not None and cache.exact and questions.identity.name == "vlm"
    return cache.similar.threshold if on and cache.similar is not None else None


def taken_over(context: Context, questions: Questions, keys: pa.Table) -> pa.Table:
    """What frames have from others, as ScoreTable.cached gives it; empty where the layer is off. `keys`: the table of
    the questions."""
    threshold = threshold_of(context, questions)
    if threshold is None:
        return context.store.scores.cached(keys.slice(0, 0))
    return context.store.similar.taken_over(keys, threshold)


def stored_answers(context: Context, questions: Questions, keys: pa.Table) -> pa.Table:
    """Every answer that the questions have: real ones, and those taken over. `keys`: the table of the questions."""
    return pa.concat_tables([context.store.scores.cached(keys), taken_over(context, questions, keys)])


def taking_over(context: Context, judge: ConfiguredJudge, missing: Sequence[FrameToScore]) -> ConfiguredJudge:
    """The judge behind the similar-frame cache, for `missing` in that order; the judge itself where the layer is off
    or can't be set up."""
    threshold = threshold_of(context, judge.questions)
    if threshold is None or not missing:
        return judge
    if judge.scoring.mode == "batch":
        context.note('With [scoring] mode = "batch" no further scores are taken over from similar frames.')
        return judge
    try:
        similar = SimilarFrames(context, judge, missing, threshold)
    except (CalibtuiError, ValueError) as error:
        context.note(f"No score was taken over from a similar frame: {error}")
        return judge
    opened = judge.open
    return replace(judge, open=lambda payer: SimilarJudge(opened(payer), similar), on_commit=similar.committed)


def note_taken_over(context: Context, questions: Questions, count: int) -> None:
    """Says what was taken over, and how often audits found that wrong."""
    threshold = threshold_of(context, questions)
    if threshold is None:
        if context.settings.cache.similar is not None and not context.settings.cache.exact:
            context.note("[cache] similar was not used: with exact = false every frame is asked.")
        return
    state = _audits(context, questions, threshold)
    if count or state.audits:
        context.note(f"{count:,} scores are taken over from frames that show the same. {state.sentence}")


def _audits(context: Context, questions: Questions, threshold: float) -> AuditState:
    """What earlier runs found counts: a layer that was off for these questions stays off. A higher threshold looks
    only at the audits of hits that it would make itself, and so is the way back."""
    name = questions.identity
    rows = context.store.similar.audits(name.prompt_digest, name.model, name.parameters_digest, threshold)
    return replayed(AuditResult(*row) for row in rows)


@dataclass(slots=True)
class _Answer:
    """An answer on its way. `ended` is set when it is durable, or when there will be none; `error` is then what ends
    the run."""

    loop: asyncio.AbstractEventLoop
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    error: CalibtuiError | None = None

    def end(self) -> None:
        # A run that is over has no loop, and nobody waits.
        with suppress(RuntimeError):
            self.loop.call_soon_threadsafe(self.ended.set)


class SimilarFrames:
    """What one run takes over."""

    def __init__(
        self, context: Context, judge: ConfiguredJudge, missing: Sequence[FrameToScore], threshold: float
    ) -> None:
        questions = judge.questions
        self._recipe = PayloadRecipe(judge.scoring.max_px, judge.scoring.jpeg_quality)
        self._context = context
        self._questions = questions
        self._places = {frame.digest: place for place, frame in enumerate(questions.frames)}
        self._audit = _audits(context, questions, threshold)
        self._frames = ScoredFrames(context, questions.identity, self._recipe, missing, threshold)
        self._on_their_way: dict[Asked, _Answer] = {}
        self._awaited: dict[Asked, asyncio.Event] = {}
        self._hits: dict[Asked, Repeat] = {}
        self._audited: dict[Asked, tuple[Repeat, float]] = {}

    def repeated_by(self, frame: FrameToScore) -> Repeat | None:
        """The frame whose score this one may take over; None where it is to be asked for."""
        if not self._audit.on:
            return None
        try:
            return self._frames.repeated_by(frame)
        except Exception as error:
            # Whatever it is: a question more is cheaper than a run that ends, and far cheaper than a wrong score.
            self._context.log.event("similar_lookup_failed", digest=frame.digest, error=type(error).__name__)
            return None

    async def score_of(self, frame: FrameToScore, repeat: Repeat) -> Score | None:
        """The score that the frame takes over, or None: no such score after all, or a hit that the audit wants asked.

        Where the source's question ends the run, raises what that raised, so that no other question follows it.
        """
        source = (repeat.digest, frame.pass_number)
        score = await asyncio.to_thread(self._frames.score, *source)
        if score is None:
            await self._ended(source)
            score = await asyncio.to_thread(self._frames.score, *source)
        if score is None or not self._audit.on:
            return None
        asked = (frame.digest, frame.pass_number)
        if is_audited(frame.digest, repeat.digest):
            self._audited[asked] = (repeat, score.difficulty)
            return None
        self._hits[asked] = repeat
        return replace(score, frame_uri=frame.uri, digest=frame.digest, cached="similar", cost_micro_eur=0)

    def asking(self, frame: FrameToScore) -> None:
        """The frame's question leaves."""
        asked = (frame.digest, frame.pass_number)
        self._on_their_way[asked] = _Answer(asyncio.get_running_loop())
        if (awaited := self._awaited.pop(asked, None)) is not None:
            awaited.set()

    def unanswered(self, frame: FrameToScore, error: CalibtuiError | None = None) -> None:
        """There will be no score of this question."""
        self._answered((frame.digest, frame.pass_number), error)

    def committed(self, asked: Sequence[Score], taken: Sequence[Score], doubtful: Collection[str]) -> None:
        """Stores what was taken over; scores that were asked for are durable already, and become sources unless they
        are doubtful."""
        self._frames.take_back(doubtful)
        self._frames.scored(score for score in asked if score.digest not in doubtful)
        hits = [self._hit_row(score) for score in taken]
        audits = [audit for audit in map(self._audit_of, asked) if audit is not None]
        signatures = self._frames.unsaved_signatures()
        if hits or audits or signatures:
            self._context.store.similar.commit(self._context.run, hits, audits, signatures, SIGNATURE_VERSION)
        for audit in audits:
            self._audit = self._audit.add(AuditResult(audit.taken_over, audit.asked))
        self._context.metrics.calls.observe_hits("similar", len(taken))
        for score in asked:
            self._answered((score.digest, score.pass_number))

    async def _ended(self, source: Asked) -> None:
        """Until the source's question is over. One that is still in the queue may be waiting for this very worker, so
        it gets a moment to leave, and is not waited for after that."""
        if source not in self._on_their_way:
            left = self._awaited.setdefault(source, asyncio.Event())
            with suppress(TimeoutError):
                await asyncio.wait_for(left.wait(), HEAD_START_S)
        if (answer := self._on_their_way.get(source)) is not None:
            await answer.ended.wait()
            if answer.error is not None:
                raise answer.error

    def _answered(self, asked: Asked, error: CalibtuiError | None = None) -> None:
        if (answer := self._on_their_way.pop(asked, None)) is not None:
            answer.error = error
            answer.end()

    def _hit_row(self, score: Score) -> HitRow:
        repeat = self._hits.pop((score.digest, score.pass_number))
        key = self._questions.key(self._places[score.digest], score.pass_number)
        payload, change = payload_digest(repeat.digest, self._recipe), repeat.comparison.largest_change
        return HitRow(key, score.digest, payload, repeat.digest, repeat.cosine, change)

    def _audit_of(self, score: Score) -> AuditedHit | None:
        audited = self._audited.pop((score.digest, score.pass_number), None)
        if audited is None:
            return None
        repeat, difficulty = audited
        key = self._questions.key(self._places[score.digest], score.pass_number)
        return AuditedHit(key, score.digest, repeat.digest, repeat.cosine, difficulty, score.difficulty, time.time())


@dataclass(frozen=True, slots=True)
class _Prepared:
    repeat: Repeat | None
    payload: object


class SimilarJudge:
    """A judge that is asked only for what repeats no scored frame."""

    def __init__(self, judge: Judge, similar: SimilarFrames) -> None:
        self._judge = judge
        self._similar = similar

    def prepare(self, frame: FrameToScore) -> object:
        """A hit needs no payload."""
        repeat = self._similar.repeated_by(frame)
        return _Prepared(repeat, None if repeat else self._judge.prepare(frame))

    async def ask(self, frame: FrameToScore, prepared: object, on_call: OnCall) -> Score | FailedScore:
        """The score taken over, at no cost and with cached = "similar", or what the judge says."""
        known = cast(_Prepared, prepared)
        payload = known.payload
        if known.repeat is not None:
            score = await self._similar.score_of(frame, known.repeat)
            if score is not None:
                return score
            try:
                payload = await asyncio.to_thread(self._judge.prepare, frame)
            except CalibtuiError as error:
                return FailedScore(frame.uri, frame.digest, "unreadable_frame", error.message)
        return await self._asked(frame, payload, on_call)

    async def _asked(self, frame: FrameToScore, payload: object, on_call: OnCall) -> Score | FailedScore:
        self._similar.asking(frame)
        try:
            verdict = await self._judge.ask(frame, payload, on_call)
        except BaseException as error:
            self._similar.unanswered(frame, error if isinstance(error, CalibtuiError) else None)
            raise
        if isinstance(verdict, FailedScore):
            self._similar.unanswered(frame)
        return verdict

    async def close(self) -> None:
        await self._judge.close()
