"""`calibtui stability`: how much of the scores' order comes back when a sample is asked again."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from math import isfinite
from pathlib import Path
from typing import Any

from calibtui.cli.measured import measured
from calibtui.core.money import eur
from calibtui.core.progress import OnProgress, StopFlag
from calibtui.core.text import one_line
from calibtui.pipeline.stability import Stability, measure_stability, spent_in_words
from calibtui.scoring.stability.agreement import Agreement, Interval
from calibtui.workspace.load import load_settings


def run(arguments: argparse.Namespace) -> int:
    settings = load_settings(Path(arguments.dir), arguments.set)

    def alone(on_progress: OnProgress, stop: StopFlag) -> Stability:
        return measure_stability(
            settings,
            size=arguments.sample,
            other=arguments.model,
            on_progress=on_progress,
            stop=stop,
            confirmed=arguments.yes,
        )

    options = {"sample": str(arguments.sample), "model": arguments.model or ""}
    found = measured(settings, arguments, options, Stability, alone)
    if arguments.json:
        print(json.dumps(_json(found), allow_nan=False))
        return 0
    for line in _lines(found):
        print(one_line(line))
    return 0


def _lines(measured: Stability) -> list[str]:
    same = measured.model == measured.compared_with
    asked = f"{measured.model} again" if same else f"{measured.compared_with} beside {measured.model}"
    found = measured.agreement
    lines = [
        f"{asked}: {measured.sample.sentence}",
        found.sentence,
        f"  Spearman      {found.spearman}",
        f"  Kendall       {found.kendall}",
        f"  top {found.top:<9} {found.top_overlap}",
        f"  difference    {found.difference:.3f} on average, {found.difference95:.3f} for 95 % of the frames",
    ]
    if measured.mapping is not None:
        off, off95 = measured.mapping.residual_sd, measured.mapping.residual95
        lines += [measured.mapping.sentence, f"  residual      {off:.3f}, {off95:.3f} for 95 % of the frames"]
    return [*lines, spent_in_words(measured), *measured.notes]


def _json(measured: Stability) -> dict[str, Any]:
    return {
        "schema": 1,
        "workspace": measured.workspace,
        "run": measured.run,
        "model": measured.model,
        "compared_with": measured.compared_with,
        "pass": measured.pass_number,
        "sample": {
            "frames": len(measured.sample.digests),
            "pool": measured.sample.pool,
            "strata": measured.sample.strata,
        },
        "agreement": _agreement(measured.agreement),
        "mapping": asdict(measured.mapping) if measured.mapping is not None else None,
        "failed": measured.failed,
        "calls": measured.calls,
        "spent_eur": eur(measured.spent),
        "notes": list(measured.notes),
    }


def _agreement(found: Agreement) -> dict[str, Any]:
    intervals = {name: _interval(getattr(found, name)) for name in ("spearman", "kendall", "top_overlap")}
    figures = {name: getattr(found, name) for name in ("frames", "top", "difference", "difference95", "ties")}
    return {**figures, **intervals, "sentence": found.sentence}


def _interval(interval: Interval) -> dict[str, Any]:
    return {"value": _number(interval.value), "ci95": [_number(interval.low), _number(interval.high)]}


def _number(value: float) -> float | None:
    return value if isfinite(value) else None
