"""Evaluated INT8 models beside the float one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from calibtui.core.errors import ConfigurationError
from calibtui.core.text import one_line
from calibtui.engine.queries.known_sets import record_of_model
from calibtui.engine.queries.registry import QueryContext, answers
from calibtui.engine.wire.models import Compare, Comparison, Comparisons, Figures
from calibtui.pipeline.named_sets import SHORT, shown_name
from calibtui.store.browsing import MadeModel
from calibtui.store.runs import RunRow

MOST = 100
RUNS_LOOKED_AT = 5000
MODEL_ENDING = ".int8.onnx"


@answers(Compare)
def comparisons(context: QueryContext, query: Compare) -> Comparisons:
    rows = evaluated_runs(context)[: max(0, min(query.limit, MOST))]
    models = models_by_path(context)
    names = {row.digest: shown_name(row) for row in reversed(context.store.set_names.sets())}
    made = (_comparison(context, row, models, names) for row in rows)
    return Comparisons(comparisons=tuple(each for each in made if each is not None))


def evaluated_runs(context: QueryContext) -> list[RunRow]:
    """Runs that compared two models, the newest first."""
    return [row for row in context.store.runs.newest(RUNS_LOOKED_AT) if (row.summary or {}).get("evaluation")]


def evaluated_run(context: QueryContext, run: str) -> RunRow:
    """That run, or for "" the newest. Raises ConfigurationError for one that compared nothing."""
    rows = evaluated_runs(context)
    row = next((row for row in rows if not run or row.id == run), None)
    if row is None:
        raise ConfigurationError(
            f"The run {run[:60]!r} compared no models." if run else "No models are compared yet.",
            "Run the stages quantize and evaluate.",
        )
    return row


def models_by_path(context: QueryContext) -> dict[Path, MadeModel]:
    return {context.state / made.path: made for made in reversed(context.store.browsing.models("int8"))}


def model_of_run(context: QueryContext, summary: Mapping[str, Any]) -> Path:
    """The INT8 model that the run evaluated, which its report is named after where it made none itself."""
    if quantization := summary.get("quantization"):
        return Path(quantization["model"])
    return context.state / "models" / f"{Path(summary['evaluation']['report']).stem}{MODEL_ENDING}"


def _comparison(
    context: QueryContext, row: RunRow, models: Mapping[Path, MadeModel], names: Mapping[str, str]
) -> Comparison | None:
    """None for a summary of a shape that nobody knows any more."""
    summary = row.summary or {}
    try:
        evaluation, path = summary["evaluation"], model_of_run(context, summary)
        drop, (low, high) = evaluation["drop"]["points"] or 0.0, evaluation["drop"]["ci95"]
        made = models[path].record if path in models else {}
        record = record_of_model(context, path)
        set_digest = str(record.get("set", ""))
        return Comparison(
            run=row.id,
            at=row.ended_at or row.started_at,
            model=str(path),
            set_name=names.get(set_digest, set_digest.removeprefix("sha256:")[:SHORT]),
            frames=int(evaluation["frames"]),
            target=str(made.get("target", "")),
            calibrator=str(made.get("calibrator", "")),
            float_layers=tuple(made.get("float_layers", ())),
            options=_options(record),
            reference=_figures(evaluation["reference"]),
            int8=_figures(evaluation["int8"]),
            drop=float(drop),
            low=float(drop if low is None else low),
            high=float(drop if high is None else high),
            verdict=one_line(str(evaluation.get("verdict", ""))),
            report=evaluation["report"] if Path(evaluation["report"]).is_file() else "",
            notes=tuple(map(one_line, summary.get("notes", ()))),
        )
    except (KeyError, TypeError, ValueError):
        return None


def _figures(figures: Mapping[str, Any]) -> Figures:
    return Figures(
        map=float(figures["map"] or 0.0),
        map50=float(figures["map50"] or 0.0),
        map75=float(figures["map75"] or 0.0),
        map_small=figures["map_small"],
        map_medium=figures["map_medium"],
        map_large=figures["map_large"],
        per_class=dict(figures["per_class"]),
        size_bytes=int(figures["size_bytes"]),
        ms_per_frame=float(figures["ms_per_frame"]),
    )


def _options(record: Mapping[str, Any]) -> dict[str, str]:
    """What the model was made with, as the record beside it says."""
    told = {**(record.get("scheme") or {}), **(record.get("options") or {})}
    return {str(name): _shown(value) for name, value in told.items()}


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return str(value)
