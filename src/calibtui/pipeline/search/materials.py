"""What all trials of a search share: the set is calibrated once, and the float model is asked once."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from calibtui.detector.detector import Detector
from calibtui.pipeline.calibration import CalibrationFrame, calibrate
from calibtui.pipeline.context import Context, workers
from calibtui.pipeline.frame_feed import prefetched
from calibtui.pipeline.search.errors import ErrorJob, ErrorKit, Range, Version, form_of
from calibtui.pipeline.search.recipe import Recipe
from calibtui.pipeline.workers.packed_detector import PackedDetector
from calibtui.pool.images import open_rgb
from calibtui.quantization.bias_correction import corrected_inputs
from calibtui.quantization.channel_scales import channel_bounds, scaled_by_channel
from calibtui.quantization.channels import channel_statistics
from calibtui.quantization.collector import Calibrator
from calibtui.quantization.equalization import chain_tensors, equalizations, equalize
from calibtui.quantization.graph import graph_of
from calibtui.quantization.multiply_adds import int8_share, multiply_adds
from calibtui.quantization.output_error import FloatAnswers
from calibtui.quantization.prepare import PreparedModel
from calibtui.quantization.products import KINDS, Kind, products
from calibtui.quantization.provenance import Provenance
from calibtui.quantization.quantize import QuantizedModel, quantize
from calibtui.quantization.schemes import Scheme
from calibtui.quantization.statistics import Statistics
from calibtui.quantization.tensors import nodes_in_float, tensors_to_observe
from calibtui.quantization.weight_rounding import round_well, roundings, second_moments

CHANNEL_FRAMES = 16
"""Frames whose channels are looked at: means of extremes settle long before ranges do."""
SAMPLE = 16
"""Frames without annotation that the output error of a recipe is taken on."""

Tensor = NDArray[np.float32]


class Materials:
    """Of one detector, calibration set and scheme."""

    def __init__(
        self,
        context: Context,
        detector: Detector,
        manifest: Mapping[str, Any],
        scheme: Scheme,
        prepared: PreparedModel,
        statistics: Statistics,
        frames: Sequence[CalibrationFrame],
    ) -> None:
        self.scheme = scheme
        self.folder = trial_folder(context)
        self._context, self._detector, self._manifest = context, detector, manifest
        self._frames = frames
        self._ranges: dict[Recipe, dict[str, Range]] = {}
        model = prepared.load()
        self.multiply_adds = multiply_adds(model)
        self._feeds = [detector.feed(tensor) for tensor in _tensors(detector, [f.path for f in _spread(frames)])]
        self._plain = self._version(prepared, model, chain_tensors(model), {})
        equalized, equalized_statistics = self._make_equalized()
        answers = FloatAnswers.of_detector(detector, _tensors(detector, _unlabelled(context, frames)))
        packed = PackedDetector.of(detector)
        self.kit = ErrorKit(scheme, packed, self._plain, statistics, equalized, equalized_statistics, answers)

    @property
    def can_equalize(self) -> bool:
        """Whether the model has channels that are worth it."""
        return self.kit.equalized is not None

    @property
    def can_scale_by_channel(self) -> bool:
        """Whether nodes in float read what convolutions in INT8 make."""
        return bool(self._plain.by_channel)

    @property
    def can_unround(self) -> tuple[Kind, ...]:
        """Kinds of convolutions that the model has and whose results need not be rounded."""
        graph = graph_of(self._plain.model)
        return tuple(kind for kind in KINDS if products(graph, self.scheme, (kind,)))

    @property
    def can_clip_behind_activations(self) -> bool:
        """Whether ranges behind a SiLU differ from those before it at all."""
        recipe = Recipe("minmax", equalized=self.can_equalize)
        return self.ranges_of(recipe) != self.ranges_of(
            Recipe("minmax", equalized=self.can_equalize, through_activations=True)
        )

    def version_of(self, recipe: Recipe) -> Version:
        return self.kit.version_of(recipe)

    def ranges_of(self, recipe: Recipe) -> dict[str, Range]:
        """(low, high) of every tensor that is rounded."""
        form = form_of(recipe)
        if form not in self._ranges:
            self._ranges[form] = self.kit.ranges_of(form)
        return self._ranges[form]

    def share(self, float_nodes: Collection[str]) -> float:
        """Of the multiply-adds in INT8, [0, 1]."""
        return int8_share(self.multiply_adds, self.in_float(float_nodes))

    def in_float(self, float_nodes: Collection[str]) -> frozenset[str]:
        """`float_nodes` and whatever stays in float besides."""
        kept = nodes_in_float(graph_of(self._plain.model), self.scheme, float_nodes)
        strange = {name for name in self.multiply_adds if name not in self._of_scheme()}
        return frozenset(kept) | strange

    def error_job(self, recipe: Recipe) -> ErrorJob:
        """The output error of a recipe on the sample."""
        return ErrorJob(recipe, frozenset(self.multiply_adds) - self.in_float(recipe.float_nodes))

    def error_job_of_nodes(self, recipe: Recipe, nodes: Collection[str]) -> ErrorJob:
        """What INT8 in these nodes alone costs, on a few frames."""
        return ErrorJob(recipe, frozenset(nodes) - self.in_float(()), few=True)

    def build(self, recipe: Recipe, target: Path) -> QuantizedModel:
        """Writes the INT8 model of a recipe. Raises ModelError, WorkspaceUnwritableError."""
        options = {name: value for name, value in recipe.options().items() if name != "float_nodes" and value}
        provenance = Provenance(self._manifest["digest"], recipe.calibrator, self._manifest["size"], options)
        bounds = self.ranges_of(recipe)
        prepared = self._prepared(recipe)
        return quantize(
            prepared,
            bounds,
            self.scheme,
            target,
            provenance=provenance,
            float_nodes=recipe.float_nodes,
            by_channel=self.kit.channel_bounds_of(recipe),
            kinds=recipe.products,
        )

    def _prepared(self, recipe: Recipe) -> PreparedModel:
        version = self.version_of(recipe)
        if not recipe.well_rounded:
            return version.prepared
        target = self.folder / f"{recipe.digest[:16]}.rounded.onnx"
        kept = self.in_float(recipe.float_nodes)
        means = version.channels.means
        return round_well(version.prepared, version.roundings, means, self.scheme, target, float_nodes=kept)

    def _make_equalized(self) -> tuple[Version | None, Statistics | None]:
        chosen = equalizations(self._plain.model, self._plain.channels)
        if not chosen:
            return None, None
        path = self.folder / f"{self._plain.prepared.path.stem}.equalized.onnx"
        prepared = equalize(self._plain.prepared, chosen, path)
        model = prepared.load()
        lowest = {each.chain.before: each.lowest for each in chosen}
        changed = {name for each in chosen for name in (each.chain.before, each.chain.after)}
        tensors = [name for name in tensors_to_observe(prepared, self.scheme) if name in changed]
        calibrator = Calibrator(prepared, tensors, threads=workers())
        saved = self.folder / f"{prepared.digest[:16]}.npz"
        statistics = calibrate(self._context, calibrator, self._detector, self._frames, saved).statistics
        return self._version(prepared, model, (), lowest), statistics

    def _version(
        self, prepared: PreparedModel, model: onnx.ModelProto, tensors: Sequence[str], lowest: Mapping[str, float]
    ) -> Version:
        wanted = [*tensors, *corrected_inputs(model), *scaled_by_channel(graph_of(model), self.scheme)]
        channels = channel_statistics(model, wanted, self._feeds, workers())
        bounds = channel_bounds(model, self.scheme, channels, lowest)
        moments = second_moments(model, self.multiply_adds, self._feeds, workers())
        return Version(prepared, model, channels, lowest, bounds, roundings(model, moments, self.scheme))

    def _of_scheme(self) -> set[str]:
        return {node.name for node in self._plain.model.graph.node if node.op_type in self.scheme.op_types}


def trial_folder(context: Context) -> Path:
    """Where the files of trials are for as long as a search runs."""
    return context.state / "search"


def _spread(frames: Sequence[CalibrationFrame]) -> Sequence[CalibrationFrame]:
    return frames[:: max(1, len(frames) // CHANNEL_FRAMES)][:CHANNEL_FRAMES]


def _tensors(detector: Detector, paths: Sequence[Path]) -> list[Tensor]:
    def load(path: Path) -> Tensor:
        return detector.prepare(open_rgb(path))[0]

    return [tensor for _, tensor in prefetched(paths, load, workers=workers())]


def _unlabelled(context: Context, frames: Sequence[CalibrationFrame]) -> list[Path]:
    """Frames of the pool that ranges were not read from, drawn by a hash of their digests; where the whole pool is in
    the set, some of the set."""
    used = {frame.digest for frame in frames}
    rows = [row for row in context.store.frames.usable("pool", unique=True) if row.digest not in used]
    rows.sort(key=lambda row: hashlib.sha256(f"sample {row.digest}".encode()).digest())
    drawn = [context.path_of(row.uri) for row in rows[:SAMPLE]]
    return drawn or [frame.path for frame in frames[:SAMPLE]]
