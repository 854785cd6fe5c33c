"""Handing over: set manifest, INT8 model with its provenance, report, scores and frames in one directory."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any, Literal

from calibtui.core.errors import ConfigurationError
from calibtui.core.files import unwritable_named
from calibtui.selection.manifest import read_manifest
from calibtui.store.store import Store
from calibtui.workspace.settings import Settings


def export(settings: Settings, target: Path, images: Literal["none", "copy", "link"]) -> list[str]:
    """Copies what the newest run made into `target`, which must not exist; returns the names written.

    Raises ConfigurationError where there is nothing to hand over yet.
    """
    target = target.resolve()
    if target.exists():
        raise ConfigurationError(f"{target} exists already.", "Name a directory that doesn't.")
    with Store(settings.state) as store:
        set_path = store.artifacts.newest_set()
        model = store.artifacts.newest_model("int8")
    if set_path is None:
        raise ConfigurationError(f"{settings.root} has no calibration set yet.", "Run `calibtui --batch` first.")
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with unwritable_named(target):
            part.mkdir(parents=True)
            _copy(settings, settings.state / set_path, settings.state / model.path if model else None, part, images)
            part.replace(target)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return sorted(path.relative_to(target).as_posix() for path in target.rglob("*") if path.is_file())


def _copy(
    settings: Settings, manifest_path: Path, model: Path | None, target: Path, images: Literal["none", "copy", "link"]
) -> None:
    shutil.copy2(manifest_path, target / "calibration-set.json")
    if model is not None:
        shutil.copy2(model, target / model.name)
        provenance = model.with_name(f"{model.stem}.provenance.json")
        if provenance.is_file():
            shutil.copy2(provenance, target / provenance.name)
    for report in sorted((settings.state / "reports").glob("*.html"), key=lambda path: path.stat().st_mtime)[-1:]:
        shutil.copy2(report, target / "report.html")
    if images != "none":
        _copy_frames(settings, read_manifest(manifest_path), target / "frames", images)


def _copy_frames(settings: Settings, manifest: dict[str, Any], folder: Path, images: Literal["copy", "link"]) -> None:
    """Frames under their digest's beginning, so that equal names from two directories don't meet; names.json tells
    which is which."""
    folder.mkdir()
    names = {}
    for frame in manifest["frames"]:
        source = (settings.root / frame["uri"]).resolve()
        name = f"{frame['digest'][:16]}{source.suffix.lower()}"
        names[name] = frame["uri"]
        if images == "link":
            (folder / name).symlink_to(source)
        else:
            shutil.copy2(source, folder / name)
    (folder / "names.json").write_text(json.dumps(names, indent=1) + "\n", encoding="utf-8")
