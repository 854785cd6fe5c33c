"""Pascal VOC: one .xml a frame (the VOC 2007 development kit's annotation format)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from calibtui.core.boxes import Annotations
from calibtui.core.errors import AnnotationError
from calibtui.pool.boxes import Corners, checked, same_size
from calibtui.pool.categories import map_categories
from calibtui.pool.ground_truth import Objects
from calibtui.pool.label_files import read_label

SizeOf = Callable[[str], tuple[int, int] | None]


@dataclass(frozen=True, slots=True)
class _Object:
    name: str
    box: Corners
    difficult: bool


@dataclass(frozen=True, slots=True)
class _Frame:
    size: tuple[float, float]
    objects: list[_Object]


def load_voc(labels: Mapping[str, Path], where: str, size_of: SizeOf, classes: tuple[str, ...] | None) -> Annotations:
    """Ground truth from `labels` (frame uri: its .xml).

    VOC counts pixels from 1 and includes the last one, so xmin 1 and xmax W cover a frame of width W: 1 is taken off
    xmin and ymin. Boxes are clipped to their frame. `difficult` objects are neither rewarded nor punished, as VOC's
    own evaluation leaves them: they become `crowd`. Without the model's class names, classes are numbered in the
    alphabetical order of the names. Raises AnnotationError as `load_annotations` says."""
    frames = {uri: _frame(path) for uri, path in labels.items()}
    used = sorted({found.name for frame in frames.values() for found in frame.objects})
    mapped = map_categories(where, {name: name for name in used}, used, classes)
    by_uri = {}
    for uri, frame in frames.items():
        path, size = str(labels[uri]), size_of(uri)
        same_size(path, uri, frame.size, size)
        objects = Objects()
        for number, found in enumerate(frame.objects, 1):
            box = checked(path, f"object {number} ({found.name})", found.box, size, clip=True)
            objects.add(box, mapped.index[found.name], crowd=found.difficult)
        by_uri[uri] = objects.ground_truth()
    return Annotations(mapped.classes, by_uri)


def _frame(path: Path) -> _Frame:
    data = read_label(path)
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        raise AnnotationError(f"{path} declares a document type or entities.", "VOC files need none; remove them.")
    try:
        root = ElementTree.fromstring(data)
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise AnnotationError(f"{path} is not XML: {error}.", "Export the annotations again.") from error
    if root.tag != "annotation":
        raise AnnotationError(
            f"{path} is not a VOC annotation: its root is <{root.tag[:40]}>.", "It must be <annotation>."
        )
    size = (_number(path, root, "size/width", 0.0), _number(path, root, "size/height", 0.0))
    return _Frame(size, [_object(path, number, item) for number, item in enumerate(root.findall("object"), 1)])


def _object(path: Path, number: int, item: ElementTree.Element) -> _Object:
    name = (item.findtext("name") or "").strip()
    if not name:
        raise AnnotationError(f"{path}: object {number} has no name.", "Name its class.")
    x1, y1, x2, y2 = (_number(path, item, f"bndbox/{key}", None, number) for key in ("xmin", "ymin", "xmax", "ymax"))
    difficult = _number(path, item, "difficult", 0.0, number) != 0
    if x2 < x1 or y2 < y1:
        raise AnnotationError(
            f"{path}: object {number} ({name}) has its corners the wrong way round.", "xmin <= xmax and ymin <= ymax."
        )
    return _Object(name, (x1 - 1, y1 - 1, x2, y2), difficult)


def _number(path: Path, item: ElementTree.Element, key: str, default: float | None, number: int | None = None) -> float:
    text = (item.findtext(key) or "").strip()
    if not text and default is not None:
        return default
    try:
        return float(text)
    except ValueError as error:
        what = f"object {number}: " if number else ""
        raise AnnotationError(
            f"{path}: {what}{key} is {text[:40]!r}, not a number.", "Correct this annotation."
        ) from error
