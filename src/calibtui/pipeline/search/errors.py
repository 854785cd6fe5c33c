"""Output errors of recipes, in whichever process: what is needed for them, and how one is taken."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import onnx

from calibtui.pipeline.search.recipe import Recipe
from calibtui.pipeline.workers.kit import Carry
from calibtui.pipeline.workers.packed_detector import PackedDetector
from calibtui.quantization.activation_ranges import through_activations
from calibtui.quantization.channel_scales import ChannelBounds
from calibtui.quantization.channels import ChannelStatistics
from calibtui.quantization.graph import graph_of
from calibtui.quantization.output_error import FloatAnswers
from calibtui.quantization.prepare import PreparedModel
from calibtui.quantization.ranges import ranges
from calibtui.quantization.schemes import Scheme
from calibtui.quantization.simulation import simulated
from calibtui.quantization.statistics import Statistics
from calibtui.quantization.weight_rounding import Rounding, well_rounded

FEW = 6
"""Frames that the error of a single layer is taken on."""

Range = tuple[float, float]


@dataclass(frozen=True)
class Version:
    """The float model in one of the forms that recipes start from: as it is, or with equalized channels.
    `by_channel`: of the tensors that may have a scale a channel. `roundings`: of the convolutions whose weights can be
    rounded by their results."""

    prepared: PreparedModel
    model: onnx.ModelProto
    channels: ChannelStatistics
    lowest: Mapping[str, float]
    by_channel: Mapping[str, ChannelBounds]
    roundings: Mapping[str, Rounding]


@dataclass(frozen=True, slots=True)
class ErrorJob:
    """The output error of `recipe` with INT8 in `nodes` alone. `few`: on FEW frames."""

    recipe: Recipe
    nodes: frozenset[str]
    few: bool = False


@dataclass(frozen=True)
class ErrorKit:
    """Of one detector, calibration set and scheme. `answers`: the float model's on the sample."""

    scheme: Scheme
    detector: PackedDetector
    plain: Version
    statistics: Statistics
    equalized: Version | None
    equalized_statistics: Statistics | None
    answers: FloatAnswers

    def opened(self) -> Callable[[ErrorJob], float]:
        return _Errors(self).of

    def carried(self, carry: Carry) -> ErrorKit:
        return self

    def version_of(self, recipe: Recipe) -> Version:
        return self.equalized if recipe.equalized and self.equalized is not None else self.plain

    def ranges_of(self, recipe: Recipe) -> dict[str, Range]:
        """(low, high) of every tensor that is rounded."""
        found = self._read(self.statistics, recipe, self.plain)
        if recipe.equalized and self.equalized is not None and self.equalized_statistics is not None:
            found |= self._read(self.equalized_statistics, recipe, self.equalized)
        return found

    def channel_bounds_of(self, recipe: Recipe) -> Mapping[str, ChannelBounds]:
        """Of every tensor that gets a scale a channel."""
        return self.version_of(recipe).by_channel if recipe.by_channel else {}

    def _read(self, statistics: Statistics, recipe: Recipe, version: Version) -> dict[str, Range]:
        percentile = recipe.percentile or 100
        found = ranges(statistics, recipe.calibrator, percentile=percentile, scheme=self.scheme)
        if not recipe.through_activations:
            return found
        return through_activations(found, statistics, graph_of(version.model), self.scheme, version.lowest)


class _Errors:
    def __init__(self, kit: ErrorKit) -> None:
        self._kit = kit
        self._few = kit.answers.first(FEW)
        self._ranges: dict[Recipe, dict[str, Range]] = {}

    def of(self, job: ErrorJob) -> float:
        kit, recipe = self._kit, job.recipe
        version = kit.version_of(recipe)
        model = version.model
        if recipe.well_rounded:
            others = {node.name for node in model.graph.node} - job.nodes
            model = well_rounded(model, version.roundings, version.channels.means, kit.scheme, others)
        # On one thread: with more, onnxruntime's floats differ in their last bits.
        bounds = self._ranges_of(recipe)
        scales = kit.channel_bounds_of(recipe)
        session = simulated(model, bounds, kit.scheme, job.nodes, threads=1, by_channel=scales, kinds=recipe.products)
        answers = self._few if job.few else kit.answers
        return answers.error(kit.detector.with_session(session).infer).total

    def _ranges_of(self, recipe: Recipe) -> dict[str, Range]:
        form = form_of(recipe)
        if form not in self._ranges:
            self._ranges[form] = self._kit.ranges_of(form)
        return self._ranges[form]


def form_of(recipe: Recipe) -> Recipe:
    """What of a recipe decides on its ranges."""
    return replace(recipe, pointwise=False, stem=False, by_channel=False, well_rounded=False, float_nodes=())
