"""A run with every stage, as the reports are given it, and the frames of its set as real files."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from calibtui.core.summary import (
    BudgetLine,
    EvaluationSummary,
    ModelFigures,
    PoolSummary,
    QuantizationSummary,
    RunSummary,
    ScoringSummary,
    SelectionSummary,
)
from calibtui.report.page import ReportData, SetFrame


def figures(per_class: Mapping[str, float], size_bytes: int, ms_per_frame: float) -> ModelFigures:
    known = [value for value in per_class.values() if not math.isnan(value)]
    mean = sum(known) / len(known) if known else math.nan
    return ModelFigures(
        mean, mean + 0.1, mean + 0.05, math.nan, mean, mean, per_class, size_bytes=size_bytes, ms_per_frame=ms_per_frame
    )


@dataclass(frozen=True)
class Reports:
    """Makes summaries and report data that differ from an ordinary run only in what a test names."""

    directory: Path

    def summary(
        self,
        reference: Mapping[str, float] | None = None,
        int8: Mapping[str, float] | None = None,
        *,
        drop: tuple[float, float, float] = (1.3, 0.4, 2.2),
        verdict: str = "INT8 loses 1.3 points [0.4, 2.2]",
        model: str = "gpt-4o",
        notes: tuple[str, ...] = (),
        report: str = "report.html",
        stopped_by: str | None = None,
    ) -> RunSummary:
        reference = reference or {"scratch": 0.641, "pit": 0.482, "stain": 0.903, "dent": math.nan}
        int8 = int8 or {"scratch": 0.590, "pit": 0.493, "stain": 0.903, "dent": math.nan}
        budgets = (BudgetLine("team/marco", 200_000_000, 12_345_678, 0),)
        return RunSummary(
            workspace="wheel-line",
            run="run-7",
            pool=PoolSummary(600, 4, 12),
            scoring=ScoringSummary(
                "vlm", model, "difficulty@1", 585, 3, 0, 120, 0, 465, 2, 63.2, 412_345, 0, budgets, (), stopped_by
            ),
            selection=SelectionSummary("hardest", 64, 0, "sets/hardest.json", "sha256:" + "0123456789abcdef" * 4),
            quantization=QuantizationSummary(
                "models/int8.onnx", "ort-cpu", "percentile", 64, 48.3, 35.1, 412, ("Conv_7",)
            ),
            evaluation=EvaluationSummary(
                300,
                figures(reference, 12_345_678, 14.2),
                figures(int8, 3_456_789, 9.7),
                *drop,
                verdict=verdict,
                report=report,
            ),
            notes=notes,
        )

    def frames(self, count: int, paint: Callable[[int], np.ndarray] | None = None) -> list[SetFrame]:
        """`count` frames of falling difficulty; their files exist, at most 128 different ones."""
        made = []
        for index in range(count):
            path = self.directory / f"frame-{index % 128}.jpg"
            if not path.exists():
                pixels = paint(index) if paint else np.full((48, 64, 3), 40 + index, np.uint8)
                Image.fromarray(pixels).save(path, quality=95)
            made.append(SetFrame(f"pool/{index:04d}.jpg", path, 1 - index / count, ("low contrast",), "hardest"))
        return made

    def data(self, summary: RunSummary | None = None, frames: list[SetFrame] | None = None, **others) -> ReportData:
        frames = self.frames(4) if frames is None else frames
        known = [frame.difficulty for frame in frames if frame.difficulty is not None]
        return ReportData(
            summary=summary or self.summary(),
            difficulties=np.linspace(0, 1, 600),
            set_difficulties=np.array(known, np.float64),
            frames=frames,
            **others,
        )


@pytest.fixture
def reports(tmp_path: Path) -> Reports:
    return Reports(tmp_path)
