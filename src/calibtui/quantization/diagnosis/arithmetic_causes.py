"""Findings about the CPU's own arithmetic: integer kernels that saturate."""

from __future__ import annotations

from calibtui.quantization.diagnosis.evidence import Evidence
from calibtui.quantization.diagnosis.findings import Finding

APART = 0.05
"""Output error by which the kernels' result may differ from exact integer arithmetic: their roundings differ a bit."""


def saturating_kernels(evidence: Evidence) -> list[Finding]:
    """uint8 × int8 products added in 16 bits, on a CPU that has no wider sum; also found where only the outputs show
    it."""
    scheme, cpu = evidence.scheme, evidence.cpu
    if scheme.simulate:
        return []
    narrow = cpu.architecture == "x86" and not cpu.vnni
    expected = narrow and scheme.activations == "uint8" and scheme.weights == "int8" and not scheme.reduce_range
    here = evidence.trials.on_this_cpu()
    if not expected and here <= evidence.whole + APART:
        return []
    because = (
        "it has no VNNI, and adds two uint8 × int8 products in 16 bits, which saturate" if expected else "they saturate"
    )
    finding = Finding(
        "arithmetic",
        f"The CPU's integer kernels don't compute what the model says: {because}. Output error {here:.3f} instead of "
        f"{evidence.whole:.3f}.",
        "Give weights 7 bits: reduce_range = true; or run the model with session.x64quantprecision = 1.",
        weight=1.0,
    )
    return [finding.measured(here, evidence.whole, max(here, evidence.whole))]
