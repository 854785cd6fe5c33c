"""A scheme: everything about an INT8 model that the frames don't decide."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

IntegerType = Literal["uint8", "int8"]
PRECISE = ("session.x64quantprecision", "1")
"""The session entry with which onnxruntime's x64 kernels add products in 32 bits also without VNNI."""
_CPUS = {"vnni": "an x86 CPU with VNNI", "avx2": "an x86 CPU without VNNI", "arm": "an ARM CPU"}


@dataclass(frozen=True, slots=True)
class Scheme:
    """How activations and weights become integers, and how such a model is run to judge it.

    `quantize_outputs`: Q/DQ also behind the quantized nodes, which onnxruntime's CPU kernels need to compute in
    integers; without it only inputs and weights are rounded, as TensorRT and OpenVINO want it. `residual_adds`: also
    the inputs of residual sums, see `residual_inputs`. `float_patterns`: globs of node names that stay in float.
    `simulate`: the target's arithmetic is judged by running the Q/DQ graph in float, with graph optimisation off.
    `cpu`: the kind of CPU that it is for, "" where the target is none. `session_config`: onnxruntime session entries
    that running it needs. `why`: one sentence a decision.
    """

    target: str
    activations: IntegerType
    weights: IntegerType
    per_channel: bool
    reduce_range: bool
    symmetric_activations: bool
    op_types: tuple[str, ...]
    quantize_outputs: bool = True
    quantize_bias: bool = True
    residual_adds: bool = False
    float_patterns: tuple[str, ...] = ()
    simulate: bool = False
    cpu: str = ""
    session_config: tuple[tuple[str, str], ...] = ()
    why: tuple[str, ...] = ()

    @property
    def levels(self) -> int:
        """Distinct values of an activation: what the clipping searches reckon with."""
        return 255 if self.symmetric_activations and self.activations == "int8" else 256

    @property
    def weight_steps(self) -> int:
        """Steps of a symmetric weight on either side of 0, as onnxruntime's quantizer has them."""
        return 64 if self.reduce_range else 127

    @property
    def saturates(self) -> bool:
        """Whether the integer kernels of its CPU don't compute what the Q/DQ graph says: x86 without VNNI adds two
        products in 16 bits."""
        wide = self.weights == "int8" and not self.reduce_range
        return self.cpu == "avx2" and wide and PRECISE not in self.session_config

    def simulation_in_words(self) -> str:
        """What a reader of figures by simulation must know, "" where there is none."""
        if not self.simulate:
            return ""
        meant = f"{_CPUS[self.cpu]}, which this machine's is not," if self.cpu else self.target
        said = f"The INT8 model for {meant} is judged by simulation in float on this machine"
        if not self.saturates:
            return f"{said}: its accuracy is the target's, its speed is not."
        return (
            f"{said}, which does not saturate as that CPU's kernels do with 8-bit weights: there it will be less "
            "accurate. Leave reduce_range to the preset."
        )

    def describe(self) -> dict[str, Any]:
        """Plain values for provenance; without the sentences, which are for people."""
        described = asdict(self)
        del described["why"]
        return described
