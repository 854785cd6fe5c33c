"""What an ONNX file says of itself beside its graph: class names, input size, task."""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_NAME_KEYS = ("names", "classes", "class_names", "labels", "character")
_LONGEST = 1_000_000


@dataclass(frozen=True, slots=True)
class Metadata:
    """`names` in index order; `size` (width, height) px; `task` as Ultralytics writes it ("detect", "segment", …).

    `ultralytics`: the file carries the properties of an Ultralytics export. `suppressed`: it says that its output is
    final (`end2end`, or exported with `nms`). `rtdetr`: its description says RT-DETR. `keypoints`: how many each
    object has, and the numbers of one. `notes`: what was there and
    couldn't be read.
    """

    names: tuple[str, ...] | None = None
    size: tuple[int, int] | None = None
    task: str | None = None
    ultralytics: bool = False
    suppressed: bool = False
    rtdetr: bool = False
    keypoints: tuple[int, int] | None = None
    notes: tuple[str, ...] = ()


def read_metadata(properties: Mapping[str, str]) -> Metadata:
    """Parses `metadata_props`; a property that doesn't parse is left out and told of in `notes`."""
    notes: list[str] = []
    names = _names(properties, notes)
    arguments = _literal(properties.get("args", ""))
    exported_with_nms = isinstance(arguments, dict) and arguments.get("nms") is True
    return Metadata(
        names=names,
        size=_size(properties, notes),
        task=properties.get("task"),
        ultralytics="stride" in properties and "names" in properties,
        suppressed=_literal(properties.get("end2end", "")) is True or exported_with_nms,
        rtdetr="rtdetr" in properties.get("description", "").lower().replace("-", ""),
        keypoints=_keypoints(properties.get("kpt_shape", "")),
        notes=tuple(notes),
    )


def _keypoints(text: str) -> tuple[int, int] | None:
    shape = _literal(text)
    if (
        isinstance(shape, list | tuple)
        and len(shape) == 2
        and all(isinstance(side, int) and side > 0 for side in shape)
    ):
        return shape[0], shape[1]
    return None


def _names(properties: Mapping[str, str], notes: list[str]) -> tuple[str, ...] | None:
    for key in _NAME_KEYS:
        text = properties.get(key)
        if text is None:
            continue
        names = _in_order(_literal(text)) or _one_a_line(text)
        if names is not None:
            return names
        notes.append(f"the metadata's {key!r} is not a list or a numbered table of names, so it was left out")
    return None


def _one_a_line(text: str) -> tuple[str, ...] | None:
    """PaddlePaddle's tools write names on lines of their own."""
    lines = tuple(line.strip() for line in text.strip().splitlines())
    return lines if len(lines) > 1 and all(lines) and len(text) <= _LONGEST else None


def _in_order(value: Any) -> tuple[str, ...] | None:
    if isinstance(value, dict):
        try:
            numbered = {int(key): name for key, name in value.items()}
        except (TypeError, ValueError):
            return None
        if sorted(numbered) != list(range(len(numbered))):
            return None
        value = [numbered[index] for index in range(len(numbered))]
    if isinstance(value, list | tuple) and value and all(isinstance(name, str | int) for name in value):
        return tuple(str(name) for name in value)
    return None


def _size(properties: Mapping[str, str], notes: list[str]) -> tuple[int, int] | None:
    text = properties.get("imgsz")
    if text is None:
        return None
    value = _literal(text)
    if isinstance(value, int):
        value = [value, value]
    if (
        isinstance(value, list | tuple)
        and len(value) == 2
        and all(isinstance(side, int) and side > 0 for side in value)
    ):
        height, width = value
        return width, height
    notes.append("the metadata's 'imgsz' is not a size, so it was left out")
    return None


def _literal(text: str) -> Any:
    """The value of a Python literal or of JSON; None where it is neither."""
    if len(text) > _LONGEST:
        return None
    try:
        return ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        pass
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
