"""The files that calibtui.toml names must be there; a missing one is named with its key and its nearest neighbour."""

from __future__ import annotations

import glob
from pathlib import Path

from calibtui.core.errors import SettingsError
from calibtui.workspace.reading import Place, nearest
from calibtui.workspace.settings import Settings

_FRAMES = "Put the frames there, or write where they are"
_ANNOTATIONS = "Put the annotations there, or write where they are"
_DETECTOR = (
    "Put the detector's ONNX file there, or write where it is; without [model], scoring and selecting still work"
)
_NAMES = 'Put the file of names there, or write "auto"'


def check_paths(settings: Settings) -> None:
    """Raises SettingsError for the first path of the settings that names nothing."""
    place = Place(settings.file)
    for item in settings.pool.images:
        _check(settings.root, item, place.under("pool").under("images"), _FRAMES)
    if settings.pool.annotations is not None:
        _check(settings.root, settings.pool.annotations, place.under("pool").under("annotations"), _ANNOTATIONS)
    if settings.model is not None:
        _check(settings.root, settings.model.onnx, place.under("model").under("onnx"), _DETECTOR)
        if isinstance(settings.model.classes, str) and settings.model.classes != "auto":
            _check(settings.root, settings.model.classes, place.under("model").under("classes"), _NAMES)
    if settings.evaluation is not None:
        for item in settings.evaluation.images:
            _check(settings.root, item, place.under("evaluation").under("images"), _FRAMES)
        _check(
            settings.root, settings.evaluation.annotations, place.under("evaluation").under("annotations"), _ANNOTATIONS
        )


def _check(root: Path, item: str, place: Place, remedy: str) -> None:
    if "://" in item or glob.has_magic(item):
        return
    path = root / item
    if not path.exists():
        raise _missing(path, item, place, remedy)


def _missing(path: Path, item: str, place: Place, remedy: str) -> SettingsError:
    ancestor = path.parent
    wanted = path.name
    while not ancestor.is_dir() and ancestor != ancestor.parent:
        wanted, ancestor = ancestor.name, ancestor.parent
    try:
        close = nearest(wanted, (entry.name for entry in ancestor.iterdir()))
    except OSError:
        close = ""
    hint = f"Did you mean {close}, in {ancestor}?" if close else f"Looked for {path}."
    return place.error(f"{item} does not exist.", f"{hint} {remedy}.")
