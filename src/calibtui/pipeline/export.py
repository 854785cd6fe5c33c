"""Handing over: a set, what was made of it, its frames and what other tools calibrate with, in one directory."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from calibtui.core.errors import ConfigurationError
from calibtui.core.files import unwritable_named
from calibtui.detector.detector import Detector
from calibtui.pipeline.coco_export import coco_document
from calibtui.pipeline.handover.write import write_handover
from calibtui.pipeline.named_sets import named_set, shown_name
from calibtui.pipeline.reader_export import FILE_NAME as READER
from calibtui.pipeline.reader_export import reader_source
from calibtui.pipeline.tensorrt_cache import tensorrt_cache
from calibtui.pool.annotations import load_annotations
from calibtui.pool.decoding import read_bytes
from calibtui.quantization.provenance import beside
from calibtui.selection.manifest import read_manifest
from calibtui.store.store import Store
from calibtui.workspace.settings import Settings

PARTS = ("manifest", "images", "links", "reader", "tensorrt-cache", "openvino", "coco", "model", "report")
FRAMES = "frames"
_WANTED: dict[str, set[str]] = {"tensorrt": {"tensorrt-cache"}, "openvino": {"openvino"}}
"""What goes with a model for that target without being asked for."""


@dataclass(frozen=True, slots=True)
class _Handed:
    """What is handed over: a set by its `name`, with its `manifest` in `path`, and the newest INT8 model of it."""

    settings: Settings
    store: Store
    name: str
    path: Path
    manifest: dict[str, Any]
    model: Path | None

    def file_names(self) -> dict[str, str]:
        """By uri: frames under their digest's beginning, so that equal names from two directories don't meet."""
        return {
            frame["uri"]: f"{frame['digest'][:16]}{Path(frame['uri']).suffix.lower()}"
            for frame in self.manifest["frames"]
        }


def parts(images: Literal["none", "copy", "link"], more: Collection[str] = ()) -> tuple[str, ...]:
    """What `calibtui export` writes: manifest, model, report, the frames as asked for, and whatever `more`."""
    frames = {"copy": ("images",), "link": ("links",), "none": ()}[images]
    return ("manifest", "model", "report", *frames, *more)


def export(settings: Settings, target: Path, what: Collection[str], name: str = "") -> list[str]:
    """`export_set` in a workspace that nobody has open."""
    with Store(settings.state) as store:
        return export_set(settings, store, target, what, name)


def export_set(settings: Settings, store: Store, target: Path, what: Collection[str], name: str = "") -> list[str]:
    """Writes `what`, of PARTS, into `target`, which must not exist; returns the names written. `name`: of a set, ""
    the newest. A reader without images brings links to them; model and report are left out where there are none. With
    the model come README.md and deployment.json, and what its target wants.

    Raises ConfigurationError where there is nothing to hand over yet, and for a frame or a float model whose file has
    changed.
    """
    if unknown := [part for part in what if part not in PARTS]:
        raise ConfigurationError(f"{unknown[0][:40]!r} can't be exported.", f"There are {', '.join(PARTS)}.")
    if "images" in what and "links" in what:
        raise ConfigurationError("Frames are either copied or linked.", "Ask for images, or for links.")
    target = target.resolve()
    if target.exists():
        raise ConfigurationError(f"{target} exists already.", "Name a directory that doesn't.")
    handed = _handed(settings, store, name)
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with unwritable_named(target):
            part.mkdir(parents=True)
            _write(handed, set(what), part)
            part.replace(target)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return sorted(path.relative_to(target).as_posix() for path in target.rglob("*") if path.is_file())


def _handed(settings: Settings, store: Store, name: str) -> _Handed:
    row = named_set(store, name)
    path = settings.state / row.manifest
    model = next(
        (
            settings.state / made.path
            for made in store.browsing.models("int8")
            if _record(settings.state / made.path).get("set") == row.digest and (settings.state / made.path).is_file()
        ),
        None,
    )
    return _Handed(settings, store, shown_name(row), path, read_manifest(path), model)


def _write(handed: _Handed, what: set[str], target: Path) -> None:
    if "openvino" in what:
        what.add("model")
        _ranges(handed)
    if "model" in what and handed.model is not None:
        what |= _WANTED.get(_record(handed.model).get("scheme", {}).get("target", ""), set())
    if "manifest" in what:
        shutil.copy2(handed.path, target / "calibration-set.json")
    if "model" in what and handed.model is not None:
        _copy_model(handed, target)
    if "report" in what and handed.model is not None:
        report = handed.settings.state / "reports" / f"{handed.model.name.removesuffix('.int8.onnx')}.html"
        if report.is_file():
            shutil.copy2(report, target / "report.html")
    if what & {"images", "links", "reader"}:
        _bring_frames(handed, target / FRAMES, copied="images" in what)
    if "reader" in what:
        text = reader_source(_detector(handed.settings), sorted(handed.file_names().values()))
        (target / READER).write_text(text, encoding="utf-8")
    if "tensorrt-cache" in what:
        (target / "calibration.cache").write_text(tensorrt_cache(_ranges(handed)), encoding="utf-8")
    if "coco" in what:
        document = _coco(handed, with_frames=bool(what & {"images", "links", "reader"}))
        (target / "coco.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    if "model" in what and handed.model is not None:
        copied = target / handed.model.name
        detector, record = _detector(handed.settings), _record(handed.model)
        write_handover(target, detector, copied, record, openvino="openvino" in what)


def _copy_model(handed: _Handed, target: Path) -> None:
    assert handed.model is not None
    shutil.copy2(handed.model, target / handed.model.name)
    if beside(handed.model).is_file():
        shutil.copy2(beside(handed.model), target / beside(handed.model).name)


def _bring_frames(handed: _Handed, folder: Path, *, copied: bool) -> None:
    """names.json tells which file is which frame."""
    folder.mkdir()
    names = handed.file_names()
    for frame in handed.manifest["frames"]:
        source = (handed.settings.root / frame["uri"]).resolve()
        data = read_bytes(source)
        if hashlib.sha256(data).hexdigest() != frame["digest"]:
            raise ConfigurationError(
                f"The frame {frame['uri']} is no longer the file that was chosen for the set {handed.name}.",
                "Put the old file back, or choose a set anew.",
            )
        if copied:
            (folder / names[frame["uri"]]).write_bytes(data)
        else:
            (folder / names[frame["uri"]]).symlink_to(source)
    told = json.dumps({file: uri for uri, file in names.items()}, indent=1) + "\n"
    (folder / "names.json").write_text(told, encoding="utf-8")


def _detector(settings: Settings) -> Detector:
    if settings.model is None:
        raise ConfigurationError(
            f"{settings.file} has no table [model], so nobody knows how the reader must prepare frames.",
            'Write [model] with onnx = "detector.onnx".',
        )
    return Detector.load(settings.model, settings.root)


def _ranges(handed: _Handed) -> dict[str, list[float]]:
    ranges = _record(handed.model).get("ranges") if handed.model is not None else None
    if not ranges:
        raise ConfigurationError(
            f"No INT8 model was made of the set {handed.name}, so its ranges aren't known.",
            "Run the stage quantize with it first.",
        )
    found: dict[str, list[float]] = ranges
    return found


def _coco(handed: _Handed, *, with_frames: bool) -> dict[str, Any]:
    rows = {row.uri: (row.width, row.height) for row in handed.store.frames.usable("pool", unique=False)}
    uris = [frame["uri"] for frame in handed.manifest["frames"]]
    where = handed.settings.pool.annotations
    annotations = load_annotations(where, handed.settings.root, list(rows), rows, None) if where is not None else None
    files = handed.file_names()
    names = {uri: f"{FRAMES}/{files[uri]}" if with_frames else uri for uri in uris}
    return coco_document(names, rows, annotations)


def _record(model: Path) -> dict[str, Any]:
    """What lies beside the model; empty where it is gone."""
    try:
        record = json.loads(beside(model).read_bytes())
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}
