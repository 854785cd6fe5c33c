"""Both models on the same evaluation frames: mAP side by side, and the drop with its interval."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from calibtui.core.digests import digest_of, file_digest
from calibtui.core.summary import EvaluationSummary, ModelFigures
from calibtui.detector.detector import Detector
from calibtui.evaluation.bootstrap import Drop, drop_in_words, paired_drop
from calibtui.evaluation.coco import Matches, MeanAP, match, mean_ap
from calibtui.pipeline.context import Context
from calibtui.pipeline.detection_pass import DetectionPass, detect_all, layout_digest, load_pass, save_pass
from calibtui.pipeline.evaluation_set import EvaluationSet, load_evaluation_set, refuse_overlap
from calibtui.pipeline.quantize_stage import Int8Model
from calibtui.store.artifacts import EvaluationRow


@dataclass(frozen=True, slots=True)
class _Measured:
    matches: Matches
    figures: ModelFigures


def evaluate_models(context: Context, detector: Detector, int8: Int8Model, report: Path) -> EvaluationSummary:
    """Measures float and INT8 model on the evaluation frames. `report` is where report.html will be."""
    evaluation = load_evaluation_set(context, detector)
    refuse_overlap(context, evaluation, int8.calibration_digests)
    settings = context.evaluation_settings()
    quantized = detector.with_model(int8.path, simulate=int8.simulate, precise=int8.precise)
    reference_path = context.root / context.model_settings().onnx
    reference = _measured(context, evaluation, detector, reference_path, "float", "")
    other = _measured(context, evaluation, quantized, int8.path, "INT8", int8.arithmetic)
    context.tell("evaluate", 0, 0, "interval of the drop")
    drop = paired_drop(reference.matches, other.matches, seed=settings.seed, replicates=settings.replicates)
    return _summary(context, evaluation, reference.figures, other.figures, drop, report)


def _measured(
    context: Context, evaluation: EvaluationSet, detector: Detector, model: Path, name: str, arithmetic: str
) -> _Measured:
    done = _detections(context, evaluation, detector, model, name, arithmetic)
    truths = [frame.truth for frame in evaluation.frames]
    matches = match(done.detections, truths, len(evaluation.classes))
    figures = _figures(mean_ap(matches), evaluation.classes, model.stat().st_size, done.ms_per_frame)
    return _Measured(matches, figures)


def _detections(
    context: Context, evaluation: EvaluationSet, detector: Detector, model: Path, name: str, arithmetic: str
) -> DetectionPass:
    model_digest = file_digest(model)
    settings = context.model_settings()
    key = digest_of(
        {
            "model": model_digest,
            "arithmetic": arithmetic,
            "frames": evaluation.digest,
            "layout": layout_digest(detector),
            "decoding": [settings.score_min, settings.nms_iou, settings.max_detections],
        }
    )
    # What a decoder of the user's own computes can change without its name changing.
    known = None if ":" in detector.layout.decoder else context.store.artifacts.evaluation(key)
    stored = load_pass(context.state / known.detections) if known else None
    if stored is not None and len(stored.detections) == len(evaluation.frames):
        return stored
    done = detect_all(context, detector, evaluation.frames, name)
    path = context.state / "evaluations" / f"{key[:16]}.npz"
    save_pass(path, done)
    record = {"frames": len(evaluation.frames), "seconds": done.seconds, "inference_seconds": done.inference_seconds}
    row = EvaluationRow(key, model_digest, path.relative_to(context.state).as_posix(), record)
    context.store.artifacts.add_evaluation(row, context.run)
    return done


def _figures(result: MeanAP, classes: tuple[str, ...], size_bytes: int, ms_per_frame: float) -> ModelFigures:
    fields = asdict(result)
    per_class = {name: float(value) for name, value in zip(classes, fields.pop("per_class"), strict=True)}
    return ModelFigures(**fields, per_class=per_class, size_bytes=size_bytes, ms_per_frame=ms_per_frame)


def _summary(
    context: Context, evaluation: EvaluationSet, reference: ModelFigures, int8: ModelFigures, drop: Drop, report: Path
) -> EvaluationSummary:
    return EvaluationSummary(
        frames=len(evaluation.frames),
        reference=reference,
        int8=int8,
        drop=drop.points,
        low=drop.low,
        high=drop.high,
        verdict=drop_in_words(drop),
        report=context.relative(report),
    )
