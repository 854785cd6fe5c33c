"""YOLO labels: one .txt a frame, one `class cx cy width height` a line, as shares of the frame
(docs.ultralytics.com)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from calibtui.core.boxes import Annotations
from calibtui.core.errors import AnnotationError
from calibtui.pool.boxes import Corners, checked
from calibtui.pool.categories import map_categories
from calibtui.pool.ground_truth import Objects
from calibtui.pool.label_files import read_label

SizeOf = Callable[[str], tuple[int, int] | None]
Row = tuple[int, Corners]
CLASS_LIMIT = 65_536
"""Class numbers from here on are taken for damage, so that a stray number can't ask for memory without bound."""
_ROUNDING = 0.002
"""How far over its frame a share may reach before it counts as wrong rather than rounded."""


def load_yolo(
    labels: Mapping[str, Path],
    names: tuple[str, ...] | None,
    where: str,
    size_of: SizeOf,
    classes: tuple[str, ...] | None,
) -> Annotations:
    """Ground truth from `labels` (frame uri: its label file) with the class `names` beside them.

    An empty file is a frame without objects; a frame without a file is not annotated, since nothing tells a background
    from one that nobody has looked at. Boxes are clipped to their frame. A line of more than five numbers is a polygon
    (`class x1 y1 x2 y2 …`) and becomes its bounding box. Raises AnnotationError as `load_annotations` says.
    """
    rows = {uri: _rows(path) for uri, path in labels.items()}
    used = sorted({index for found in rows.values() for index, _ in found})
    if names is not None and used and used[-1] >= len(names):
        raise AnnotationError(
            f"{where} uses the class {used[-1]}, but only {len(names)} names are given beside the labels.",
            "Complete the names in data.yaml or classes.txt.",
        )
    known = range(len(names)) if names is not None else range(max([*used, len(classes or ()) - 1], default=-1) + 1)
    categories: dict[int | str, str | None] = {index: names[index] if names else None for index in known}
    mapped = map_categories(where, categories, used, classes)
    by_uri = {}
    for uri, found in rows.items():
        size = size_of(uri)
        if size is None:
            raise AnnotationError(
                f"{labels[uri]}: the size of {uri} is unknown, so its shares can't become px.", "Is the frame readable?"
            )
        objects = Objects()
        for number, (index, (x1, y1, x2, y2)) in enumerate(found, 1):
            box = (x1 * size[0], y1 * size[1], x2 * size[0], y2 * size[1])
            objects.add(checked(str(labels[uri]), f"object {number}", box, size, clip=True), mapped.index[index])
        by_uri[uri] = objects.ground_truth()
    return Annotations(mapped.classes, by_uri)


def _rows(path: Path) -> list[Row]:
    try:
        lines = read_label(path).decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise AnnotationError(f"{path} is not UTF-8 text (byte {error.start}).", _FORM) from error
    return [_row(path, number, line.split()) for number, line in enumerate(lines, 1) if line.strip()]


def _row(path: Path, number: int, words: list[str]) -> Row:
    try:
        index, shares = int(words[0]), [float(word) for word in words[1:]]
    except ValueError as error:
        raise AnnotationError(f"{path}, line {number}: not numbers: {' '.join(words)[:60]!r}.", _FORM) from error
    if not 0 <= index < CLASS_LIMIT or not (len(shares) == 4 or (len(shares) >= 6 and len(shares) % 2 == 0)):
        raise AnnotationError(f"{path}, line {number}: {len(words)} numbers, class {index}.", _FORM)
    wrong = next((share for share in shares if not -_ROUNDING <= share <= 1 + _ROUNDING), None)
    if wrong is not None:
        raise AnnotationError(
            f"{path}, line {number}: {wrong:g} is not a share of the frame between 0 and 1.",
            "Divide x and width by the frame's width, y and height by its height.",
        )
    if len(shares) > 4:
        return index, (min(shares[::2]), min(shares[1::2]), max(shares[::2]), max(shares[1::2]))
    cx, cy, width, height = shares
    if width < 0 or height < 0:
        raise AnnotationError(f"{path}, line {number}: a negative size ({width:g} x {height:g}).", _FORM)
    return index, (cx - width / 2, cy - height / 2, cx + width / 2, cy + height / 2)


_FORM = "A line is: class cx cy width height."
