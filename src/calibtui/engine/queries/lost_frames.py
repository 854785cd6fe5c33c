"""Evaluation frames on which INT8 finds fewer objects than float, the worst first."""

from __future__ import annotations

from pathlib import Path

from calibtui.core.boxes import Detections
from calibtui.core.errors import ConfigurationError
from calibtui.engine.queries.comparisons import evaluated_run, model_of_run, models_by_path
from calibtui.engine.queries.evaluation_frames import (
    EvaluatedFrames,
    evaluated_frames,
    float_digest,
    newest_pass,
    stored_pass,
)
from calibtui.engine.queries.known_sets import record_of_model
from calibtui.engine.queries.registry import QueryContext, answers
from calibtui.engine.queries.remembering import remembered
from calibtui.engine.wire.models import Lost, LostFrame, LostFrames
from calibtui.evaluation.found_objects import objects_found

MOST = 1000


@answers(Lost)
def lost_frames(context: QueryContext, query: Lost) -> LostFrames:
    """Raises ConfigurationError for a run that compared nothing, and where its passes or frames are gone;
    AnnotationError."""
    row = evaluated_run(context, query.run)
    evaluated = evaluated_frames(context)
    path = model_of_run(context, row.summary or {})
    by_float, by_int8 = passes_of(context, row.id, path, len(evaluated.frames))
    key = (row.id, tuple(frame.digest for frame in evaluated.frames))
    rows = remembered(context, "lost frames", key, lambda: _lost(evaluated, by_float, by_int8), most=4)
    return LostFrames(frames=rows[: max(0, min(query.limit, MOST))])


def passes_of(
    context: QueryContext, run: str, model: Path, frames: int
) -> tuple[tuple[Detections, ...], tuple[Detections, ...]]:
    """What the float and the INT8 model of a run found on that many frames. Raises ConfigurationError."""
    made = models_by_path(context).get(model)
    reference = record_of_model(context, model).get("float_model") or float_digest(context)
    found = [
        _pass(context, run, digest, frames) if digest else None
        for digest in (reference, made.digest if made is not None else None)
    ]
    if found[0] is None or found[1] is None:
        raise ConfigurationError(
            f"What the models of the run {run} found is not kept, or was found on other frames.",
            "Run the stage evaluate again.",
        )
    return found[0], found[1]


def _pass(context: QueryContext, run: str, digest: str, frames: int) -> tuple[Detections, ...] | None:
    """The run's own, else the newest of that model."""
    for made in context.store.browsing.evaluations():
        if made.run == run and made.model_digest == digest:
            found = stored_pass(context, made, frames)
            if found is not None:
                return found
    return newest_pass(context, digest, frames)


def _lost(
    evaluated: EvaluatedFrames, by_float: tuple[Detections, ...], by_int8: tuple[Detections, ...]
) -> tuple[LostFrame, ...]:
    rows = []
    for place, (frame, truth) in enumerate(zip(evaluated.frames, evaluated.truths, strict=True)):
        first, second = objects_found(by_float[place], truth), objects_found(by_int8[place], truth)
        if second < first:
            said = f"INT8 finds {second} of {len(truth)} objects, float {first}"
            rows.append(
                LostFrame(
                    digest=frame.digest, uri=frame.uri, objects=len(truth), by_float=first, by_int8=second, said=said
                )
            )
    return tuple(sorted(rows, key=lambda row: (row.by_int8 - row.by_float, row.uri)))
