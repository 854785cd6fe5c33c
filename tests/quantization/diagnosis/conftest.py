"""Networks with one ailment each, and what it takes to diagnose them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest

from calibtui.quantization.collector import Calibrator
from calibtui.quantization.cpu import CpuFeatures
from calibtui.quantization.diagnosis.diagnosis import Diagnosis, Subject, diagnose
from calibtui.quantization.output_error import FloatAnswers
from calibtui.quantization.prepare import prepare_model
from calibtui.quantization.ranges import ranges
from calibtui.quantization.schemes import Scheme
from calibtui.quantization.sessions import session_of
from calibtui.quantization.tensors import tensors_to_observe
from calibtui.quantization.twin import twin_scheme

VNNI = CpuFeatures("x86", avx2=True, avx512=True, vnni=True)
Diagnose = Callable[..., Diagnosis]


@pytest.fixture
def frames() -> list[np.ndarray]:
    """Eight inputs (1, 3, 32, 32) float32 much like each other."""
    random = np.random.default_rng(7)
    return [random.normal(0, 1, (1, 3, 32, 32)).astype(np.float32) for _ in range(8)]


@pytest.fixture
def subject(tmp_path: Path) -> Callable[..., Subject]:
    """Calibrates a model on frames, whose digests are "frame 0", "frame 1" and so on."""

    def make(
        model: onnx.ModelProto, frames: Sequence[np.ndarray], scheme: Scheme | None = None, calibrator: str = "minmax"
    ) -> Subject:
        source = tmp_path / "float.onnx"
        onnx.save(model, str(source))
        prepared = prepare_model(source, tmp_path / "prepared.onnx")
        scheme = scheme or twin_scheme()
        counted = Calibrator(prepared, tensors_to_observe(prepared, scheme), histograms=calibrator != "minmax")
        for number, frame in enumerate(frames):
            counted.observe(f"frame {number}", frame)
        found = ranges(counted.statistics, calibrator, percentile=99.99, scheme=scheme)
        return Subject(prepared, scheme, counted.statistics, found, lambda tensor: {"image": tensor})

    return make


@pytest.fixture
def diagnosed() -> Diagnose:
    """The diagnosis of a subject on frames."""

    def run(subject: Subject, frames: Sequence[np.ndarray], cpu: CpuFeatures = VNNI) -> Diagnosis:
        session = session_of(subject.prepared.path)
        names = list(subject.prepared.outputs)

        def infer(tensor: np.ndarray) -> dict[str, np.ndarray]:
            return dict(zip(names, session.run(names, {"image": tensor}), strict=True))

        return diagnose(subject, frames, FloatAnswers.undecoded(infer, frames), cpu)

    return run
