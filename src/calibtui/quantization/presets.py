"""The scheme that each target computes correctly, with the reason for every decision."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from calibtui.core.errors import SettingsError
from calibtui.quantization.cpu import CpuFeatures
from calibtui.quantization.schemes import Scheme
from calibtui.workspace.settings import QuantizationSettings

WEIGHTED_OPS = ("Conv", "ConvTranspose", "Gemm", "MatMul")
# onnxruntime folds these into the quantized node before them, so that they cost neither a rounding nor a kernel.
FOLDED_OPS = ("Relu", "Clip")

_WEIGHTED_ONLY = (
    "Only convolutions and matrix products with constant weights are quantized: boxes and scores that share a scale "
    "in the last Concat lose every score."
)
_PER_CHANNEL = "Weights have a scale per output channel: depthwise convolutions differ a hundredfold between channels."


def preset(target: str, settings: QuantizationSettings, cpu: CpuFeatures) -> Scheme:
    """The scheme of `target`, with whatever `settings` overrides; `cpu` is this machine's, and for ort-cpu the one that
    is meant where the settings name none. Raises SettingsError for an unknown target.
    """
    makers = {"ort-cuda": _ort_cuda, "tensorrt": _tensorrt, "openvino": _openvino}
    if target == "ort-cpu":
        return _overridden(_ort_cpu(settings.cpu, cpu.kind), settings)
    if target not in makers:
        raise SettingsError(
            f"[quantization] target: {target!r} is not a target.",
            f"Choose one of {', '.join(sorted([*makers, 'ort-cpu']))}.",
        )
    return _overridden(makers[target](), settings)


def _ort_cpu(asked: str, here: str) -> Scheme:
    """For the kind of CPU that is `asked` for; evaluated on one of the kind `here`."""
    kind = here if asked == "auto" else asked
    made = _for_kind(kind)
    if kind == here:
        return made
    reason = (
        "Judged by running the Q/DQ graph in float: this machine's CPU is of another kind, and its integer kernels are "
        "not those that the model will meet."
    )
    return replace(made, simulate=True, why=(*made.why, reason))


def _for_kind(kind: str) -> Scheme:
    base = Scheme(
        target="ort-cpu",
        cpu=kind,
        activations="uint8",
        weights="int8",
        per_channel=True,
        reduce_range=False,
        symmetric_activations=False,
        op_types=WEIGHTED_OPS + FOLDED_OPS,
        why=(
            _WEIGHTED_ONLY,
            _PER_CHANNEL,
            "Outputs are quantized too: without Q/DQ behind a convolution onnxruntime computes it in float, slower "
            "than the float model.",
        ),
    )
    if kind == "arm":
        reason = "uint8 activations with int8 weights: ARM's kernels widen before they add, so nothing saturates."
        return replace(base, why=(*base.why, reason))
    if kind == "vnni":
        reason = (
            "uint8 activations with int8 weights: the CPU's VNNI adds their products in 32 bits, so nothing saturates."
        )
        return replace(base, why=(*base.why, reason))
    reason = (
        "Weights use 7 bits (reduce_range): without VNNI the CPU adds two uint8 × int8 products in 16 bits, which "
        "saturates at full range; this cure lives in the file, so it also holds where nobody sets "
        "session.x64quantprecision."
    )
    return replace(base, reduce_range=True, why=(*base.why, reason))


def _simulated(target: str, activations_symmetric: bool, why: tuple[str, ...]) -> Scheme:
    return Scheme(
        target=target,
        activations="int8" if activations_symmetric else "uint8",
        weights="int8",
        per_channel=True,
        reduce_range=False,
        symmetric_activations=activations_symmetric,
        op_types=WEIGHTED_OPS,
        quantize_outputs=False,
        quantize_bias=False,
        simulate=True,
        why=(
            _WEIGHTED_ONLY,
            _PER_CHANNEL,
            "Only inputs and weights are rounded and biases stay in float: the target fuses what follows a convolution "
            "itself.",
            *why,
            "Judged by running the Q/DQ graph in float here, which does not depend on this machine's kernels.",
        ),
    )


def _tensorrt() -> Scheme:
    reasons = (
        "Activations are symmetric int8: TensorRT takes no zero points but 0.",
        "Residual sums are rounded where they meet: TensorRT computes a convolution with the sum behind it in the "
        "precision of the sum's other input.",
    )
    return replace(_simulated("tensorrt", True, reasons), residual_adds=True)


def _ort_cuda() -> Scheme:
    return _simulated(
        "ort-cuda", True, ("Activations are symmetric int8: CUDA's integer kernels take no zero points.",)
    )


def _openvino() -> Scheme:
    return _simulated(
        "openvino", False, ("Activations are asymmetric uint8 and weights symmetric int8, OpenVINO's own.",)
    )


def _overridden(scheme: Scheme, settings: QuantizationSettings) -> Scheme:
    """`settings` over the preset; each override is said, so that nobody takes it for the preset's advice."""
    asked: dict[str, Any] = {
        "per_channel": settings.per_channel,
        "activations": settings.activations,
        "weights": settings.weights,
        "reduce_range": settings.reduce_range,
        "symmetric_activations": settings.symmetric_activations,
        "op_types": settings.op_types,
    }
    changed = {key: value for key, value in asked.items() if value is not None and value != getattr(scheme, key)}
    why = tuple(f"{key} = {value!r}: as the settings ask, against the preset." for key, value in changed.items())
    return replace(scheme, **changed, float_patterns=settings.float_layers, why=scheme.why + why)
