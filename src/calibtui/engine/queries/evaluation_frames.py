"""Evaluation frames with their truth and what the stored passes of both models found on them."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

from calibtui.core.boxes import Detections, GroundTruth
from calibtui.core.digests import file_digest
from calibtui.core.errors import CalibtuiError
from calibtui.engine.queries.drawn_boxes import detection_boxes, truth_boxes
from calibtui.engine.queries.registry import QueryContext
from calibtui.engine.queries.remembering import remembered
from calibtui.engine.wire.frames import Box
from calibtui.pipeline.detection_pass import load_pass
from calibtui.pool.annotations import load_annotations
from calibtui.store.browsing import FrameFacts, MadeEvaluation
from calibtui.store.frames import FrameRow

RUNS_LOOKED_AT = 200


@dataclass(frozen=True)
class EvaluatedFrames:
    """Annotated evaluation frames by uri, as the evaluation stage goes over them; `classes` the annotations'."""

    frames: tuple[FrameRow, ...]
    truths: tuple[GroundTruth, ...]
    classes: tuple[str, ...]

    def place(self, digest: str) -> int | None:
        return next((place for place, frame in enumerate(self.frames) if frame.digest == digest), None)


def evaluated_frames(context: QueryContext) -> EvaluatedFrames:
    """Raises AnnotationError; empty where nothing was ever evaluated."""
    settings = context.settings.evaluation
    if settings is None:
        return EvaluatedFrames((), (), ())
    rows = tuple(context.store.frames.usable("evaluation", unique=False))
    classes = _classes(context)
    key: Hashable = (settings, classes, tuple((row.uri, row.digest) for row in rows), _changed(context))
    return remembered(context, "evaluation frames", key, lambda: _load(context, rows, classes))


def evaluated_digests(context: QueryContext) -> frozenset[str]:
    """Of the evaluation frames that are known, annotated or not."""
    rows = context.store.frames
    return remembered(
        context,
        "evaluated digests",
        context.data,
        lambda: frozenset(row.digest for row in rows.usable("evaluation", unique=True)),
    )


def _load(context: QueryContext, rows: tuple[FrameRow, ...], classes: tuple[str, ...] | None) -> EvaluatedFrames:
    settings = context.settings.evaluation
    assert settings is not None
    if not rows:
        return EvaluatedFrames((), (), ())
    sizes = {row.uri: (row.width, row.height) for row in rows}
    found = load_annotations(settings.annotations, context.settings.root, list(sizes), sizes, classes)
    kept = tuple(row for row in rows if row.uri in found.by_uri)
    return EvaluatedFrames(kept, tuple(found.by_uri[row.uri] for row in kept), tuple(found.classes))


def _classes(context: QueryContext) -> tuple[str, ...] | None:
    """As the newest evaluation had them, in the order of the detections' indices."""
    for run in context.store.runs.newest(RUNS_LOOKED_AT):
        evaluation = (run.summary or {}).get("evaluation")
        if evaluation:
            return tuple(evaluation["int8"]["per_class"])
    return None


def _changed(context: QueryContext) -> object:
    assert context.settings.evaluation is not None
    try:
        about = (context.settings.root / context.settings.evaluation.annotations).stat()
    except OSError:
        return None
    return about.st_mtime_ns, about.st_size


def stored_pass(context: QueryContext, made: MadeEvaluation, frames: int) -> tuple[Detections, ...] | None:
    """What the pass found on each of that many frames; None where it isn't there any more or is of others."""
    path = context.state / made.detections
    done = remembered(context, "stored passes", path.name, lambda: load_pass(path), most=4)
    return done.detections if done is not None and len(done.detections) == frames else None


def newest_pass(context: QueryContext, model_digest: str, frames: int) -> tuple[Detections, ...] | None:
    """The newest stored pass of a model over that many frames."""
    for made in context.store.browsing.evaluations():
        if made.model_digest == model_digest and (done := stored_pass(context, made, frames)) is not None:
            return done
    return None


def float_digest(context: QueryContext) -> str | None:
    """Of the float model's file; None where it isn't there."""
    if context.settings.model is None:
        return None
    path = context.settings.root / context.settings.model.onnx
    try:
        about = path.stat()
    except OSError:
        return None
    key = (path, about.st_mtime_ns, about.st_size)
    return remembered(context, "float digest", key, lambda: file_digest(path))


def boxes_of_evaluation(context: QueryContext, facts: FrameFacts) -> dict[str, tuple[Box, ...]]:
    """By source: "truth", and of the newest passes "float" and "int8"."""
    try:
        evaluated = evaluated_frames(context)
    except CalibtuiError:
        return {}
    place = evaluated.place(facts.digest)
    if place is None:
        return {}
    size = (facts.width, facts.height)
    drawn = {"truth": truth_boxes(evaluated.truths[place], evaluated.classes, size)}
    models = context.store.browsing.models("int8")
    for name, digest in (("float", float_digest(context)), ("int8", models[0].digest if models else None)):
        found = newest_pass(context, digest, len(evaluated.frames)) if digest is not None else None
        if found is not None:
            drawn[name] = detection_boxes(found[place], evaluated.classes, size)
    return drawn
