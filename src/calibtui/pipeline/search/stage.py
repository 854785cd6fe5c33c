"""The quantize stage where max_map_drop is set: the INT8 model that a search has found, or the one it found before."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from calibtui.core.summary import SearchSummary, TrialLine
from calibtui.detector.detector import Detector
from calibtui.pipeline.context import Context
from calibtui.pipeline.quantize_stage import (
    Int8Model,
    facts_of,
    int8_of,
    kept_model,
    known_model,
    model_key,
    prepared_model,
    scheme_of,
    set_frames,
    statistics_of,
)
from calibtui.pipeline.search.materials import Materials, trial_folder
from calibtui.pipeline.search.recipe import Recipe
from calibtui.pipeline.search.search import Found, Search
from calibtui.pipeline.search.split import Split, keep_split
from calibtui.pipeline.workers.opening import opened_crew

METHOD = 7
"""Raised when a search would decide otherwise: what it found before is then searched for again."""


def searched_model(
    context: Context, detector: Detector, manifest: Mapping[str, Any], split: Split, limit: float
) -> Int8Model:
    """The INT8 model with the most multiply-adds in integers whose drop on the search split is within `limit` points,
    or the best one found. Raises InterruptedByUser; what was measured is kept."""
    scheme = scheme_of(context)
    key = model_key(context, detector, manifest, scheme, _searched_by(split, limit))
    known = known_model(context, key, manifest, scheme)
    if known is not None:
        return known
    started = time.monotonic()
    context.tell("quantize", 0, manifest["size"], "preparing the model")
    keep_split(context, split)
    prepared = prepared_model(context, detector)
    calibrated = statistics_of(context, detector, manifest, scheme, prepared, histograms=True)
    frames = set_frames(context, manifest)
    try:
        materials = Materials(context, detector, manifest, scheme, prepared, calibrated.statistics, frames)
        named = detector if detector.classes else detector.with_classes(split.search.classes)
        with opened_crew(context, materials.kit) as crew:
            search = Search(context, named, materials, crew, split, limit, key)
            found = search.run(_first(context))
        context.tell("quantize", 0, 0, f"writing {found.recipe.in_words()}")
        made = materials.build(found.recipe, context.state / "models" / f"{detector.path.stem}.{key[:12]}.int8.onnx")
    finally:
        shutil.rmtree(trial_folder(context), ignore_errors=True)
    seconds = time.monotonic() - started
    record = {
        **facts_of(made, prepared, found.recipe.calibrator, manifest),
        "seconds": seconds,
        "inference_seconds": calibrated.inference_seconds,
        "search": asdict(_summary(found, split, seconds / search.evaluation_s)),
    }
    record["why"] = [*record["why"], f"Found by a search: {found.recipe.in_words()}."]
    return kept_model(context, key, made, record, manifest)


def searched_int8_of(
    context: Context, detector: Detector, manifest: Mapping[str, Any], split: Split, limit: float
) -> Int8Model:
    """The model that was found before. Raises ConfigurationError where none was."""
    return int8_of(context, detector, manifest, _searched_by(split, limit))


def _searched_by(split: Split, limit: float) -> tuple[object, ...]:
    return METHOD, split.digest, limit


def _first(context: Context) -> Recipe:
    settings = context.settings.quantization
    return Recipe(settings.calibrator, settings.percentile if settings.calibrator == "percentile" else None)


def _summary(found: Found, split: Split, evaluations: float) -> SearchSummary:
    lines = tuple(
        TrialLine(row.what, row.int8_share, row.float_nodes, row.error, row.drop, row.recipe == found.recipe.digest)
        for row in found.trials
    )
    return SearchSummary(found.recipe.in_words(), len(split.search.frames), found.held, round(evaluations, 1), lines)
