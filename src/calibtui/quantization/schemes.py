"""A scheme: everything about an INT8 model that the frames don't decide."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

IntegerType = Literal["uint8", "int8"]


@dataclass(frozen=True, slots=True)
class Scheme:
    """How activations and weights become integers, and how such a model is run to judge it.

    `quantize_outputs`: Q/DQ also behind the quantized nodes, which onnxruntime's CPU kernels need to compute in
    integers; without it only inputs and weights are rounded, as TensorRT and OpenVINO want it. `float_patterns`:
    globs of node names that stay in float. `simulate`: the target's arithmetic is judged by running the Q/DQ graph in
    float, with graph optimisation off. `session_config`: onnxruntime session entries that running it needs. `why`:
    one sentence a decision.
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
    float_patterns: tuple[str, ...] = ()
    simulate: bool = False
    session_config: tuple[tuple[str, str], ...] = ()
    why: tuple[str, ...] = ()

    @property
    def levels(self) -> int:
        """Distinct values of an activation: what the clipping searches reckon with."""
        return 255 if self.symmetric_activations and self.activations == "int8" else 256

    def describe(self) -> dict[str, Any]:
        """Plain values for provenance; without the sentences, which are for people."""
        described = asdict(self)
        del described["why"]
        return described
