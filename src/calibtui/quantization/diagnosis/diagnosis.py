"""The diagnosis of an INT8 model as one result: from its measurements to its findings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from calibtui.quantization.cpu import CpuFeatures
from calibtui.quantization.diagnosis.arithmetic_causes import saturating_kernels
from calibtui.quantization.diagnosis.calibrator_causes import behind_activations, other_calibrators
from calibtui.quantization.diagnosis.comparison import Comparison
from calibtui.quantization.diagnosis.effects import Effects, measured_effects
from calibtui.quantization.diagnosis.evidence import Evidence
from calibtui.quantization.diagnosis.findings import Finding, ranked
from calibtui.quantization.diagnosis.layer_causes import costly_layers, float_layers, weak_weights
from calibtui.quantization.diagnosis.layers import LayerFigures, layer_figures
from calibtui.quantization.diagnosis.metering import TensorFigures
from calibtui.quantization.diagnosis.range_causes import (
    clipped_tensors,
    outlying_channels,
    shared_ranges,
    stretching_frames,
)
from calibtui.quantization.diagnosis.trials import Feed, OneFrame, Trials, as_they_are
from calibtui.quantization.graph import graph_of
from calibtui.quantization.output_error import FloatAnswers
from calibtui.quantization.prepare import PreparedModel
from calibtui.quantization.schemes import Scheme
from calibtui.quantization.statistics import Statistics

Range = tuple[float, float]
OnStep = Callable[[int, int, str], None]
_CAUSES = (
    costly_layers,
    other_calibrators,
    behind_activations,
    shared_ranges,
    stretching_frames,
    outlying_channels,
    clipped_tensors,
    weak_weights,
    saturating_kernels,
)


@dataclass(frozen=True, slots=True)
class Subject:
    """What is diagnosed: the float model, how it is quantized, and the `statistics` that its `ranges` come from.

    `known`: errors of trials of this very subject, see Trials."""

    prepared: PreparedModel
    scheme: Scheme
    statistics: Statistics
    ranges: Mapping[str, Range]
    feed: Feed
    one_frame: OneFrame = as_they_are
    known: MutableMapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """`findings` by effect; `layers` and `figures` in graph order, over `frames` sampled frames; `effects` over
    `effect_frames` of them. `patterns`: what stays in float already, as globs."""

    findings: tuple[Finding, ...]
    layers: tuple[LayerFigures, ...]
    figures: Mapping[str, TensorFigures]
    effects: Effects
    frames: int
    effect_frames: int
    patterns: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """What it comes to."""
        culprits = self.effects.culprits
        if self.effects.error <= 0:
            return "The INT8 model answers as the float model does."
        begun = f"The INT8 model's output error is {self.effects.error:.3f}"
        if culprits is None:
            return f"{begun}; no few layers account for it: it is spread over all of them."
        count = len(culprits.layers)
        return (
            f"{begun}; with {count} of {len(self.effects.layers)} layers in float, {100 * culprits.share:.1f} % of the "
            f"multiply-adds, it is {culprits.error:.3f}: {100 * self.effects.restored(culprits):.0f} % of it goes."
        )

    @property
    def remedy(self) -> str:
        """The line of calibtui.toml that leaves the culprits in float, besides what it does already; "" where there are
        none."""
        culprits = self.effects.culprits
        return float_layers(culprits.layers, self.patterns) if culprits else ""


def diagnose(
    subject: Subject,
    sample: Iterable[NDArray[np.float32]],
    answers: FloatAnswers,
    cpu: CpuFeatures,
    *,
    named: Callable[[str], str] = str,
    threads: int = 1,
    on_step: OnStep = lambda done, total, note: None,
) -> Diagnosis:
    """Measures tensors on the prepared frames of `sample`, (1, 3, H, W) float32 each and taken one at a time, and
    effects on those of `answers`.

    `named`: a frame's digest to the name that findings use. Raises ModelError where the model can't be quantized so.
    """
    trials = Trials(
        subject.prepared,
        subject.scheme,
        subject.ranges,
        answers,
        subject.feed,
        threads,
        subject.one_frame,
        subject.known,
    )
    quantized = trials.quantized()
    comparison = Comparison(subject.prepared, quantized, threads)
    frames = 0
    for frames, tensor in enumerate(sample, start=1):
        comparison.add(subject.feed(tensor))
        on_step(frames, 0, "comparing activations")
    graph = graph_of(subject.prepared.load())
    figures = comparison.figures
    layers = layer_figures(graph, quantized, figures)
    names, shares = [each.name for each in layers], {each.name: each.share for each in layers}
    effects = measured_effects(trials, names, shares, lambda done, total: on_step(done, total, "layers one by one"))
    evidence = Evidence(
        graph, subject.scheme, cpu, subject.statistics, subject.ranges, figures, layers, effects, trials, named
    )
    found: list[Finding] = []
    for number, cause in enumerate(_CAUSES, start=1):
        found += cause(evidence)
        on_step(number, len(_CAUSES), "trying remedies")
    return Diagnosis(ranked(found), layers, figures, effects, frames, len(answers), subject.scheme.float_patterns)
