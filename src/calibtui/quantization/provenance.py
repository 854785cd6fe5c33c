"""What an INT8 model was made of: in its own metadata and in a JSON beside it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import onnx

from calibtui.core.digests import canonical_json
from calibtui.core.files import written_whole

PREFIX = "calibtui."
PACKAGES = ("calibtui", "numpy", "onnx", "onnxruntime")


@dataclass(frozen=True, slots=True)
class Provenance:
    """`set_digest`: of the calibration set. `calibrator`: by name. `options`: what else the caller wants on record,
    plain values. Nothing that changes from run to run, a time above all: the same inputs give the same bytes.
    """

    set_digest: str
    calibrator: str
    frames: int
    options: Mapping[str, Any] = field(default_factory=dict)


def versions() -> dict[str, str]:
    """Of the packages whose arithmetic or format is in the file."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "unknown"
    return found


def stamp(model: onnx.ModelProto, facts: Mapping[str, Any]) -> None:
    """Puts `facts` into metadata_props, one calibtui.* key each: text as it is, anything else as canonical JSON."""
    kept = [(entry.key, entry.value) for entry in model.metadata_props if not entry.key.startswith(PREFIX)]
    del model.metadata_props[:]
    for key, value in kept:
        model.metadata_props.add(key=key, value=value)
    for key, value in sorted(facts.items()):
        model.metadata_props.add(
            key=PREFIX + key, value=value if isinstance(value, str) else canonical_json(value).decode()
        )


def read_stamp(model: onnx.ModelProto) -> dict[str, str]:
    """The calibtui.* metadata of a model, without the prefix."""
    return {e.key.removeprefix(PREFIX): e.value for e in model.metadata_props if e.key.startswith(PREFIX)}


def beside(target: Path) -> Path:
    """Where the record of the model `target` lies."""
    return target.with_name(f"{target.stem}.provenance.json")


def write_record(target: Path, facts: Mapping[str, Any]) -> Path:
    """Writes `facts` beside the model `target`; returns where. Raises WorkspaceUnwritableError."""
    path = beside(target)
    with written_whole(path) as part:
        part.write_text(json.dumps(facts, indent=1, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")
    return path
