"""Checking the boxes of one annotated frame, whichever format they were written in."""

from __future__ import annotations

import math

from calibtui.core.errors import AnnotationError

Corners = tuple[float, float, float, float]

_REPAIR = "Correct or remove this annotation."


def checked(where: str, what: str, box: Corners, size: tuple[int, int] | None, *, clip: bool) -> Corners:
    """`box` as x1, y1, x2, y2 in px of the frame of `size` (width, height), clipped to it where `clip`.

    Raises AnnotationError that names the file (`where`) and the annotation (`what`): a coordinate that is no finite
    number, a negative side, a box wholly outside the frame."""
    x1, y1, x2, y2 = box
    if not all(map(math.isfinite, box)):
        raise AnnotationError(f"{where}: {what} has a coordinate that is not a finite number.", _REPAIR)
    if x2 < x1 or y2 < y1:
        raise AnnotationError(f"{where}: {what} has a negative size ({x2 - x1:g} x {y2 - y1:g} px).", _REPAIR)
    if size is None:
        return box
    width, height = size
    if x1 >= width or y1 >= height or x2 < 0 or y2 < 0:
        raise AnnotationError(
            f"{where}: {what} lies outside its frame: [{x1:g}, {y1:g}, {x2:g}, {y2:g}] in {width}x{height} px.", _REPAIR
        )
    if clip:
        return max(x1, 0.0), max(y1, 0.0), min(x2, float(width)), min(y2, float(height))
    return box


def same_size(where: str, uri: str, declared: tuple[float, float], actual: tuple[int, int] | None) -> None:
    """Raises AnnotationError where the annotations declare another frame size than the frame has: their boxes would
    all be off. A declared side of 0 or less means "not given"."""
    if actual is None or min(declared) <= 0 or declared == actual:
        return
    turned = declared == actual[::-1]
    raise AnnotationError(
        f"{where} says that {uri} has {declared[0]:g}x{declared[1]:g} px, but it has {actual[0]}x{actual[1]} px"
        f"{' once its EXIF rotation is applied' if turned else ''}.",
        "Annotate the frames as they are shown upright." if turned else "Annotate these very files, not resized ones.",
    )
