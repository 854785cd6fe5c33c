"""The search: remedies and layers in float by output error, a veto for mAP on the search split, within a budget of
time.

On some forty annotated frames the drops of two nearly equal recipes differ by a point of chance, so that whoever takes
the first of many that looks good takes a lucky one. The output error has next to no chance in it. It decides how many
layers stay in float: as many as bring the drop that it lets expect far below the limit, or as the error clearly falls
with, inside the share that may be in float. Where so many frames are annotated that chance is small beside the limit,
the measured drop decides instead.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from calibtui.detector.detector import Detector
from calibtui.evaluation.bootstrap import paired_drop
from calibtui.evaluation.coco import Matches, match, mean_ap
from calibtui.pipeline.context import Context
from calibtui.pipeline.detection_pass import detect_all
from calibtui.pipeline.evaluation_set import EvaluationSet, scenes_of
from calibtui.pipeline.search.book import Measured, Measures, TrialBook
from calibtui.pipeline.search.confidence import SMALL_CHANCE, error_with_margin, probability_within
from calibtui.pipeline.search.errors import ErrorJob
from calibtui.pipeline.search.float_layers import fewest_that_hold, path_to_float, ranked_units
from calibtui.pipeline.search.layer_errors import LayerErrors
from calibtui.pipeline.search.materials import Materials
from calibtui.pipeline.search.recipe import Recipe
from calibtui.pipeline.search.remedies import best_remedies, remedies_tried_again
from calibtui.pipeline.search.split import Split
from calibtui.pipeline.workers.kit import Crew, Done
from calibtui.quantization.groups import groups
from calibtui.store.trials import TrialRow

EVALUATIONS = 40
"""What a search may take, in evaluations of the float model on all evaluation frames."""
FOR_REMEDIES, FOR_RANKING, FOR_ALL = 0.25, 0.5, 0.65
"""Shares of that after which no new measurement of a step begins; the rest is for what began before."""
SURE = 0.9
"""How probable a drop within the limit must be."""
CLEARLY = 1.01
"""Layers in float that take less than this off the error, taken together, aren't worth their time."""
REPLICATES = 200
LEAST_UNIT_S = 0.5
"""An evaluation of a small model takes less; a search of half a minute is nothing to be spared."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a search came to. `held`: the limit holds on the search split, surely enough. `trials`: all rows."""

    recipe: Recipe
    row: TrialRow
    held: bool
    trials: tuple[TrialRow, ...]
    reference_map: float


