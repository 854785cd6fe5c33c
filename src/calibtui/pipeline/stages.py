"""The five stages of a run, each on what the ones before it left."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from calibtui.core.errors import ConfigurationError, TargetMissedError
from calibtui.core.summary import EvaluationSummary, RunSummary
from calibtui.detector.detector import Detector
from calibtui.pipeline.cascade import judged_pool, score_in_stages, scoring_stages
from calibtui.pipeline.context import Context, workers
from calibtui.pipeline.evaluate_stage import evaluate_models
from calibtui.pipeline.evaluation_set import EvaluationSet, load_evaluation_set
from calibtui.pipeline.index_stage import index_pool
from calibtui.pipeline.judges import check_judge
from calibtui.pipeline.quantize_stage import Int8Model, int8_of, quantize_model
from calibtui.pipeline.report_stage import report_path, write_report
from calibtui.pipeline.select_stage import select_set
from calibtui.selection.manifest import read_manifest

MODEL_STAGES = ("quantize", "evaluate")


class StageRunner:
    """Runs stages one by one; `summary` grows with each."""

    def __init__(self, context: Context, summary: RunSummary) -> None:
        self.summary = summary
        self._context = context
        self._detector: Detector | None = None
        self._manifest: dict[str, Any] | None = None
        self._int8: Int8Model | None = None
        self._evaluation: EvaluationSet | None = None

    def check_ready(self, stages: Sequence[str]) -> None:
        """Raises whatever would fail late but can be known now, before anything is paid for or computed."""
        if "score" in stages:
            for scoring in scoring_stages(self._context):
                check_judge(self._context, scoring)
        if any(stage in stages for stage in MODEL_STAGES):
            self._open_detector()
        if "evaluate" in stages:
            self._evaluation_set()

    def run(self, stage: str) -> None:
        """Runs one stage and what it can't do without."""
        steps: dict[str, Callable[[], None]] = {
            "pool": self._pool,
            "score": self._score,
            "select": self._select,
            "quantize": self._quantize,
            "evaluate": self._evaluate,
        }
        steps[stage]()

    def _pool(self) -> None:
        self.summary = replace(self.summary, pool=index_pool(self._context))

    def _score(self) -> None:
        self._indexed()
        scoring, error = score_in_stages(self._context, self._open_detector)
        self.summary = replace(self.summary, scoring=scoring)
        if error is not None:
            raise error

    def _select(self) -> None:
        self._indexed()
        chosen = select_set(self._context, judged_pool(self._context, self._open_detector))
        self._manifest = chosen.manifest
        self.summary = replace(self.summary, selection=chosen.summary)

    def _quantize(self) -> None:
        self._int8 = quantize_model(self._context, self._open_detector(), self._calibration_set())
        self.summary = replace(self.summary, quantization=self._int8.summary)

    def _evaluate(self) -> None:
        detector = self._open_detector()
        int8 = self._int8 or int8_of(self._context, detector, self._calibration_set())
        path = report_path(self._context, int8)
        evaluation, lost = evaluate_models(self._context, detector, int8, self._evaluation_set(), path)
        self.summary = replace(self.summary, evaluation=evaluation, notes=tuple(self._context.notes))
        write_report(self._context, self.summary, int8, self._calibration_set(), path, lost)
        self._check_target(evaluation)

    def _indexed(self) -> None:
        if self.summary.pool is None:
            self._pool()

    def _open_detector(self) -> Detector:
        if self._detector is None:
            self._detector = Detector.load(self._context.model_settings(), self._context.root, threads=workers())
        return self._detector

    def _evaluation_set(self) -> EvaluationSet:
        if self._evaluation is None:
            self._evaluation = load_evaluation_set(self._context, self._open_detector())
        return self._evaluation

    def _calibration_set(self) -> dict[str, Any]:
        if self._manifest is None:
            newest = self._context.store.artifacts.newest_set()
            if newest is None:
                raise ConfigurationError(
                    f"{self._context.root} has no calibration set yet.",
                    "Run `calibtui select` or `calibtui --batch` first.",
                )
            self._manifest = read_manifest(Path(self._context.state / newest))
        return self._manifest

    def _check_target(self, evaluation: EvaluationSummary) -> None:
        limit = self._context.settings.quantization.max_map_drop
        if limit is not None and evaluation.drop > limit:
            raise TargetMissedError(
                f"The INT8 model loses {evaluation.drop:.2f} points of mAP, and max_map_drop allows {limit:g}.",
                "Try another calibrator, strategy or size, or leave layers in float with [quantization] float_layers.",
            )
