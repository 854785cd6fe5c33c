"""One trial a set and calibrator: the INT8 model is made, run over the evaluation frames, and thrown away; what it
found stays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from calibtui.core.digests import digest_of
from calibtui.detector.detector import Detector
from calibtui.pipeline.ablation.frame_statistics import FrameStatistics
from calibtui.pipeline.ablation.sets import ProposedSet
from calibtui.pipeline.context import Context
from calibtui.pipeline.detection_pass import DetectionPass, detect_all, layout_digest
from calibtui.pipeline.evaluation_set import EvaluationSet
from calibtui.pipeline.quantize_stage import prepared_model, scheme_of
from calibtui.pipeline.stored_passes import keep_pass, stored_pass
from calibtui.quantization.provenance import Provenance, versions
from calibtui.quantization.quantize import quantize
from calibtui.quantization.ranges import ranges
from calibtui.quantization.schemes import PRECISE
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
            found[FLOAT] = self._kept(FLOAT, self._detected({FLOAT: self.detector})[FLOAT])
        total, done = len(missing), 0
        statistics = self._statistics(sets, missing)
        rest = iter(missing)
        while some := list(islice(rest, TOGETHER)):
            self.context.tell("ablate", done, total, "INT8 models on the evaluation frames")
            for trial, made in self._tried(statistics, sets, some).items():
                found[trial] = self._kept(trial, made)
            done += len(some)
        if total:
            self.context.tell("ablate", total, total, "INT8 models on the evaluation frames")
        return found

    def _statistics(self, sets: Mapping[str, ProposedSet], missing: Sequence[Trial]) -> FrameStatistics | None:
        if not missing:
            return None
        context = self.context
        prepared = prepared_model(context, self.detector)
        tensors = tensors_to_observe(prepared, scheme_of(context))
        statistics = FrameStatistics(context, self.detector, prepared, tensors)
        statistics.collect(frame for key in dict.fromkeys(key for key, _ in missing) for frame in sets[key].frames)
        return statistics

    def _tried(
        self, statistics: FrameStatistics | None, sets: Mapping[str, ProposedSet], trials: Sequence[Trial]
    ) -> dict[Trial, DetectionPass]:
        assert statistics is not None
        models = dict(self._models(statistics, sets, trials))
        try:
            return self._detected(models)
        finally:
            for detector in models.values():
                detector.path.unlink(missing_ok=True)
                detector.path.with_name(f"{detector.path.stem}.provenance.json").unlink(missing_ok=True)

    def _models(
        self, statistics: FrameStatistics, sets: Mapping[str, ProposedSet], trials: Sequence[Trial]
    ) -> Iterator[tuple[Trial, Detector]]:
        """The trials' INT8 models, opened."""
        settings = self.context.settings.quantization
        scheme = scheme_of(self.context)
        prepared = prepared_model(self.context, self.detector)
        for key, calibrator in trials:
            self.context.stop.raise_if_set()
            counted = statistics.of(sets[key].digests)
            found = ranges(counted, calibrator, percentile=settings.percentile, scheme=scheme)
            target = self.context.state / "ablation" / f"{key[:12]}.{calibrator}.int8.onnx"
            quantize(prepared, found, scheme, target, provenance=Provenance(key, calibrator, len(sets[key].frames)))
            precise = PRECISE in scheme.session_config
            yield (key, calibrator), self.detector.with_model(target, simulate=scheme.simulate, precise=precise)

    def _detected(self, models: Mapping[Trial, Detector]) -> dict[Trial, DetectionPass]:
        names = {" ".join(trial): trial for trial in models}
        quiet = replace(self.context, on_progress=lambda _: None)
        found = detect_all(quiet, {name: models[trial] for name, trial in names.items()}, self.evaluation.frames)
        return {names[name]: done for name, done in found.items()}

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
