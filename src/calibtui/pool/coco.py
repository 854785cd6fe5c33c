"""COCO's detection JSON (cocodataset.org, "Data format"): images, categories, and annotations with [x, y, width,
height]."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from calibtui.core.boxes import Annotations, GroundTruth
from calibtui.core.errors import AnnotationError
from calibtui.core.shapes import ShapeKind
from calibtui.pool.boxes import Corners, checked, same_size
from calibtui.pool.categories import ClassMap, map_categories
from calibtui.pool.ground_truth import Objects
from calibtui.pool.matching import match_names
from calibtui.pool.shapes import keypoints_of, mask_of

_KEYS: dict[ShapeKind, str] = {"masks": "segmentation", "keypoints": "keypoints"}
SizeOf = Callable[[str], tuple[int, int] | None]
FILE_LIMIT = 2 << 30
"""Bytes of the largest annotation file that is read."""


class _Image(msgspec.Struct):
    id: int | str
    file_name: str
    width: float | None = None
    height: float | None = None


class _Category(msgspec.Struct):
    id: int
    name: str | None = None


class _Boxed(msgspec.Struct):
    image_id: int | str
    category_id: int
    bbox: list[float]
    id: int | str | None = None
    area: float | None = None
    iscrowd: bool | int = 0


class _Annotation(_Boxed):
    # Left as they stand in the file until somebody asks for shapes.
    segmentation: msgspec.Raw = msgspec.Raw()
    keypoints: msgspec.Raw = msgspec.Raw()


class _Document(msgspec.Struct):
    images: list[_Image]
    annotations: list[_Annotation]
    categories: list[_Category]


def load_coco(
    path: Path,
    uris: Sequence[str],
    size_of: SizeOf,
    classes: tuple[str, ...] | None,
    shapes: ShapeKind | None = None,
) -> Annotations:
    """Ground truth of the frames that the file at `path` lists; one that it lists without objects is annotated and
    empty.

    Boxes that reach over a frame's edge stay as they are, as pycocotools leaves them; `area` is the file's, else the
    box's; iscrowd becomes `crowd`. `shapes`: objects with their masks or
    keypoints, unless the file has none at all. Raises AnnotationError as `pool.annotations.load_annotations` says.
    """
    document = _document(path)
    where = str(path)
    if shapes is not None and not any(getattr(each, _KEYS[shapes]) for each in document.annotations):
        shapes = None
    mapped = _class_map(where, document, classes)
    names = [image.file_name for image in document.images]
    _refuse_twice(where, names, "the file name")
    _refuse_twice(where, [image.id for image in document.images], "the image id")
    matched = match_names(where, names, uris)
    by_image: dict[int | str, list[_Annotation]] = defaultdict(list)
    for annotation in document.annotations:
        by_image[annotation.image_id].append(annotation)
    _refuse_unknown_images(where, document, by_image)
    by_uri = {}
    for image in document.images:
        uri = matched.get(image.file_name)
        if uri is not None:
            size = size_of(uri)
            same_size(where, uri, (image.width or 0, image.height or 0), size)
            by_uri[uri] = _ground_truth(where, by_image[image.id], mapped, size, shapes)
    return Annotations(mapped.classes, by_uri)


def _ground_truth(
    where: str,
    annotations: list[_Annotation],
    mapped: ClassMap,
    size: tuple[int, int] | None,
    shapes: ShapeKind | None,
) -> GroundTruth:
    objects = Objects()
    for annotation in annotations:
        what = _named(annotation)
        box = checked(where, what, _corners(where, what, annotation.bbox), size, clip=False)
        area = annotation.area
        if area is not None and not (math.isfinite(area) and area >= 0):
            raise AnnotationError(f"{where}: {what} has the area {area:g}.", "An area is 0 px² or more.")
        objects.add(
            box,
            mapped.index[annotation.category_id],
            crowd=bool(annotation.iscrowd),
            area=area,
            mask=mask_of(where, what, annotation.segmentation, size) if shapes == "masks" else None,
            keypoints=keypoints_of(where, what, annotation.keypoints) if shapes == "keypoints" else None,
        )
    return objects.ground_truth()


def _named(annotation: _Annotation) -> str:
    return f"annotation {annotation.id} of image {annotation.image_id}"


def _corners(where: str, what: str, bbox: list[float]) -> Corners:
    if len(bbox) != 4:
        raise AnnotationError(f"{where}: {what} has a bbox of {len(bbox)} numbers.", "A bbox is [x, y, width, height].")
    x, y, width, height = bbox
    return x, y, x + width, y + height


def _class_map(where: str, document: _Document, classes: tuple[str, ...] | None) -> ClassMap:
    categories: dict[int | str, str | None] = {category.id: category.name for category in document.categories}
    _refuse_twice(where, [category.id for category in document.categories], "the category id")
    for annotation in document.annotations:
        if annotation.category_id not in categories:
            raise AnnotationError(
                f"{where}: {_named(annotation)} has category_id {annotation.category_id}, which is not in categories.",
                "Add the category or correct the annotation.",
            )
    used = sorted({annotation.category_id for annotation in document.annotations})
    return map_categories(where, categories, used, classes)


def _refuse_twice(where: str, values: Sequence[int | str], what: str) -> None:
    seen: set[int | str] = set()
    for value in values:
        if value in seen:
            raise AnnotationError(f"{where} lists {what} {value!r} twice.", "Each may stand there once.")
        seen.add(value)


def _refuse_unknown_images(where: str, document: _Document, by_image: dict[int | str, list[_Annotation]]) -> None:
    unknown = by_image.keys() - {image.id for image in document.images}
    if unknown:
        annotation = by_image[min(unknown, key=str)][0]
        raise AnnotationError(
            f"{where}: {_named(annotation)}: images doesn't list that image.", "Add the image or remove the annotation."
        )


def _document(path: Path) -> _Document:
    try:
        if path.stat().st_size > FILE_LIMIT:
            raise AnnotationError(f"{path} is over {FILE_LIMIT >> 20} MiB.", "Split it, or leave the masks out.")
        data = path.read_bytes()
    except OSError as error:
        raise AnnotationError(f"The annotations {path} can't be read: {error.strerror}.") from error
    try:
        return msgspec.json.decode(data, type=_Document)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        _name_the_annotation(path, data)
        raise AnnotationError(
            f"{path} is not COCO detection JSON: {error}.", "It needs images, annotations and categories."
        ) from error


def _name_the_annotation(path: Path, data: bytes) -> None:
    """Raises AnnotationError with the id of the annotation at fault, where the file is JSON to Python's laxer parser
    (it takes NaN) and one annotation doesn't fit."""
    try:
        document = json.loads(data)
        annotations = list(document["annotations"])
    except (ValueError, RecursionError, LookupError, TypeError):
        return
    for place, annotation in enumerate(annotations):
        try:
            one = msgspec.convert(annotation, _Boxed)
            finite = all(map(math.isfinite, (*one.bbox, one.area or 0)))
            problem = "" if finite else "its bbox or area holds a number that is not finite"
        except (msgspec.MsgspecError, OverflowError) as error:
            problem = str(error)
        if problem:
            name = annotation.get("id", f"number {place}") if isinstance(annotation, dict) else f"number {place}"
            raise AnnotationError(f"{path}: annotation {name}: {problem}.", "Correct or remove this annotation.")
