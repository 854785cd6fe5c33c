"""The newest reading of the judge's answers, taken again no more often than it can be afforded."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

from calibtui.core.errors import CalibtuiError
from calibtui.engine.queries.judged import (
    Answers,
    Identity,
    Judged,
    identity_of,
    nothing_judged,
    pipeline_context,
    read_elsewhere,
)
from calibtui.engine.queries.pool_rows import PoolRows
from calibtui.engine.queries.registry import QueryContext
from calibtui.engine.queries.remembering import place_for
from calibtui.pipeline.cascade import scoring_stages
from calibtui.scoring.payload import around_digest
from calibtui.store.browsing import Extent

SHARE = 10
"""While scores pour in, reading them takes about one part in so many of a core,"""
FREE_S = 0.1
"""unless it takes no longer than this: then everyone gets the newest."""


@dataclass(frozen=True)
class Reading:
    """`judged` as it was at `data` of the snapshot; `number` grows with every reading."""

    judged: Judged
    number: int
    data: int


class ScoreReader:
    """For several threads: one reads, and the others go on with what was read before."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._reading: Reading | None = None
        self._of: object = None
        self._extents: tuple[Extent, ...] = ()
        self._answers: Answers | None = None
        self._cost_s = self._not_before = 0.0

    def read(self, context: QueryContext, rows: PoolRows, worth_s: float) -> Reading:
        """What the store has now, where bringing it up to date takes no longer than `worth_s`, else what was read a
        moment ago."""
        settings = context.settings
        # How far a cascade goes on depends on the size.
        size = settings.selection.size if settings.scoring.stages else 0
        of = (rows.extent, settings.scoring, settings.cache, size, settings.model)
        reading = self._reading
        if reading is not None and self._of == of:
            if reading.data == context.data:
                return reading
            if self._cost_s > worth_s and (time.monotonic() < self._not_before or self._lock.locked()):
                return reading
        with self._lock:
            if self._reading is not None and self._of == of and self._reading.data >= context.data:
                return self._reading
            return self._read(context, rows, of)

    def _read(self, context: QueryContext, rows: PoolRows, of: object) -> Reading:
        browsing = context.store.browsing
        started = time.monotonic()
        extents = (browsing.scores_extent(), browsing.hits_extent(), browsing.failures_extent())
        if self._of != of:
            self._answers = None
        anew = self._reading is None or self._of != of
        if self._reading is None or anew or extents != self._extents:
            judged = self._judged(context, rows, extents)
            number = self._reading.number + 1 if self._reading else 1
        else:
            judged, number = self._reading.judged, self._reading.number
        took = time.monotonic() - started
        # What took long the first time doesn't the next, where only what came since is read.
        self._cost_s = 0.0 if anew and self._answers is not None else took
        self._not_before = time.monotonic() + SHARE * self._cost_s
        self._extents, self._of = extents, of
        self._reading = Reading(judged, number, context.data)
        return self._reading

    def _judged(self, context: QueryContext, rows: PoolRows, extents: tuple[Extent, ...]) -> Judged:
        stages = scoring_stages(pipeline_context(context))
        if len(stages) > 1 or stages[0].judge == "detector":
            return read_elsewhere(context, rows, extents[0])
        if not any(extent.rows for extent in extents):
            return nothing_judged(rows)
        try:
            identity = identity_of(context, stages[0])
        except CalibtuiError as error:
            return nothing_judged(rows, error.message)
        self._answers = self._grown(context, rows, identity, extents[0])
        return self._answers.judged(context, hits=context.settings.cache.similar is not None and extents[1].rows > 0)

    def _grown(self, context: QueryContext, rows: PoolRows, identity: Identity, extent: Extent) -> Answers:
        """The answers with those that came since; read anew where rows were replaced or taken away."""
        answers = self._answers
        if answers is not None and answers.extent.rows <= extent.rows and answers.extent.newest <= extent.newest:
            fresh = context.store.browsing.scores_between(answers.extent.newest, extent.newest)
            if answers.extent.rows + fresh == extent.rows:
                return _with_answers(context, answers, identity, extent)
        return _with_answers(context, Answers(rows, identity), identity, extent)


def pool_scores(context: QueryContext, rows: PoolRows, worth_s: float = FREE_S) -> Reading:
    """The judge's answers over the pool: the newest, or where reading them takes longer than `worth_s`, at most a
    moment old."""
    return place_for(context, "score reader", ScoreReader).read(context, rows, worth_s)


def _with_answers(context: QueryContext, answers: Answers, identity: Identity, extent: Extent) -> Answers:
    asked = (identity.prompt_digest, identity.model, identity.parameters_digest, around_digest(identity.recipe))
    for batch in context.store.browsing.answers(*asked, after=answers.extent.newest, until=extent.newest):
        answers.add(batch)
    answers.extent = extent
    return answers
