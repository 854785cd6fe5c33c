"""The five stages of a run, each on what the ones before it left."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from calibtui.core.errors import ConfigurationError, TargetMissedError
from calibtui.core.summary import EvaluationSummary, RunSummary, SplitSummary
from calibtui.detector.detector import Detector
from calibtui.pipeline.cascade import judged_pool, score_in_stages, scoring_stages
from calibtui.pipeline.context import Context, workers
from calibtui.pipeline.evaluate_stage import evaluate_models
from calibtui.pipeline.evaluation_set import EvaluationSet, load_evaluation_set, refuse_overlap
from calibtui.pipeline.index_stage import index_pool
from calibtui.pipeline.judges import check_judge
from calibtui.pipeline.outputs_stage import compare_outputs, is_undecoded
from calibtui.pipeline.quantize_stage import Int8Model, int8_of, quantize_model
from calibtui.pipeline.report_stage import report_path, write_report
from calibtui.pipeline.search.split import Split, keep_split, split_evaluation
from calibtui.pipeline.search.stage import searched_int8_of, searched_model
from calibtui.pipeline.search.wording import missed_in_words
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
        self._parts: Split | None = None
        self._divided = False

    def check_ready(self, stages: Sequence[str]) -> None:
        """Raises whatever would fail late but can be known now, before anything is paid for or computed."""
        if "score" in stages:
            for scoring in scoring_stages(self._context):
                check_judge(self._context, scoring)
        if any(stage in stages for stage in MODEL_STAGES):
            self.open_detector()
        if "evaluate" in stages and not is_undecoded(self.open_detector()):
            self.evaluation_set()

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
        scoring, error = score_in_stages(self._context, self.open_detector)
        self.summary = replace(self.summary, scoring=scoring)
        if error is not None:
            raise error

    def _select(self) -> None:
        self._indexed()
        chosen = select_set(self._context, judged_pool(self._context, self.open_detector))
        self._manifest = chosen.manifest
        self.summary = replace(self.summary, selection=chosen.summary)

    def _quantize(self) -> None:
        detector, manifest, split = self.open_detector(), self._calibration_set(), self._split()
        if split is None:
            self._int8 = quantize_model(self._context, detector, manifest)
        else:
            digests = frozenset(frame["digest"] for frame in manifest["frames"])
            refuse_overlap(self._context, self.evaluation_set(), digests)
            self._int8 = searched_model(self._context, detector, manifest, split, self._limit())
        self.summary = replace(self.summary, quantization=self._int8.summary)

    def _evaluate(self) -> None:
        detector = self.open_detector()
        if is_undecoded(detector):
            self._compare_outputs(detector)
            return
        split = self._split()
        int8 = self._int8 = self._int8 or self._known_int8(detector, split)
        path = report_path(self._context, int8)
        frames = self.evaluation_set() if split is None else split.report
        evaluation, lost = evaluate_models(self._context, detector, int8, frames, path)
        if split is not None:
            file = str(keep_split(self._context, split))
            sides = SplitSummary(len(split.search.frames), len(split.report.frames), split.seed, file)
            evaluation = replace(evaluation, split=sides)
        self.summary = replace(self.summary, evaluation=evaluation, notes=tuple(self._context.notes))
        write_report(self._context, self.summary, int8, self._calibration_set(), path, lost)
        self._check_target(evaluation)

    def _compare_outputs(self, detector: Detector) -> None:
        self._indexed()
        int8 = self._int8 = self._int8 or int8_of(self._context, detector, self._calibration_set())
        outputs = compare_outputs(self._context, detector, int8)
        self.summary = replace(self.summary, outputs=outputs, notes=tuple(self._context.notes))

    def _known_int8(self, detector: Detector, split: Split | None) -> Int8Model:
        if split is None:
            return int8_of(self._context, detector, self._calibration_set())
        return searched_int8_of(self._context, detector, self._calibration_set(), split, self._limit())

    def _limit(self) -> float:
        limit = self._context.settings.quantization.max_map_drop
        assert limit is not None
        return limit

    def _split(self) -> Split | None:
        """The two parts of the evaluation set, None where nothing is searched for."""
        settings = self._context.settings
        if settings.quantization.max_map_drop is None or settings.evaluation is None:
            return None
        if not self._divided:
            self._parts = split_evaluation(self.evaluation_set(), settings.evaluation.seed, settings.evaluation.scenes)
            self._divided = True
        if self._parts is None:
            self._context.note(
                "Too few evaluation frames show objects to search on some and report on others: the settings "
                "are taken as they are."
            )
        return self._parts

    def _indexed(self) -> None:
        if self.summary.pool is None:
            self._pool()

    def open_detector(self) -> Detector:
        """The model of calibtui.toml, opened once a run."""
        if self._detector is None:
            self._detector = Detector.load(self._context.model_settings(), self._context.root, threads=workers())
            for doubt in self._detector.layout.doubts:
                self._context.note(f"{self._detector.path.name}: {doubt}.")
        return self._detector

    def evaluation_set(self) -> EvaluationSet:
        """The annotated frames, indexed and read once a run."""
        if self._evaluation is None:
            self._evaluation = load_evaluation_set(self._context, self.open_detector())
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
        if limit is None or evaluation.drop <= limit:
            return
        message = f"The INT8 model loses {evaluation.drop:.2f} points of mAP, and max_map_drop allows {limit:g}."
        search = self._int8.summary.search if self._int8 else None
        if search is None:
            hint = (
                "Try another calibrator, strategy or size, or leave layers in float with [quantization] float_layers."
            )
        else:
            hint = missed_in_words(search, evaluation, limit)
        raise TargetMissedError(message, hint)
