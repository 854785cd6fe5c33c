"""report.html of a run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from calibtui.core.summary import RunSummary
from calibtui.pipeline.context import Context
from calibtui.pipeline.judges import practice_note
from calibtui.pipeline.quantize_stage import Int8Model
from calibtui.report.data import LostFrame, ReportData, SetFrame
from calibtui.report.page import write_page


def report_path(context: Context, int8: Int8Model) -> Path:
    """Where the report on that model is: the same model, the same file."""
    return context.state / "reports" / f"{int8.path.name.removesuffix('.int8.onnx')}.html"


def write_report(
    context: Context,
    summary: RunSummary,
    int8: Int8Model,
    manifest: Mapping[str, Any],
    path: Path,
    lost: tuple[LostFrame, ...] = (),
) -> None:
    """Writes the page; `summary` has the evaluation in it."""
    chosen = [frame["difficulty"] for frame in manifest["frames"] if frame["difficulty"] is not None]
    data = ReportData(
        summary=summary,
        difficulties=context.store.scores.difficulties(manifest["prompt"], manifest["judge_models"]),
        set_difficulties=np.array(chosen, np.float64),
        frames=[
            SetFrame(
                frame["uri"], context.path_of(frame["uri"]), frame["difficulty"], tuple(frame["reasons"]), frame["why"]
            )
            for frame in manifest["frames"]
        ],
        judge_note=" ".join(filter(None, map(practice_note, manifest["judge_models"]))),
        reference_name=context.model_settings().onnx,
        int8_name=int8.path.name,
        class_names=tuple(summary.evaluation.reference.per_class) if summary.evaluation else (),
        options=_options(context, int8, manifest),
        losers=lost,
    )
    write_page(path, data)


def _options(context: Context, int8: Int8Model, manifest: Mapping[str, Any]) -> dict[str, str]:
    settings = context.settings.quantization
    options: dict[str, str] = {"target": settings.target, "calibrator": settings.calibrator}
    if settings.calibrator == "percentile":
        options["percentile"] = f"{settings.percentile:g}"
    options["calibration set"] = manifest["digest"]
    options |= {f"version of {name}": number for name, number in int8.record["versions"].items()}
    return options | {f"decision {number}": why for number, why in enumerate(int8.record["why"], 1)}
