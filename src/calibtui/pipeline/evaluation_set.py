"""The annotated frames that mAP is measured on: indexed, matched to their truth, and kept apart from the calibration
set."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from calibtui.core.boxes import GroundTruth
from calibtui.core.digests import digest_of
from calibtui.core.errors import AnnotationError, ConfigurationError
from calibtui.core.shapes import ShapeKind
from calibtui.detector.decoders.undecoded import NAME
from calibtui.detector.detector import Detector
from calibtui.pipeline.context import Context
from calibtui.pipeline.index_stage import index_role
from calibtui.pool.annotations import load_annotations


@dataclass(frozen=True, slots=True)
class EvaluationFrame:
    """One annotated frame. `size` is (width, height) px."""

    uri: str
    path: Path
    digest: str
    size: tuple[int, int]
    truth: GroundTruth


@dataclass(frozen=True, slots=True)
class EvaluationSet:
    """`frames` by uri; `classes` in index order; `digest` of frames, truth and classes together. `shapes`:
    what model and annotations both have beside boxes."""

    frames: tuple[EvaluationFrame, ...]
    classes: tuple[str, ...]
    digest: str
    shapes: ShapeKind | None = None


def load_evaluation_set(context: Context, detector: Detector) -> EvaluationSet:
    """Indexes and annotates the evaluation frames. Raises AnnotationError where none is annotated."""
    if detector.layout.decoder == NAME:
        raise ConfigurationError(
            '[model] decoder is "none", so there are no boxes to measure mAP on.',
            "`calibtui evaluate` compares the outputs themselves; for mAP name a decoder.",
        )
    settings = context.evaluation_settings()
    index_role(context, "evaluation", settings.images)
    rows = context.store.frames.usable("evaluation", unique=False)
    for uri, reason in context.store.frames.unreadable("evaluation"):
        context.note(f"The evaluation frame {uri} is left out: {reason}")
    named = detector.classes if detector.layout.named else None
    annotations = load_annotations(
        settings.annotations,
        context.root,
        [row.uri for row in rows],
        {row.uri: (row.width, row.height) for row in rows},
        named,
        detector.layout.shapes,
    )
    classes = _agreed_classes(settings.annotations, detector, annotations.classes)
    frames = tuple(
        EvaluationFrame(
            row.uri, context.path_of(row.uri), row.digest, (row.width, row.height), annotations.by_uri[row.uri]
        )
        for row in rows
        if row.uri in annotations.by_uri
    )
    if not frames or not any(len(frame.truth) for frame in frames):
        raise AnnotationError(
            f"{settings.annotations} annotates no object on any frame of [evaluation] images.",
            "Check that the file names in the annotations are those of the frames.",
        )
    if len(frames) < len(rows):
        context.note(f"{len(rows) - len(frames)} of {len(rows)} evaluation frames have no annotation and are left out.")
    return EvaluationSet(frames, classes, _digest(frames, classes), _shapes(context, detector, frames))


def _shapes(context: Context, detector: Detector, frames: Sequence[EvaluationFrame]) -> ShapeKind | None:
    kind = detector.layout.shapes
    if kind is None or any(getattr(frame.truth, kind) is not None for frame in frames):
        return kind
    context.note(f"The model gives {kind}, and the annotations have none: its boxes alone are evaluated.")
    return None


def part_of(evaluation: EvaluationSet, places: Sequence[int]) -> EvaluationSet:
    """Some of its frames, in the order of `places`, as a set of their own."""
    frames = tuple(evaluation.frames[place] for place in places)
    return replace(evaluation, frames=frames, digest=_digest(frames, evaluation.classes))


def refuse_overlap(context: Context, evaluation: EvaluationSet, calibration: Collection[str]) -> None:
    """Raises ConfigurationError where evaluation frames are in the calibration set (digests), unless that is allowed;
    then says it."""
    both = [frame.uri for frame in evaluation.frames if frame.digest in calibration]
    if not both:
        return
    share = f"{len(both)} of {len(evaluation.frames)} evaluation frames"
    sentence = f"{share} are also in the calibration set, the first is {both[0]}"
    if not context.evaluation_settings().allow_overlap:
        raise ConfigurationError(
            f"{sentence}: the mAP would flatter the INT8 model.",
            "Evaluate on other frames, exclude these from the selection, or write [evaluation] allow_overlap = true.",
        )
    context.note(f"{sentence}: the mAP may flatter the INT8 model.")


def scenes_of(evaluation: EvaluationSet, pattern: str | None) -> NDArray[np.int64] | None:
    """(F,) the scene of each frame, counted from 0, as [evaluation] scenes tells them apart; None where it is not
    written. A frame in whose uri the pattern finds nothing is a scene of its own. Raises ConfigurationError for a
    pattern that is no regular expression, or that leaves a single scene."""
    if pattern is None:
        return None
    try:
        expression = re.compile(pattern)
    except re.error as error:
        raise ConfigurationError(
            f"[evaluation] scenes: {pattern!r} is not a regular expression: {error}.", 'Such as "^(.*)/" a directory.'
        ) from error
    names: dict[str, int] = {}
    scenes = []
    for frame in evaluation.frames:
        found = expression.search(frame.uri)
        name = f"frame {frame.uri}" if found is None else f"scene {found[1 if expression.groups else 0]}"
        scenes.append(names.setdefault(name, len(names)))
    if len(names) < 2:
        raise ConfigurationError(
            f"[evaluation] scenes: {pattern!r} puts all {len(scenes)} evaluation frames into one scene.",
            "Without a second one there is no interval: write a pattern that tells scenes apart.",
        )
    return np.array(scenes, np.int64)


def _agreed_classes(where: str, detector: Detector, annotated: Sequence[str]) -> tuple[str, ...]:
    if not detector.classes:
        # Outputs that carry labels don't tell how many there are: the annotations do.
        return tuple(annotated)
    if len(annotated) > len(detector.classes):
        raise AnnotationError(
            f"{where} has {len(annotated)} classes, the model has {len(detector.classes)}.",
            "Write the model's class names in [model] classes, in the order of its outputs.",
        )
    if detector.layout.named:
        return detector.classes
    return (*annotated, *detector.classes[len(annotated) :])


def _digest(frames: Sequence[EvaluationFrame], classes: Sequence[str]) -> str:
    rows = [
        [
            frame.digest,
            frame.truth.boxes.tolist(),
            frame.truth.classes.tolist(),
            frame.truth.crowd.tolist(),
            frame.truth.area.tolist(),
        ]
        for frame in frames
    ]
    return digest_of({"classes": list(classes), "frames": rows})
