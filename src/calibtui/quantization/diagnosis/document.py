"""A diagnosis as plain values: what is printed as JSON, kept in a file, and shown wherever it is shown."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from calibtui.core.errors import ModelError
from calibtui.core.files import written_whole
from calibtui.quantization.diagnosis.diagnosis import Diagnosis
from calibtui.quantization.diagnosis.findings import Finding
from calibtui.quantization.diagnosis.layers import LayerFigures
from calibtui.quantization.diagnosis.metering import TensorFigures

SCHEMA = 1
BYTES_MOST = 64 << 20
_BARE = ("rounding_db", "sqnr_db", "clipped", "used", "low", "high", "range_low", "range_high")
_KEYS = ("sentence", "remedy", "error", "frames", "effect_frames", "findings", "layers", "tensors", "proofs")


def document_of(diagnosis: Diagnosis) -> dict[str, Any]:
    """`schema`, `sentence`, `remedy`, `error`, `frames`, `effect_frames`, `findings`, `layers`, `tensors`, `proofs`.

    A figure that does not exist is None.
    """
    alone = {each.layer: each.alone for each in diagnosis.effects.layers}
    return {
        "schema": SCHEMA,
        "sentence": diagnosis.sentence,
        "remedy": diagnosis.remedy,
        "error": _number(diagnosis.effects.error),
        "frames": diagnosis.frames,
        "effect_frames": diagnosis.effect_frames,
        "findings": [_finding(each) for each in diagnosis.findings],
        "layers": [_layer(each, alone) for each in diagnosis.layers],
        "tensors": {name: _tensor(each) for name, each in diagnosis.figures.items()},
        "proofs": [
            {"layers": list(each.layers), "error": _number(each.error), "share": _number(each.share)}
            for each in diagnosis.effects.proofs
        ],
    }


def save_document(path: Path, document: Mapping[str, Any]) -> None:
    """Writes it whole or not at all. Raises WorkspaceUnwritableError."""
    with written_whole(path) as part:
        part.write_text(json.dumps(document, allow_nan=False, indent=1) + "\n", encoding="utf-8")


def load_document(path: Path) -> dict[str, Any]:
    """What `save_document` wrote. Raises ModelError for a file that is something else, or of another schema."""
    try:
        if path.stat().st_size > BYTES_MOST:
            raise ValueError(f"it is larger than {BYTES_MOST >> 20} MiB")
        document = json.loads(path.read_bytes())
        if not isinstance(document, dict) or document.get("schema") != SCHEMA:
            raise ValueError(f"its schema is not {SCHEMA}")
        if missing := [key for key in _KEYS if key not in document]:
            raise ValueError(f"it lacks {missing[0]}")
    except FileNotFoundError:
        raise
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{path} does not hold a diagnosis: {error}", "Delete it; it is made anew.") from error
    return document


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "kind": finding.kind,
        "sentence": finding.sentence,
        "remedy": finding.remedy,
        "layers": list(finding.layers),
        "tensors": list(finding.tensors),
        "frames": list(finding.frames),
        "before": _number(finding.before),
        "after": _number(finding.after),
        "effect": _number(finding.effect),
    }


def _layer(layer: LayerFigures, alone: Mapping[str, float]) -> dict[str, Any]:
    values = {field.name: getattr(layer, field.name) for field in fields(layer)}
    plain = {name: _number(value) if isinstance(value, float) else value for name, value in values.items()}
    return plain | {"outliers": list(layer.outliers), "alone": _number(alone.get(layer.name, math.nan))}


def _tensor(figures: TensorFigures) -> dict[str, Any]:
    return {name: _number(getattr(figures, name)) for name in _BARE} | {"channels": len(figures.peaks)}


def _number(value: float) -> float | None:
    return float(f"{value:.6g}") if math.isfinite(value) else None
