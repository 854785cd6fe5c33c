"""What a run did, stage by stage, and its JSON form: other people's scripts hold on to these names.

mAP figures are fractions in [0, 1]; `points` are percentage points; money is EUR here and nowhere else a float.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from calibtui.core.money import eur

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class PoolSummary:
    """`frames`: readable files, exact duplicates among them; `duplicates`: those beyond the first of their digest."""

    frames: int
    unreadable: int
    duplicates: int


@dataclass(frozen=True, slots=True)
class BudgetLine:
    """A node of the budget tree, in micro-EUR."""

    node: str
    cap: int
    spent: int
    held: int


@dataclass(frozen=True, slots=True)
class ScoringSummary:
    """`scored` frames have a score now, cache hits among them; scored + failed + remaining are all distinct frames.
    `spent` and `held` are micro-EUR of this run. `stopped_by`: None, "budget", "failures" or "interrupt"."""

    judge: str
    model: str
    prompt: str
    scored: int
    failed: int
    remaining: int
    exact_hits: int
    similar_hits: int
    calls: int
    retries: int
    seconds: float
    spent: int
    held: int = 0
    budgets: tuple[BudgetLine, ...] = ()
    shards: tuple[str, ...] = ()
    stopped_by: str | None = None


@dataclass(frozen=True, slots=True)
class SelectionSummary:
    """`size` is how many frames the set holds; `manifest` its path; `digest` begins with "sha256:"."""

    strategy: str
    size: int
    seed: int
    manifest: str
    digest: str


@dataclass(frozen=True, slots=True)
class TrialLine:
    """A trial of a search for INT8 settings: `int8_multiply_adds` is their share in INT8, [0, 1]; `error` of the
    outputs, 0 where they are equal; `drop` in points on the search split, None where it was not measured."""

    what: str
    int8_multiply_adds: float
    float_layers: int
    error: float
    drop: float | None
    chosen: bool = False


@dataclass(frozen=True, slots=True)
class SearchSummary:
    """`frames` of the search split, which no reported figure is of; `held`: whether the limit holds there, surely
    enough; `evaluations`: what the search took, in evaluations of the float model. `recipe` is in words."""

    recipe: str
    frames: int
    held: bool
    evaluations: float
    trials: tuple[TrialLine, ...]


@dataclass(frozen=True, slots=True)
class QuantizationSummary:
    """`seconds` of the whole stage, `inference_seconds` of them inside the float model; `float_layers`: node names;
    `int8_multiply_adds`: the share of multiply-adds in INT8, [0, 1], None where it is not known; `search`: None where
    there was none."""

    model: str
    target: str
    calibrator: str
    frames: int
    seconds: float
    inference_seconds: float
    peak_rss_mib: int
    float_layers: tuple[str, ...]
    int8_multiply_adds: float | None = None
    search: SearchSummary | None = None


@dataclass(frozen=True, slots=True)
class ModelFigures:
    """One model on the evaluation set. AP of a class without ground truth is NaN here and null in the JSON.
    `size_bytes` of the file; `ms_per_frame`: median time of one inference on this machine."""

    map: float
    map50: float
    map75: float
    map_small: float
    map_medium: float
    map_large: float
    per_class: Mapping[str, float]
    size_bytes: int
    ms_per_frame: float


@dataclass(frozen=True, slots=True)
class SplitSummary:
    """Evaluation frames by side, and the file that tells which is where."""

    search: int
    report: int
    seed: int
    file: str


@dataclass(frozen=True, slots=True)
class ShapesSummary:
    """Masks or keypoints (`kind`) beside the boxes: mAP as fractions by mask IoU or keypoint similarity, the drop in
    points with its 95 % interval."""

    kind: str
    reference_map: float
    reference_map50: float
    int8_map: float
    int8_map50: float
    drop: float
    low: float
    high: float
    verdict: str


@dataclass(frozen=True, slots=True)
class EvaluationSummary:
    """`drop` is reference − int8 in percentage points with its 95 % interval `low`, `high`; `verdict` says it in
    words. `split`: how many frames a search looked at and how many these figures are of, None where no search was.
    `shapes`: None where the model gives boxes alone, or they alone are annotated."""

    frames: int
    reference: ModelFigures
    int8: ModelFigures
    drop: float
    low: float
    high: float
    verdict: str
    report: str
    split: SplitSummary | None = None
    shapes: ShapesSummary | None = None


@dataclass(frozen=True, slots=True)
class OutputLine:
    """One output tensor: `sqnr` in dB, `relative` the power of the error over that of the signal, `largest` difference
    of an element in the tensor's own unit; nan where the tensor could not be `compared`."""

    name: str
    compared: bool
    sqnr: float
    relative: float
    largest: float


