"""What INT8 models find on the evaluation frames, in whichever process: the models are made, run, and thrown away."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from calibtui.core.errors import ConfigurationError
from calibtui.detector.detector import Detector
from calibtui.detector.session import open_session
from calibtui.pipeline.detection_pass import DetectionPass, detect_over
from calibtui.pipeline.workers.files import Files
from calibtui.pipeline.workers.kit import Carry
from calibtui.pipeline.workers.packed_detector import PackedDetector
from calibtui.pipeline.workers.packed_model import PackedModel
from calibtui.pool.images import decode_rgb
from calibtui.quantization.cpu import cpu_features
from calibtui.quantization.prepare import PreparedModel
from calibtui.quantization.provenance import Provenance
from calibtui.quantization.quantize import quantize
from calibtui.quantization.schemes import PRECISE, Scheme


@dataclass(frozen=True, slots=True)
class Int8Plan:
    """An INT8 model to be made with `ranges`, (low, high) by tensor."""

    ranges: Mapping[str, tuple[float, float]]
    provenance: Provenance


PassJob = tuple[Int8Plan, ...]
"""Models that share one reading of the evaluation frames."""


@dataclass(frozen=True)
class PassKit:
    """`files` of the evaluation frames, called `names`, with `sizes` of (width, height) px. `cpu`: the kind whose
    kernels every figure is of."""

    model: PackedModel
    detector: PackedDetector
    scheme: Scheme
    names: tuple[Path, ...]
    sizes: tuple[tuple[int, int], ...]
    files: Files
    cpu: str

    def opened(self) -> Callable[[PassJob], tuple[DetectionPass, ...]]:
        """Raises ConfigurationError on a machine with other kernels."""
        here = cpu_features().kind
        if here != self.cpu and not self.scheme.simulate:
            raise ConfigurationError(
                f"A worker's CPU is of the kind {here}, this machine's is {self.cpu}: INT8 models would not find the "
                "same on both.",
                "Measure on machines of one kind, or set [quantization] cpu to the kind of the one that is meant.",
            )
        return self._passes

    def carried(self, carry: Carry) -> PassKit:
        return replace(self, files=carry(self.files), model=replace(self.model, scratch=None))

    def _passes(self, job: PassJob) -> tuple[DetectionPass, ...]:
        with self.model.unpacked() as prepared:
            models = dict(self._models(prepared, job))
            found = detect_over(models, self._pixels, self.sizes, readers=1)
        return tuple(found[name] for name in models)

    def _models(self, prepared: PreparedModel, job: PassJob) -> Iterator[tuple[str, Detector]]:
        for number, plan in enumerate(job):
            path = prepared.path.with_name(f"{number}.int8.onnx")
            quantize(prepared, plan.ranges, self.scheme, path, provenance=plan.provenance)
            precise = PRECISE in self.scheme.session_config
            # On one thread: with more, onnxruntime's floats differ in their last bits.
            session = open_session(path, threads=1, simulate=self.scheme.simulate, precise=precise)
            yield str(number), self.detector.with_session(session)

    def _pixels(self, place: int) -> NDArray[np.uint8]:
        return decode_rgb(self.names[place], self.files.read(place))
