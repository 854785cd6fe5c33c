"""Both models on the same evaluation frames: mAP side by side, and the drop with its interval."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path

from calibtui.core.digests import digest_of, file_digest
from calibtui.core.summary import EvaluationSummary, ModelFigures, ShapesSummary
from calibtui.detector.detector import Detector
from calibtui.evaluation.bootstrap import Drop, drop_in_words, paired_drop
from calibtui.evaluation.coco import Matches, MeanAP, match, mean_ap
from calibtui.evaluation.found_objects import objects_found
from calibtui.pipeline.context import Context
from calibtui.pipeline.detection_pass import DetectionPass, detect_all, layout_digest
from calibtui.pipeline.evaluation_set import EvaluationSet, refuse_overlap, scenes_of
from calibtui.pipeline.quantize_stage import Int8Model
from calibtui.pipeline.stored_passes import keep_pass, stored_pass
from calibtui.report.data import LostFrame

FLOAT, INT8 = "float", "INT8"
TIMED_FRAMES = 24
LOST_SHOWN = 12


def evaluate_models(
    context: Context, detector: Detector, int8: Int8Model, evaluation: EvaluationSet, report: Path
) -> tuple[EvaluationSummary, tuple[LostFrame, ...]]:
    """Measures float and INT8 model on the evaluation frames; also the frames that lost most. `report` is where
    report.html will
    be."""
    refuse_overlap(context, evaluation, int8.calibration_digests)
    if not detector.classes:
        detector = detector.with_classes(evaluation.classes)
    quantized = detector.with_model(int8.path, simulate=int8.simulate, precise=int8.precise)
    passes = _passes(context, evaluation, {FLOAT: (detector, ""), INT8: (quantized, int8.arithmetic)})
    context.tell("evaluate", 0, 0, "interval of the drop")
    truths = [frame.truth for frame in evaluation.frames]
    matches = {name: match(done.detections, truths, len(evaluation.classes)) for name, done in passes.items()}
    drop = _drop(context, evaluation, matches)
    summary = EvaluationSummary(
        frames=len(evaluation.frames),
        reference=_figures(mean_ap(matches[FLOAT]), evaluation.classes, detector.path, passes[FLOAT]),
        int8=_figures(mean_ap(matches[INT8]), evaluation.classes, int8.path, passes[INT8]),
        drop=drop.points,
        low=drop.low,
        high=drop.high,
        verdict=drop_in_words(drop),
        report=str(report),
        shapes=_shapes(context, evaluation, passes) if evaluation.shapes else None,
    )
    return summary, _lost(evaluation, passes)


def _drop(context: Context, evaluation: EvaluationSet, matches: Mapping[str, Matches]) -> Drop:
    settings = context.evaluation_settings()
    return paired_drop(
        matches[FLOAT],
        matches[INT8],
        seed=settings.seed,
        replicates=settings.replicates,
        clusters=scenes_of(evaluation, settings.scenes),
    )


def _shapes(context: Context, evaluation: EvaluationSet, passes: Mapping[str, DetectionPass]) -> ShapesSummary:
    """The same comparison by masks or keypoints."""
    kind = evaluation.shapes
    assert kind is not None
    truths = [frame.truth for frame in evaluation.frames]
    matches = {name: match(done.detections, truths, len(evaluation.classes), kind) for name, done in passes.items()}
    figures = {name: mean_ap(matched) for name, matched in matches.items()}
    drop = _drop(context, evaluation, matches)
    return ShapesSummary(
        kind,
        figures[FLOAT].map,
        figures[FLOAT].map50,
        figures[INT8].map,
        figures[INT8].map50,
        drop.points,
        drop.low,
        drop.high,
        drop_in_words(drop),
    )


def _lost(evaluation: EvaluationSet, passes: Mapping[str, DetectionPass]) -> tuple[LostFrame, ...]:
    """The frames where INT8 finds the fewest of the objects that float finds, worst first."""
    rows = []
    for place, frame in enumerate(evaluation.frames):
        by_float, by_int8 = (objects_found(passes[name].detections[place], frame.truth) for name in (FLOAT, INT8))
        if by_int8 < by_float:
            said = f"INT8 finds {by_int8} of {len(frame.truth)} objects, float {by_float}"
            rows.append((by_int8 - by_float, frame.uri, LostFrame(frame.uri, frame.path, said)))
    return tuple(lost for *_, lost in sorted(rows, key=lambda row: row[:2])[:LOST_SHOWN])


def _passes(
    context: Context, evaluation: EvaluationSet, models: Mapping[str, tuple[Detector, str]]
) -> dict[str, DetectionPass]:
    """The stored passes, and those that had to be made, together over the same frames. `models` by name: the
    detector, and what
    besides its file decides what it finds."""
    digests = {name: file_digest(detector.path) for name, (detector, _) in models.items()}
    keys = {name: _key(context, evaluation, models[name], digests[name]) for name in models}
    stored = {name: stored_pass(context, models[name][0], key, len(evaluation.frames)) for name, key in keys.items()}
    missing = {name: models[name][0] for name, done in stored.items() if done is None}
    made = detect_all(context, missing, evaluation.frames, shapes=evaluation.shapes is not None) if missing else {}
    passes = {name: made.get(name) or done for name, done in stored.items()}
    if 0 < len(made) < len(models):
        passes = _timed_together(context, {name: models[name][0] for name in models}, evaluation, passes)
    if made:
        for name, done in passes.items():
            assert done is not None
            record = {"seconds": done.seconds, "inference_seconds": done.inference_seconds}
            keep_pass(context, keys[name], digests[name], done, **record)
    return passes  # type: ignore[return-value]


def _timed_together(
    context: Context,
    detectors: Mapping[str, Detector],
    evaluation: EvaluationSet,
    passes: Mapping[str, DetectionPass | None],
) -> dict[str, DetectionPass | None]:
    """The passes with their speeds measured side by side: one from another day's load would compare with nothing."""
    timed = detect_all(context, detectors, evaluation.frames[:TIMED_FRAMES])
    return {
        name: replace(done, ms_per_frame=timed[name].ms_per_frame) if done else None for name, done in passes.items()
    }


def _key(context: Context, evaluation: EvaluationSet, model: tuple[Detector, str], digest: str) -> str:
    detector, arithmetic = model
    settings = context.model_settings()
    return digest_of(
        {
            "model": digest,
            "arithmetic": arithmetic,
            "frames": evaluation.digest,
            "layout": layout_digest(detector),
            **({"shapes": evaluation.shapes} if evaluation.shapes else {}),
            "decoding": [settings.score_min, settings.nms_iou, settings.max_detections],
        }
    )


def _figures(result: MeanAP, classes: tuple[str, ...], model: Path, done: DetectionPass) -> ModelFigures:
    fields = asdict(result)
    per_class = {name: float(value) for name, value in zip(classes, fields.pop("per_class"), strict=True)}
    return ModelFigures(**fields, per_class=per_class, size_bytes=model.stat().st_size, ms_per_frame=done.ms_per_frame)
