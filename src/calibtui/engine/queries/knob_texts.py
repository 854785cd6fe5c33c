"""What each knob of [selection] and [quantization] is called, what it does, and what it can be turned to."""

from __future__ import annotations

from dataclasses import dataclass

PRESET = ("null", "as the target's preset says")
_STRATEGY = (
    ("hardest", "the frames of greatest difficulty"),
    ("hardest-nms", "the hardest frames, without those that look like a harder one"),
    ("weighted-k-center", "spread over the pool, drawn to the hard frames"),
    ("k-center", "spread over the pool as evenly as can be, whatever the scores"),
    ("stratified", "as many frames of every class, or stratum, as of any other"),
    ("random", "drawn by the seed: the control that the others must beat"),
    ("range-cover", "frames that together reach the whole range of every activation"),
)
_TARGET = (
    ("ort-cpu", "onnxruntime on this kind of CPU: uint8 activations, int8 weights"),
    ("ort-cuda", "onnxruntime on CUDA: symmetric int8 throughout"),
    ("tensorrt", "TensorRT: symmetric int8, explicit Q/DQ pairs"),
    ("openvino", "OpenVINO: uint8 activations, symmetric int8 weights"),
)
_CPU = (
    ("auto", "this machine's"),
    ("vnni", "x86 with VNNI: 8-bit weights"),
    ("avx2", "x86 without VNNI: 7-bit weights, which can't saturate"),
    ("arm", "ARM: 8-bit weights"),
)
_CALIBRATOR = (
    ("minmax", "the widest range that was seen: clips nothing, and one outlier stretches it"),
    ("percentile", "cuts the rarest values off at a percentile"),
    ("entropy", "the range that keeps the distribution most alike"),
    ("mse", "the range with the least squared error"),
)


@dataclass(frozen=True, slots=True)
class KnobText:
    """`choices`: (value, what it means), a value as text or, where it is no text, as JSON; () where free or as the
    setting's own type tells. `low` and `high` of a number."""

    title: str
    meaning: str
    choices: tuple[tuple[str, str], ...] = ()
    low: float | None = None
    high: float | None = None


def _switch(on: str, off: str) -> tuple[tuple[str, str], ...]:
    return (PRESET, ("true", on), ("false", off))


TEXTS: dict[str, KnobText] = {
    "selection.strategy": KnobText(
        "Strategy", "How frames are chosen besides those that are pinned or picked by hand.", _STRATEGY
    ),
    "selection.size": KnobText(
        "Size", "How many frames the set holds. A few hundred are plenty for most detectors.", low=1, high=1_000_000_000
    ),
    "selection.seed": KnobText(
        "Seed", "Decides every draw and every tie: the same seed gives the same set.", low=0, high=2**31 - 1
    ),
    "selection.suppress": KnobText(
        "Suppress from",
        "The cosine similarity from which hardest-nms leaves the easier of two frames out. Lower keeps fewer alike.",
        low=0.0,
        high=1.0,
    ),
    "quantization.target": KnobText(
        "Target", "What the INT8 model is for. It decides the scheme; every setting below overrides it.", _TARGET
    ),
    "quantization.cpu": KnobText("CPU", "Of the target ort-cpu: which kind of CPU the model will run on.", _CPU),
    "quantization.calibrator": KnobText(
        "Calibrator", "How the range of an activation is read from what the set's frames show.", _CALIBRATOR
    ),
    "quantization.percentile": KnobText(
        "Percentile",
        "Of the percentile calibrator: the share of values, in percent, that must not be clipped.",
        low=50.0,
        high=100.0,
    ),
    "quantization.max_map_drop": KnobText(
        "Most mAP lost",
        "Points of mAP that the INT8 model may lose; a run that loses more ends with exit code 5.",
        low=0.0,
        high=100.0,
    ),
    "quantization.per_channel": KnobText(
        "Per channel",
        "Whether weights have a scale for each output channel.",
        _switch("a scale a channel: better where channels differ", "one scale a tensor"),
    ),
    "quantization.activations": KnobText(
        "Activations",
        "The type that activations are rounded to.",
        (PRESET, ("uint8", "unsigned, with a zero point"), ("int8", "signed")),
    ),
    "quantization.weights": KnobText(
        "Weights",
        "The type that weights are rounded to.",
        (PRESET, ("int8", "signed"), ("uint8", "unsigned: cures saturation on CPUs without VNNI")),
    ),
    "quantization.reduce_range": KnobText(
        "Reduce range",
        "Whether weights use 7 bits, so that products can't saturate on CPUs without VNNI.",
        _switch("7 bits", "all 8 bits"),
    ),
    "quantization.symmetric_activations": KnobText(
        "Symmetric activations",
        "Whether an activation's range lies evenly around 0, as some targets need.",
        _switch("evenly around 0", "as the values lie"),
    ),
    "quantization.op_types": KnobText(
        "Operators", "The ONNX operators that are quantized; what isn't named stays in float."
    ),
    "quantization.float_layers": KnobText(
        "Layers in float", "Names of nodes, or patterns such as /model.22/*, that stay in float."
    ),
}
"""By key, in the order they are shown."""
