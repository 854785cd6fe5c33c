"""SSD and torchvision style outputs.

Labelled: boxes, labels and scores, final. torchvision counts labels from 1, 0 being the background; most others count
from 0. Dense: boxes (1, N, 4) as corners beside (1, N, C) or (1, C, N) scores in [0, 1], before suppression: SSD with
its priors applied, YOLO-NAS, PP-YOLOE, PicoDet with its boxes decoded.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibtui.detector.decoders.arithmetic import are_corners, are_normalised, are_probabilities
from calibtui.detector.decoders.contract import ARITHMETIC, PLAUSIBLE, Decoded, Outputs, Recognised, Seen
from calibtui.detector.decoders.labelled import Roles, are_counted, find_roles, is_batched, labels_seen, read_labelled
from calibtui.detector.decoders.recipes import IMAGENET, MMDETECTION, RAW_PIXELS, UNIT, YOLO
from calibtui.workspace.settings import InputSettings

_TARGET_SIZES = "orig_target_sizes"


@dataclass(frozen=True, slots=True)
class DenseReader:
    """`first` and `classes`: the columns of the scores that are real classes, so that a background column is left
    out."""

    boxes: str
    scores: str
    first: int
    classes: int
    classes_first: bool
    size: tuple[int, int]
    fractions: bool

    def decode(self, outputs: Outputs, floor: float = 0.0) -> Decoded:
        boxes = np.array(outputs[self.boxes].reshape(-1, 4), np.float32)
        if self.fractions:
            boxes *= np.array(self.size * 2, np.float32)
        table = outputs[self.scores]
        table = table[0] if table.ndim == 3 else table
        scores = np.asarray(table.T if self.classes_first else table, np.float32)
        return Decoded(boxes, scores[:, self.first : self.first + self.classes])


def recognise_torchvision(seen: Seen) -> Recognised | None:
    """Labels counted from 1."""
    roles = find_roles(seen)
    if roles is None or (not seen.named and _first_label(seen, roles)[0] != 1):
        return None
    why = (
        f"outputs {_named(roles)} are final boxes, labels and scores",
        "labels are counted from 1 because this decoder is named" if seen.named else _first_label(seen, roles)[1],
    )
    recipe = RAW_PIXELS if "detection_boxes" in roles.boxes.lower() else UNIT
    reader = read_labelled(seen, roles, 1)
    return Recognised("torchvision", reader, recipe, seen.names, why, ARITHMETIC, suppressed=True)


def recognise_ssd(seen: Seen) -> Recognised | None:
    """Labels counted from 0, or dense scores."""
    roles = find_roles(seen)
    if roles is None:
        return _dense(seen)
    if not seen.named and (_first_label(seen, roles)[0] != 0 or _TARGET_SIZES in seen.extras):
        return None
    why = (
        f"outputs {_named(roles)} are final boxes, labels and scores",
        "labels are counted from 0 because this decoder is named" if seen.named else _first_label(seen, roles)[1],
    )
    reader = read_labelled(seen, roles, 0)
    return Recognised("ssd", reader, _recipe(seen, roles), seen.names, why, ARITHMETIC, suppressed=True)


def _recipe(seen: Seen, roles: Roles) -> InputSettings:
    """Torchvision's detectors, whose outputs have no batch dimension, normalise inside the graph."""
    if roles.scores is None:
        return MMDETECTION
    if are_counted(seen):
        return YOLO
    return IMAGENET if is_batched(seen, roles) else UNIT


def _first_label(seen: Seen, roles: Roles) -> tuple[int, str]:
    """0 or 1, and why: the number of the first real class."""
    found = labels_seen(seen, roles)
    if _TARGET_SIZES in seen.extras:
        return 0, f"labels are counted from 0 because the model takes {_TARGET_SIZES}"
    if (found == 0).any():
        return 0, "labels are counted from 0 because noise was given label 0"
    if "detection_classes" in roles.labels.lower():
        return 1, "labels are counted from 1 as TensorFlow's detection_classes are"
    if seen.names is not None and (found == seen.names).any():
        return 1, f"labels are counted from 1 because noise was given label {seen.names} of {seen.names} classes"
    if not is_batched(seen, roles):
        return (
            1,
            "labels are counted from 1, 0 being background, as torchvision does in outputs without a batch dimension",
        )
    return 0, 'labels are counted from 0, as exports with a batch dimension do; decoder "torchvision" counts from 1'


def _dense(seen: Seen) -> Recognised | None:
    tables = seen.tables()
    found = [
        claim
        for boxes_name, boxes in tables.items()
        if boxes.shape[1] == 4 and len(boxes) and are_corners(boxes)
        for scores_name, scores in tables.items()
        if scores_name != boxes_name and len(boxes) in scores.shape and are_probabilities(scores)
        if (claim := _dense_claim(seen, boxes_name, scores_name))
    ]
    return found[0] if len(found) == 1 else None


def _dense_claim(seen: Seen, boxes_name: str, scores_name: str) -> Recognised | None:
    tables = seen.tables()
    boxes, table = tables[boxes_name], tables[scores_name]
    classes_first = table.shape[1] == len(boxes) and table.shape[0] != len(boxes)
    scores = table.T if classes_first else table
    fractions = are_normalised(boxes)
    first, classes, said = _real_classes(scores, seen.names)
    reader = DenseReader(boxes_name, scores_name, first, classes, classes_first, seen.size, fractions)
    why = (
        f"output {boxes_name!r} holds {len(boxes)} boxes as corners in "
        f"{'fractions of the input' if fractions else 'input px'}, "
        f"{scores_name!r} their scores",
        said,
    )
    named = seen.names is None or seen.names == classes
    return Recognised("ssd", reader, IMAGENET if first else UNIT, classes, why, ARITHMETIC if named else PLAUSIBLE)


def _real_classes(scores: NDArray[Any], names: int | None) -> tuple[int, int, str]:
    """(first column, number of columns, why): a softmax's first column is SSD's background."""
    columns = scores.shape[1]
    sums_to_one = bool(np.allclose(scores.sum(axis=1, dtype=np.float64), 1.0, atol=0.02))
    if columns > 1 and ((sums_to_one and names != columns) or names == columns - 1):
        return 1, columns - 1, f"the first of {columns} score columns is the background, which SSD puts first"
    return 0, columns, f"each of the {columns} score columns is a class"


def _named(roles: Roles) -> str:
    return ", ".join(repr(name) for name in (roles.boxes, roles.labels, roles.scores) if name)
