"""All that findings are drawn from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

from calibtui.quantization.cpu import CpuFeatures
from calibtui.quantization.diagnosis.effects import Effects
from calibtui.quantization.diagnosis.layers import LayerFigures
from calibtui.quantization.diagnosis.metering import TensorFigures
from calibtui.quantization.diagnosis.trials import Trials
from calibtui.quantization.graph import Graph
from calibtui.quantization.schemes import Scheme
from calibtui.quantization.statistics import Statistics

Range = tuple[float, float]


@dataclass(frozen=True)
class Evidence:
    """`figures` by rounded tensor, `layers` in graph order, `ranges` in use; `named`: a frame's digest to what people
    call it."""

    graph: Graph
    scheme: Scheme
    cpu: CpuFeatures
    statistics: Statistics
    ranges: Mapping[str, Range]
    figures: Mapping[str, TensorFigures]
    layers: tuple[LayerFigures, ...]
    effects: Effects
    trials: Trials
    named: Callable[[str], str]

    @property
    def whole(self) -> float:
        """Output error of the INT8 model as it is."""
        return self.effects.error

    @cached_property
    def alone(self) -> dict[str, float]:
        """Output error with one layer alone quantized, by layer."""
        return {each.layer: each.alone for each in self.effects.layers}

    def touching(self, tensors: Mapping[str, object] | set[str]) -> tuple[str, ...]:
        """The layers that read or give one of `tensors`, in graph order."""
        return tuple(each.name for each in self.layers if each.reads in tensors or each.gives in tensors)
