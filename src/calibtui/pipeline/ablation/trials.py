"""One trial a set and calibrator: the INT8 model is made, run over the evaluation frames, and thrown away; what it
found stays."""

from __future__ import annotations

import contextlib
import itertools
import math
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

from calibtui.core.digests import digest_of
from calibtui.detector.detector import Detector
from calibtui.pipeline.ablation.frame_statistics import FrameStatistics
from calibtui.pipeline.ablation.pass_kit import Int8Plan, PassJob, PassKit
from calibtui.pipeline.ablation.sets import ProposedSet
from calibtui.pipeline.context import Context
from calibtui.pipeline.detection_pass import DetectionPass, detect_all, layout_digest
from calibtui.pipeline.evaluation_set import EvaluationSet
from calibtui.pipeline.quantize_stage import prepared_model, scheme_of
from calibtui.pipeline.stored_passes import keep_pass, stored_pass
from calibtui.pipeline.workers.files import FilesHere
from calibtui.pipeline.workers.kit import Crew, in_order
from calibtui.pipeline.workers.opening import opened_crew
from calibtui.pipeline.workers.packed_detector import PackedDetector
from calibtui.pipeline.workers.packed_model import PackedModel
from calibtui.quantization.cpu import cpu_features
from calibtui.quantization.prepare import PreparedModel
from calibtui.quantization.provenance import Provenance, versions
from calibtui.quantization.ranges import ranges
from calibtui.quantization.tensors import tensors_to_observe

FLOAT = ("float", "")
TOGETHER = 4
"""Models that share one reading of the evaluation frames; each holds a session."""

Trial = tuple[str, str]
"""A set's key and a calibrator."""


@dataclass(frozen=True, slots=True)
class Trials:
    """What one detector, in float and as each trial's INT8 model, finds on the evaluation frames."""

    context: Context
    detector: Detector
    evaluation: EvaluationSet
    model_digest: str

    def passes(self, sets: Mapping[str, ProposedSet], trials: Sequence[Trial]) -> dict[Trial, DetectionPass]:
        """Of every trial, and of the float model under FLOAT. Passes of earlier ablations of the same are taken up."""
        known = {trial: self._stored(trial) for trial in (FLOAT, *dict.fromkeys(trials))}
        missing = [trial for trial, done in known.items() if done is None]
        found = {trial: done for trial, done in known.items() if done is not None}
        if FLOAT in missing:
            missing.remove(FLOAT)
            found[FLOAT] = self._kept(FLOAT, self._float_pass())
        if missing:
            for trial, made in self._tried(sets, missing):
                found[trial] = self._kept(trial, made)
        return found

    def _tried(
        self, sets: Mapping[str, ProposedSet], missing: Sequence[Trial]
    ) -> Iterator[tuple[Trial, DetectionPass]]:
        """Those trials in their order, side by side as far as there are workers."""
        prepared = prepared_model(self.context, self.detector)
        with contextlib.ExitStack() as until_tried:
            scratch = until_tried.enter_context(self._scratch())
            statistics = self._statistics(prepared, sets, missing, scratch)
            crew = until_tried.enter_context(self._crew(prepared, scratch))
            parts = even_parts(missing, crew.size)
            jobs = (tuple(self._plan(statistics, sets, trial) for trial in part) for part in parts)
            self._tell(0, missing)
            for done in in_order(crew.finished(jobs)):
                yield from zip(parts[done.place], done.result, strict=True)
                self._tell(sum(map(len, parts[: done.place + 1])), missing)

    @contextlib.contextmanager
    def _scratch(self) -> Iterator[Path]:
        """Where workers write; also what those left there that were killed is gone."""
        scratch = self.context.state / "ablation" / "trials"
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(parents=True)
        try:
            yield scratch
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    def _crew(
        self, prepared: PreparedModel, scratch: Path
    ) -> AbstractContextManager[Crew[PassJob, tuple[DetectionPass, ...]]]:
        frames = self.evaluation.frames
        paths = tuple(frame.path for frame in frames)
        kit = PassKit(
            PackedModel.of(prepared, scratch),
            PackedDetector.of(self.detector),
            scheme_of(self.context),
            paths,
            tuple(frame.size for frame in frames),
            FilesHere(paths),
            cpu_features().kind,
        )
        return opened_crew(self.context, kit)

    def _tell(self, done: int, missing: Sequence[Trial]) -> None:
        total = len(missing)
        self.context.tell("ablate", done, total, "INT8 models on the evaluation frames")

    def _statistics(
        self, prepared: PreparedModel, sets: Mapping[str, ProposedSet], missing: Sequence[Trial], scratch: Path
    ) -> FrameStatistics:
        context = self.context
        tensors = tensors_to_observe(prepared, scheme_of(context))
        statistics = FrameStatistics(context, self.detector, prepared, tensors, scratch)
        statistics.collect(frame for key in dict.fromkeys(key for key, _ in missing) for frame in sets[key].frames)
        return statistics

    def _plan(self, statistics: FrameStatistics, sets: Mapping[str, ProposedSet], trial: Trial) -> Int8Plan:
        key, calibrator = trial
        percentile = self.context.settings.quantization.percentile
        counted = statistics.of(sets[key].digests)
        found = ranges(counted, calibrator, percentile=percentile, scheme=scheme_of(self.context))
        return Int8Plan(found, Provenance(key, calibrator, len(sets[key].frames)))

    def _float_pass(self) -> DetectionPass:
        quiet = replace(self.context, on_progress=lambda _: None)
        return detect_all(quiet, {"float": self.detector}, self.evaluation.frames)["float"]

    def _key(self, trial: Trial) -> str:
        settings = self.context.settings.quantization
        scheme = scheme_of(self.context)
        model = self.context.model_settings()
        return digest_of(
            {
                "ablation": trial,
                "model": self.model_digest,
                "layout": layout_digest(self.detector),
                "percentile": settings.percentile if trial[1] == "percentile" else None,
                "scheme": None if trial == FLOAT else scheme.describe(),
                "frames": self.evaluation.digest,
                "decoding": [model.score_min, model.nms_iou, model.max_detections],
                "versions": versions(),
            }
        )

    def _stored(self, trial: Trial) -> DetectionPass | None:
        return stored_pass(self.context, self.detector, self._key(trial), len(self.evaluation.frames))

    def _kept(self, trial: Trial, done: DetectionPass) -> DetectionPass:
        key = self._key(trial)
        keep_pass(self.context, key, key, done, ablation=list(trial))
        return done


def even_parts(trials: Sequence[Trial], workers: int) -> list[Sequence[Trial]]:
    """`trials` in their order, in parts of TOGETHER or fewer that keep all workers busy equally long."""
    rounds = math.ceil(len(trials) / (workers * TOGETHER))
    count = min(len(trials), workers * rounds)
    ends = [len(trials) * number // count for number in range(count + 1)]
    return [trials[first:last] for first, last in itertools.pairwise(ends)]
