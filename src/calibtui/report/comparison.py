"""The rows of the comparison: AP of the float model and of the INT8 model, overall and class by class."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from calibtui.core.summary import EvaluationSummary


@dataclass(frozen=True, slots=True)
class ApRow:
    """One AP of both models, fractions in [0, 1], NaN where there is no ground truth to measure on."""

    name: str
    reference: float
    int8: float

    @property
    def change(self) -> float:
        """int8 − reference in percentage points: negative where INT8 loses; NaN where either is not known."""
        return 100 * (self.int8 - self.reference)


def overall_rows(evaluation: EvaluationSummary) -> tuple[ApRow, ...]:
    """mAP over all IoUs, at 0.50 and 0.75, and by the size of the objects, in the order in which COCO lists them; last
    that of masks or keypoints, where there are such."""
    reference, int8 = evaluation.reference, evaluation.int8
    rows = (
        ApRow("mAP 50–95", reference.map, int8.map),
        ApRow("mAP 50", reference.map50, int8.map50),
        ApRow("mAP 75", reference.map75, int8.map75),
        ApRow("small objects", reference.map_small, int8.map_small),
        ApRow("medium objects", reference.map_medium, int8.map_medium),
        ApRow("large objects", reference.map_large, int8.map_large),
    )
    shapes = evaluation.shapes
    if shapes is None:
        return rows
    return (
        *rows,
        ApRow(f"{shapes.kind} 50–95", shapes.reference_map, shapes.int8_map),
        ApRow(f"{shapes.kind} 50", shapes.reference_map50, shapes.int8_map50),
    )


def class_rows(evaluation: EvaluationSummary, names: Sequence[str] = ()) -> tuple[ApRow, ...]:
    """A row for each class of `names` and of either model, the one that lost most first, unknown ones last."""
    reference, int8 = evaluation.reference.per_class, evaluation.int8.per_class
    every = dict.fromkeys((*names, *reference, *int8))
    return _worst_first(ApRow(name, reference.get(name, math.nan), int8.get(name, math.nan)) for name in every)


def most_changed(rows: Sequence[ApRow], count: int) -> tuple[ApRow, ...]:
    """The `count` rows with the largest change in either direction, the one that lost most first."""
    largest = sorted(rows, key=lambda row: -1.0 if math.isnan(row.change) else abs(row.change), reverse=True)
    return _worst_first(largest[:count])


def _worst_first(rows: Iterable[ApRow]) -> tuple[ApRow, ...]:
    return tuple(sorted(rows, key=lambda row: math.inf if math.isnan(row.change) else row.change))


def speed_up(evaluation: EvaluationSummary) -> float:
    """How many times as fast as the float model the INT8 model is; NaN where either time is not known."""
    reference, int8 = evaluation.reference.ms_per_frame, evaluation.int8.ms_per_frame
    return reference / int8 if reference > 0 and int8 > 0 else math.nan


def size_ratio(evaluation: EvaluationSummary) -> float:
    """Size of the INT8 file as a share of the float file's; NaN where either is not known."""
    reference, int8 = evaluation.reference.size_bytes, evaluation.int8.size_bytes
    return int8 / reference if reference > 0 and int8 > 0 else math.nan
