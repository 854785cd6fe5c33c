"""The simulated-INT8 twin: what rounding does to a detector's answers, whichever machine asks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from calibtui.quantization.cpu import CpuFeatures
from calibtui.quantization.prepare import PreparedModel
from calibtui.quantization.presets import preset
from calibtui.quantization.provenance import Provenance
from calibtui.quantization.quantize import QuantizedModel, quantize
from calibtui.quantization.ranges import ranges
from calibtui.quantization.schemes import Scheme
from calibtui.quantization.statistics import Statistics
from calibtui.workspace.settings import QuantizationSettings


def twin_scheme() -> Scheme:
    """Full-range uint8 × int8, judged by simulation: the same on every machine, so that scores don't depend on the
    CPU.
    """
    scheme = preset("ort-cpu", QuantizationSettings(), CpuFeatures("x86", vnni=True))
    return replace(scheme, target="simulated", simulate=True)


def simulated_twin(
    prepared: PreparedModel, statistics: Statistics, target: Path, *, percentile: float = 99.999
) -> QuantizedModel:
    """Writes the twin of `prepared` to `target`, calibrated by `statistics`: percentile where they hold histograms,
    else minmax. Run it with graph optimisation off, which computes the quantized arithmetic in float.
    """
    calibrator = "percentile" if statistics.histograms else "minmax"
    scheme = twin_scheme()
    found = ranges(statistics, calibrator, percentile=percentile, scheme=scheme)
    provenance = Provenance("", calibrator, len(statistics.frames), {"twin": True, "percentile": percentile})
    return quantize(prepared, found, scheme, target, provenance=provenance)