@dataclass(frozen=True, slots=True)
class OutputsSummary:
    """Float against INT8 where outputs are not decoded, over `frames` of `source` ("evaluation" or "pool"). Median ms
    of one inference on this machine."""

    frames: int
    source: str
    tensors: tuple[OutputLine, ...]
    reference_bytes: int
    int8_bytes: int
    reference_ms: float
    int8_ms: float


@dataclass(frozen=True, slots=True)
class RunSummary:
    """A run as far as it came. `notes` are sentences that a reader of the figures must know. `outputs` stands in for
    `evaluation` where the model's outputs are not decoded."""

    workspace: str
    run: str
    pool: PoolSummary | None = None
    scoring: ScoringSummary | None = None
    selection: SelectionSummary | None = None
    quantization: QuantizationSummary | None = None
    evaluation: EvaluationSummary | None = None
    notes: tuple[str, ...] = field(default=())
    outputs: OutputsSummary | None = None

    def as_json(self) -> dict[str, Any]:
        """The object that `--json` prints; a stage that did not run is absent."""
        stages = {
            "pool": asdict(self.pool) if self.pool else None,
            "scoring": _scoring(self.scoring) if self.scoring else None,
            "selection": asdict(self.selection) if self.selection else None,
            "quantization": _quantization(self.quantization) if self.quantization else None,
            "evaluation": _evaluation(self.evaluation) if self.evaluation else None,
            "outputs": _outputs(self.outputs) if self.outputs else None,
        }
        ran = {name: stage for name, stage in stages.items() if stage is not None}
        return {"schema": SCHEMA, "workspace": self.workspace, "run": self.run, **ran, "notes": list(self.notes)}


def _scoring(scoring: ScoringSummary) -> dict[str, Any]:
    return {
        "judge": scoring.judge,
        "model": scoring.model,
        "prompt": scoring.prompt,
        "scored": scoring.scored,
        "failed": scoring.failed,
        "remaining": scoring.remaining,
        "cache_hits": {"exact": scoring.exact_hits, "similar": scoring.similar_hits},
        "calls": scoring.calls,
        "retries": scoring.retries,
        "seconds": round(scoring.seconds, 3),
        "spent_eur": eur(scoring.spent),
        "held_eur": eur(scoring.held),
        "budgets": [
            {"node": b.node, "cap_eur": eur(b.cap), "spent_eur": eur(b.spent), "held_eur": eur(b.held)}
            for b in scoring.budgets
        ],
        "shards": list(scoring.shards),
        "stopped_by": scoring.stopped_by,
    }


def _quantization(quantization: QuantizationSummary) -> dict[str, Any]:
    stage = asdict(quantization)
    stage["float_layers"] = list(quantization.float_layers)
    stage["seconds"] = round(quantization.seconds, 3)
    stage["inference_seconds"] = round(quantization.inference_seconds, 3)
    if quantization.search is not None:
        stage["search"]["trials"] = [asdict(trial) for trial in quantization.search.trials]
    return {name: value for name, value in stage.items() if value is not None}


def _evaluation(evaluation: EvaluationSummary) -> dict[str, Any]:
    split = {"split": asdict(evaluation.split)} if evaluation.split else {}
    return {
        **split,
        "frames": evaluation.frames,
        "reference": _figures(evaluation.reference),
        "int8": _figures(evaluation.int8),
        "drop": {"points": _number(evaluation.drop), "ci95": [_number(evaluation.low), _number(evaluation.high)]},
        "verdict": evaluation.verdict,
        **({"shapes": _shapes(evaluation.shapes)} if evaluation.shapes else {}),
        "report": evaluation.report,
    }


def _outputs(outputs: OutputsSummary) -> dict[str, Any]:
    return {
        "frames": outputs.frames,
        "source": outputs.source,
        "reference": {"size_bytes": outputs.reference_bytes, "ms_per_frame": outputs.reference_ms},
        "int8": {"size_bytes": outputs.int8_bytes, "ms_per_frame": outputs.int8_ms},
        "tensors": [
            {
                "name": line.name,
                "compared": line.compared,
                "equal": line.compared and line.relative == 0,
                "sqnr_db": _finite(line.sqnr),
                "relative_error": _finite(line.relative),
                "largest_difference": _finite(line.largest),
            }
            for line in outputs.tensors
        ],
    }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _shapes(shapes: ShapesSummary) -> dict[str, Any]:
    return {
        "kind": shapes.kind,
        "reference": {"map": _number(shapes.reference_map), "map50": _number(shapes.reference_map50)},
        "int8": {"map": _number(shapes.int8_map), "map50": _number(shapes.int8_map50)},
        "drop": {"points": _number(shapes.drop), "ci95": [_number(shapes.low), _number(shapes.high)]},
        "verdict": shapes.verdict,
    }


def _figures(figures: ModelFigures) -> dict[str, Any]:
    stage = asdict(figures)
    stage["per_class"] = {name: _number(value) for name, value in figures.per_class.items()}
    return {name: _number(value) if isinstance(value, float) else value for name, value in stage.items()}


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value