class Search:
    """For the recipe with the most multiply-adds in INT8 whose drop stays within `limit` points."""

    def __init__(
        self,
        context: Context,
        detector: Detector,
        materials: Materials,
        crew: Crew[ErrorJob, float],
        split: Split,
        limit: float,
        key: str,
    ) -> None:
        self._context, self._detector, self._materials, self._crew = context, detector, materials, crew
        self._frames = split.search
        self._total = len(split.search.frames) + len(split.report.frames)
        self._limit = limit
        self._reference, measured_s = self._float_matches()
        self._reference_map = mean_ap(self._reference).map
        self._layers = LayerErrors(context.state / "searches" / f"{key[:16]}.json")
        self._unit_s = self._layers.unit_s(measured_s)
        measures = Measures(
            lambda recipes: self._errors([materials.error_job(recipe) for recipe in recipes]),
            self._measure,
            lambda recipe: materials.share(recipe.float_nodes),
            lambda recipe: len(materials.in_float(recipe.float_nodes)),
        )
        self._book = TrialBook(context, key, measures)

    @property
    def evaluation_s(self) -> float:
        """One evaluation of the float model on all evaluation frames, s."""
        return self._unit_s

    def run(self, first: Recipe) -> Found:
        """Searches on from `first`, the recipe of the settings. Raises InterruptedByUser; rows are kept."""
        best = best_remedies(
            first,
            self._book.error,
            can_equalize=self._materials.can_equalize,
            can_unround=self._materials.can_unround,
            can_clip=lambda: self._materials.can_clip_behind_activations,
            affordable=self._within(FOR_REMEDIES),
            expect=self._book.expect,
        )
        row = self._book.measured(best)
        if self._enough(row) and self._holds(row):
            return self._found(best, row, held=True)
        return self._with_layers_in_float(best)

    def _with_layers_in_float(self, best: Recipe) -> Found:
        floats = self._steps(best)
        last = remedies_tried_again(
            replace(best, float_nodes=floats[-1]),
            self._book.error,
            can_unround=self._materials.can_unround,
            can_scale=self._materials.can_scale_by_channel,
            affordable=self._within(FOR_ALL),
        )
        steps = [replace(last, float_nodes=nodes) for nodes in floats]
        chosen = self._by_drop(steps) if self._decided_by_drop(best) else self._by_error(steps)
        tried = list(dict.fromkeys((chosen, len(steps) - 1)))
        for step in tried:
            row = self._book.measured(steps[step])
            if self._holds(row):
                return self._found(steps[step], row, held=True)
        # None holds: the smaller output error says more than mAP figures that are chance to a good part.
        recipe = min((steps[step] for step in tried), key=self._book.error)
        return self._found(recipe, self._book.measured(recipe), held=False)

    def _by_error(self, steps: Sequence[Recipe]) -> int:
        """The fewest layers in float with the margin, or else with next to the smallest error that can be had."""
        goal = max(error_with_margin(self._limit, self._reference_map), CLEARLY * self._book.error(steps[-1]))
        return self._fewest(steps, lambda step: self._book.error(steps[step]) <= goal)

    def _by_drop(self, steps: Sequence[Recipe]) -> int:
        """The fewest layers in float with which the drop on the search split holds."""
        return self._fewest(steps, lambda step: self._holds(self._book.measured(steps[step])))

    def _fewest(self, steps: Sequence[Recipe], holds: Callable[[int], bool]) -> int:
        chosen = fewest_that_hold(len(steps), holds, self._within(FOR_ALL))
        return len(steps) - 1 if chosen is None else chosen

    def _steps(self, recipe: Recipe) -> list[tuple[str, ...]]:
        materials = self._materials
        kept = materials.in_float(())
        in_int8 = set(materials.multiply_adds) - kept

        def measured(parts: Sequence[Collection[str]]) -> Iterator[Done[float]]:
            return self._errors([materials.error_job_of_nodes(recipe, nodes) for nodes in parts])

        def errors(parts: Sequence[Collection[str]]) -> Iterator[float]:
            self._context.tell("quantize", 0, 0, "what each part of the model costs in INT8")
            return self._layers.of_each(recipe.digest, parts, measured)

        found = groups(materials.version_of(Recipe("minmax")).model)
        units = ranked_units(found, materials.multiply_adds, in_int8, errors, self._within(FOR_RANKING))
        return path_to_float(units, materials.multiply_adds, kept)

    def _errors(self, jobs: Sequence[ErrorJob]) -> Iterator[Done[float]]:
        """Each with its share of the time that all of them take side by side: the clock of a search is the wall's."""
        together = max(1, min(len(jobs), self._crew.size))
        for done in self._crew.finished(jobs):
            yield replace(done, seconds=done.seconds / together)

    def _measure(self, recipe: Recipe) -> Measured:
        path = self._materials.folder / f"{recipe.digest[:16]}.int8.onnx"
        made = self._materials.build(recipe, path)
        scheme = made.scheme
        try:
            precise = ("session.x64quantprecision", "1") in scheme.session_config
            detector = self._detector.with_model(path, simulate=scheme.simulate, precise=precise)
            matches, _ = self._matches(detector)
        finally:
            made.path.unlink(missing_ok=True)
            made.record.unlink(missing_ok=True)
        clusters = scenes_of(self._frames, self._context.evaluation_settings().scenes)
        drop = paired_drop(self._reference, matches, seed=0, replicates=REPLICATES, clusters=clusters)
        return Measured(mean_ap(matches).map, drop.points, (drop.high - drop.low) / 3.92)

    def _float_matches(self) -> tuple[Matches, float]:
        """Also how long one evaluation of all frames takes, s."""
        matches, seconds = self._matches(self._detector)
        return matches, max(LEAST_UNIT_S, seconds * self._total / len(self._frames.frames))

    def _matches(self, detector: Detector) -> tuple[Matches, float]:
        frames: EvaluationSet = self._frames
        done = detect_all(self._context, {"trial": detector}, frames.frames, stage="quantize")["trial"]
        truths = [frame.truth for frame in frames.frames]
        return match(done.detections, truths, len(frames.classes)), done.seconds

    def _within(self, share: float) -> Callable[[], bool]:
        allowed = share * EVALUATIONS * self._unit_s
        return lambda: self._book.spent + self._layers.spent < allowed

    def _enough(self, row: TrialRow) -> bool:
        """Whether what decides on the number of layers in float asks for no more of them."""
        return self._decides(row) or row.error <= error_with_margin(self._limit, self._reference_map)

    def _decided_by_drop(self, recipe: Recipe) -> bool:
        return self._decides(self._book.measured(recipe))

    def _decides(self, row: TrialRow) -> bool:
        """Whether so many frames are annotated that chance in the measured drop is small beside the limit."""
        return row.drop_sd is not None and row.drop_sd <= SMALL_CHANCE * self._limit

    def _holds(self, row: TrialRow) -> bool:
        return self._probability(row) >= SURE

    def _probability(self, row: TrialRow) -> float:
        """That the drop is within the limit."""
        return probability_within(
            self._limit, error=row.error, reference_map=self._reference_map, drop=row.drop, sd=row.drop_sd
        )

    def _found(self, recipe: Recipe, row: TrialRow, *, held: bool) -> Found:
        return Found(recipe, row, held, self._book.rows, self._reference_map)
