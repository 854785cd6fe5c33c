"""What the configured judge said of the pool, as columns that grow with every score.

The difficulty is what the selection stage would go by (pipeline.cascade.judged_pool). With one judge that is asked
over the network, stored answers are read once and then only those that came since; a cascade and the detector judge
are read anew, which takes longer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from calibtui.core.errors import CalibtuiError
from calibtui.core.progress import StopFlag, silent
from calibtui.detector.detector import Detector
from calibtui.engine.queries.pool_rows import PoolRows
from calibtui.engine.queries.reasons import Reasons
from calibtui.engine.queries.registry import QueryContext
from calibtui.engine.queries.remembering import remembered
from calibtui.pipeline.cascade import judged_pool, scoring_stages
from calibtui.pipeline.context import Context
from calibtui.pipeline.twin import has_simulated_twin
from calibtui.scoring.payload import PayloadRecipe, payload_digest
from calibtui.scoring.prompts import load_prompt
from calibtui.scoring.vlm import parameters_digest
from calibtui.store.browsing import Extent
from calibtui.workspace.settings import ScoringSettings

ASKED, STORED, TAKEN_OVER = 0, 1, 2
_LARGEST_PASS = 16


@dataclass(frozen=True)
class Judged:
    """By place of the pool, N of them: `difficulty` (N,) float64 in [0, 1], nan where a pass is missing; `spread` (N,)
    the largest difference between passes; `how` (N,) int8: ASKED in the newest scoring run, STORED before it,
    TAKEN_OVER from a similar frame; `reason_row` (N,) the row of `reasons` that holds a frame's, −1 for none;
    `errors` by place of frames that were asked in vain. `prompt` name@version; `models` that answered; `warning`: why
    nothing could be read."""

    difficulty: NDArray[np.float64]
    spread: NDArray[np.float64]
    how: NDArray[np.int8]
    reason_row: NDArray[np.int32]
    reasons: Reasons
    errors: dict[int, str]
    prompt: str
    models: tuple[str, ...]
    warning: str = ""

    @property
    def scored(self) -> NDArray[np.bool_]:
        scored: NDArray[np.bool_] = ~np.isnan(self.difficulty)
        return scored

    def reasons_of(self, places: NDArray[np.int64]) -> list[tuple[str, ...]]:
        rows = self.reason_row[places].astype(np.int64)
        said = iter(self.reasons.of(rows[rows >= 0]))
        return [next(said) if row >= 0 else () for row in rows.tolist()]


@dataclass(frozen=True)
class Identity:
    """What the answers of a judge that is asked over the network are stored under; see core.scores.ScoreKey."""

    prompt: str
    prompt_digest: str
    model: str
    parameters_digest: str
    recipe: PayloadRecipe
    passes: int


def pipeline_context(context: QueryContext) -> Context:
    """For what the pipeline reads; nothing watches and nothing runs."""
    return Context(context.settings, context.store, "", silent, StopFlag())


def read_elsewhere(context: QueryContext, rows: PoolRows, extent: Extent) -> Judged:
    """What `judged_pool` says, for a cascade and for the detector judge. `extent` of the scores it is read at."""
    if not extent.rows:
        return nothing_judged(rows)
    try:
        within = pipeline_context(context)
        detector = float_detector(context) if any(each.judge == "detector" for each in scoring_stages(within)) else None
        if detector is not None and not has_simulated_twin(within, detector):
            return nothing_judged(rows)
        pool = judged_pool(within, lambda: detector or float_detector(context))
    except CalibtuiError as error:
        return nothing_judged(rows, error.message)
    difficulty = np.full(len(rows), np.nan)
    difficulty[: rows.usable] = pool.verdicts.difficulty
    reasons = Reasons().plus(pa.array([list(each) for each in pool.verdicts.reasons], pa.list_(pa.string())))
    scored = ~np.isnan(difficulty)
    return Judged(
        difficulty=difficulty,
        spread=np.where(scored, 0.0, np.nan),
        how=np.full(len(rows), ASKED, np.int8),
        reason_row=np.where(scored, np.arange(len(rows)), -1).astype(np.int32),
        reasons=reasons,
        errors={},
        prompt=pool.prompt,
        models=pool.verdicts.models,
    )


def nothing_judged(rows: PoolRows, warning: str = "") -> Judged:
    count = len(rows)
    return Judged(
        difficulty=np.full(count, np.nan),
        spread=np.full(count, np.nan),
        how=np.zeros(count, np.int8),
        reason_row=np.full(count, -1, np.int32),
        reasons=Reasons(),
        errors={},
        prompt="",
        models=(),
        warning=warning,
    )


def identity_of(context: QueryContext, scoring: ScoringSettings) -> Identity:
    """Raises PromptError for a template that is missing or was edited."""
    prompt = load_prompt(context.settings.root, scoring.prompt)
    return Identity(
        prompt.label,
        prompt.digest,
        scoring.model or "",
        parameters_digest(scoring),
        PayloadRecipe(scoring.max_px, scoring.jpeg_quality),
        scoring.passes,
    )


class Answers:
    """The stored answers of one judge over one index of the pool, brought up to date by `add`."""

    def __init__(self, rows: PoolRows, identity: Identity) -> None:
        self._rows = rows
        self._identity = identity
        self.extent = Extent(0, -1)
        self._values = np.full((identity.passes, len(rows)), np.nan)
        self._run = np.full(len(rows), -1, np.int32)
        self._runs: dict[str, int] = {}
        self._reason_row = np.full(len(rows), -1, np.int32)
        self._reasons = Reasons()
        self._models: set[str] = set()

    def add(self, answers: pa.RecordBatch) -> None:
        """Takes rows of BrowsingTable.answers in."""
        places = self._rows.places(answers["digest"])
        passes = answers["pass"].to_numpy()
        keep = (places >= 0) & (places < self._rows.usable) & (passes >= 1) & (passes <= self._identity.passes)
        kept = answers if keep.all() else answers.filter(pa.array(keep))
        if not len(kept):
            return
        at, number = places[keep], passes[keep]
        self._values[number - 1, at] = kept["difficulty"].to_numpy()
        self._models |= set(pc.unique(kept["answered_model"]).to_pylist())
        coded = pc.dictionary_encode(kept["run"])
        numbers = [self._runs.setdefault(run, len(self._runs)) for run in coded.dictionary.to_pylist()]
        self._run[at] = np.array(numbers, np.int32)[coded.indices.to_numpy()]
        first = number == 1
        self._reason_row[at[first]] = np.arange(len(self._reasons), len(self._reasons) + int(first.sum()))
        self._reasons = self._reasons.plus(kept["reasons"].filter(pa.array(first)))

    def judged(self, context: QueryContext, hits: bool) -> Judged:
        """The columns as they stand; `hits`: also what was taken over from similar frames."""
        identity = self._identity
        values = self._values.copy()
        reason_row, reasons, models = self._reason_row.copy(), self._reasons, set(self._models)
        newest = self._runs.get(context.store.browsing.newest_scoring_run(), -2)
        how = np.where(self._run == newest, ASKED, STORED).astype(np.int8)
        if hits:
            taken = self._taken_over(context, values)
            at = taken["place"].to_numpy()
            values[taken["pass"].to_numpy() - 1, at] = taken["difficulty"].to_numpy()
            how[at] = TAKEN_OVER
            first = taken["pass"].to_numpy() == 1
            reason_row[at[first]] = np.arange(len(reasons), len(reasons) + int(first.sum()))
            for said in taken["reasons"].filter(pa.array(first)).chunks:
                reasons = reasons.plus(said)
            models |= set(taken["answered_model"].to_pylist())
        difficulty = values.sum(axis=0) / identity.passes
        return Judged(
            difficulty=difficulty,
            spread=values.max(axis=0) - values.min(axis=0),
            how=how,
            reason_row=reason_row,
            reasons=reasons,
            errors=self._errors(context, difficulty),
            prompt=identity.prompt,
            models=tuple(sorted(models)),
        )

    def _taken_over(self, context: QueryContext, values: NDArray[np.float64]) -> pa.Table:
        """ScoreTable.cached rows of frames without an answer of their own that have a similar frame's."""
        similar = context.settings.cache.similar
        assert similar is not None
        identity = self._identity
        digests = context.store.browsing.hit_digests(identity.prompt_digest, identity.model, identity.parameters_digest)
        places = self._rows.places(digests)
        places = np.unique(places[places >= 0])
        passes, at = np.nonzero(np.isnan(values[:, places]))
        places = places[at]
        named = self._rows.digests_of(places)
        keys = pa.table(
            {
                "payload_digest": pa.array([payload_digest(each, identity.recipe) for each in named], pa.string()),
                "prompt_digest": pa.repeat(identity.prompt_digest, len(named)),
                "model": pa.repeat(identity.model, len(named)),
                "parameters_digest": pa.repeat(identity.parameters_digest, len(named)),
                "pass": (passes + 1).astype(np.int32),
                "place": places,
                "frame_uri": pa.array(self._rows.uris_of(places), pa.string()),
                "digest": pa.array(named, pa.string()),
            }
        )
        return context.store.similar.taken_over(keys, similar.threshold)

    def _errors(self, context: QueryContext, difficulty: NDArray[np.float64]) -> dict[int, str]:
        identity = self._identity
        failed = context.store.browsing.failures(identity.prompt_digest, identity.model)
        places = self._rows.places(failed["digest"].to_pylist())
        said = zip(failed["error"].to_pylist(), failed["reply"].to_pylist(), strict=True)
        return {
            int(place): f"{error}: {reply[:200]}" if reply else error
            for place, (error, reply) in zip(places, said, strict=True)
            if place >= 0 and np.isnan(difficulty[place])
        }


def float_detector(context: QueryContext) -> Detector:
    """The float model on one thread. Raises ConfigurationError where there is none, ModelError."""
    settings = pipeline_context(context).model_settings()
    path = context.settings.root / settings.onnx
    about = path.stat() if path.is_file() else None
    key = (settings, about and (about.st_mtime_ns, about.st_size))
    return remembered(context, "float detector", key, lambda: Detector.load(settings, context.settings.root, threads=1))
