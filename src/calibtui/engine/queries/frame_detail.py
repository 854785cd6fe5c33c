"""One frame in full: its scores so far, what looks like it, and what is drawn on it."""

from __future__ import annotations

import math

import numpy as np

from calibtui.core.errors import CalibtuiError
from calibtui.core.scores import Score
from calibtui.engine.queries.draft_members import draft_members, why_in_draft
from calibtui.engine.queries.drawn_boxes import drawn
from calibtui.engine.queries.evaluation_frames import boxes_of_evaluation, evaluated_digests
from calibtui.engine.queries.frame_pages import frame_lines
from calibtui.engine.queries.judged import Identity, identity_of, pipeline_context
from calibtui.engine.queries.neighbours import neighbours
from calibtui.engine.queries.pictures import frame_facts
from calibtui.engine.queries.pool_truth import Truth
from calibtui.engine.queries.pool_view import PoolView, pool_view
from calibtui.engine.queries.registry import QueryContext, answers
from calibtui.engine.wire.frames import Box, Frame, FrameDetail, FrameLine, PastScore
from calibtui.pipeline.cascade import scoring_stages
from calibtui.scoring.payload import payload_digest
from calibtui.store.browsing import FrameFacts

HISTORY = 50


@answers(Frame)
def frame_detail(context: QueryContext, query: Frame) -> FrameDetail:
    """Raises ConfigurationError for a digest that no frame has."""
    facts = frame_facts(context, query.digest)
    view = pool_view(context)
    members = draft_members(context, view)
    place = view.rows.place(query.digest) if facts.role == "pool" else None
    rank, percentile = (None, None) if place is None else _standing(view, place)
    return FrameDetail(
        line=_line_of(facts) if place is None else frame_lines(view, members, np.array([place]))[0],
        path=str(context.settings.root / facts.uri),
        format=facts.format,
        size_bytes=facts.size_bytes,
        rank=rank,
        percentile=percentile,
        why="an evaluation frame" if place is None else why_in_draft(context, view, place),
        history=_history(context, facts.digest),
        neighbours=() if place is None else neighbours(context, view, members, place),
        boxes=_boxes(context, view, place, facts),
        columns=facts.columns,
    )


def _line_of(facts: FrameFacts) -> FrameLine:
    return FrameLine(
        digest=facts.digest,
        uri=facts.uri,
        difficulty=None,
        width=facts.width,
        height=facts.height,
        error=facts.reason,
    )


def _standing(view: PoolView, place: int) -> tuple[int | None, float | None]:
    """Its rank, 1 the hardest, and the share of scored frames that are easier, in percent."""
    difficulty = view.judged.difficulty
    own = difficulty[place]
    if math.isnan(own):
        return None, None
    harder, easier = int((difficulty > own).sum()), int((difficulty < own).sum())
    return harder + 1, 100 * easier / max(1, int(view.judged.scored.sum()) - 1)


def _boxes(context: QueryContext, view: PoolView, place: int | None, facts: FrameFacts) -> dict[str, tuple[Box, ...]]:
    found = _truth(view.truth, place, facts) if place is not None else {}
    if place is None or facts.digest in evaluated_digests(context):
        found |= boxes_of_evaluation(context, facts)
    return found


def _truth(truth: Truth | None, place: int, facts: FrameFacts) -> dict[str, tuple[Box, ...]]:
    if truth is None or not truth.annotated[place]:
        return {}
    own = slice(int(truth.start[place]), int(truth.start[place + 1]))
    names = [truth.classes[label] for label in truth.label[own]]
    return {"truth": drawn(truth.boxes[own].tolist(), names, (facts.width, facts.height))}


def _history(context: QueryContext, digest: str) -> tuple[PastScore, ...]:
    past = context.store.browsing.history(digest)[:HISTORY]
    current = _current(context) if past else None
    return tuple(_past(score, payload, current) for score, payload in past)


def _past(score: Score, payload: str, current: Identity | None) -> PastScore:
    return PastScore(
        difficulty=score.difficulty,
        reasons=score.reasons,
        prompt=score.prompt,
        requested_model=score.requested_model,
        answered_model=score.answered_model,
        pass_number=score.pass_number,
        cached="",
        cost=score.cost_micro_eur,
        latency_ms=score.latency_ms,
        at=score.scored_at,
        current=current is not None
        and (score.prompt_digest, score.requested_model) == (current.prompt_digest, current.model)
        and score.pass_number <= current.passes
        and payload == payload_digest(score.digest, current.recipe),
    )


def _current(context: QueryContext) -> Identity | None:
    """What the last stage's judge asks now; None for the detector judge, whose verdicts are told by their prompt, and
    for a prompt that is gone."""
    scoring = scoring_stages(pipeline_context(context))[-1]
    try:
        return identity_of(context, scoring) if scoring.judge == "vlm" else None
    except CalibtuiError:
        return None
