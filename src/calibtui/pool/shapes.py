"""COCO's segmentation (polygons, or a run-length code) and keypoints, strictly read."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from calibtui.core.errors import AnnotationError
from calibtui.core.shapes import Mask, mask_tools


class _Code(msgspec.Struct):
    size: tuple[int, int]
    counts: str | list[int]


def mask_of(where: str, what: str, segmentation: msgspec.Raw, size: tuple[int, int] | None) -> Mask:
    """The mask of one annotation in a frame of (width, height) `size`.

    Raises AnnotationError, naming the annotation, where it has none or a malformed one; ConfigurationError where the
    package that codes masks is not installed.
    """
    if size is None:
        raise AnnotationError(f"{where}: {what} lies in a frame of unknown size.", "Correct the annotation.")
    if not segmentation:
        raise AnnotationError(
            f"{where}: {what} has no segmentation, and the model gives masks.",
            "Annotate its mask, or take the masks out of all annotations.",
        )
    tools = mask_tools()
    try:
        given = msgspec.json.decode(segmentation, type=list[list[float]] | _Code)
        codes = _polygons(tools, given, size) if isinstance(given, list) else [_code(tools, given, size)]
        counts = tools.merge(codes)["counts"]
    except (msgspec.MsgspecError, ValueError, TypeError) as error:
        raise AnnotationError(
            f"{where}: {what} has a segmentation that can't be read: {error}.",
            "It is a list of polygons, or an object with size and counts.",
        ) from error
    return Mask(size[1], size[0], counts)


def keypoints_of(where: str, what: str, keypoints: msgspec.Raw) -> NDArray[np.float64]:
    """(K, 3) of one annotation: x, y in px and visibility. Raises AnnotationError, naming the annotation."""
    if not keypoints:
        raise AnnotationError(
            f"{where}: {what} has no keypoints, and the model gives them.",
            "Annotate them (0, 0, 0 where one is not labelled), or take them out of all annotations.",
        )
    try:
        numbers = msgspec.json.decode(keypoints, type=list[float])
    except msgspec.MsgspecError as error:
        raise AnnotationError(f"{where}: {what} has keypoints that can't be read: {error}.") from error
    if not numbers or len(numbers) % 3 or not all(map(math.isfinite, numbers)):
        raise AnnotationError(
            f"{where}: {what} has keypoints of {len(numbers)} numbers.", "Three each: x, y, visibility."
        )
    return np.array(numbers, np.float64).reshape(-1, 3)


def _polygons(tools: Any, polygons: list[list[float]], size: tuple[int, int]) -> list[Any]:
    for polygon in polygons:
        if len(polygon) < 6 or len(polygon) % 2 or not all(map(math.isfinite, polygon)):
            raise ValueError(f"a polygon of {len(polygon)} numbers")
    if not polygons:
        raise ValueError("no polygon")
    return list(tools.frPyObjects(polygons, size[1], size[0]))


def _code(tools: Any, code: _Code, size: tuple[int, int]) -> Any:
    height, width = code.size
    if (width, height) != size:
        raise ValueError(f"its size is {width}×{height} px, the frame's is {size[0]}×{size[1]}")
    if isinstance(code.counts, list):
        if sum(code.counts) != width * height or min(code.counts, default=0) < 0:
            raise ValueError("its counts don't fill the frame")
        return tools.frPyObjects(msgspec.to_builtins(code), height, width)
    made = {"size": [height, width], "counts": code.counts.encode("ascii", "strict")}
    if tools.decode(made).shape != (height, width):
        raise ValueError("its counts don't fill the frame")
    return made
