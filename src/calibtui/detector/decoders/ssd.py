"""SSD and torchvision style outputs.

Labelled: boxes, labels and scores, final. torchvision counts labels from 1, 0 being the background; most others count
from 0. Dense: boxes (1, N, 4) as corners beside (1, N, C) or (1, C, N) scores in [0, 1], before suppression: SSD with
its priors applied, YOLO-NAS, PP-YOLOE, PicoDet with its boxes decoded, YOLOv3 of Keras. Corners may have y first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibtui.detector.decoders.arithmetic import are_corners, are_normalised, are_probabilities, x_first
from calibtui.detector.decoders.box_order import is_keras_yolov3, is_tensorflow, order_of_dense, order_of_final
from calibtui.detector.decoders.contract import ARITHMETIC, PLAUSIBLE, Decoded, Outputs, Recognised, Seen
from calibtui.detector.decoders.labelled import Roles, are_counted, find_roles, is_batched, labels_seen, read_labelled
from calibtui.detector.decoders.recipes import IMAGENET, KERAS_YOLOV3, MMDETECTION, RAW_PIXELS, UNIT, YOLO
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
    y_first: bool = False

    def decode(self, outputs: Outputs, floor: float = 0.0) -> Decoded:
        boxes = np.array(outputs[self.boxes].reshape(-1, 4), np.float32)
        if self.y_first:
            boxes = x_first(boxes)
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
    return _final("torchvision", seen, roles, why, UNIT)


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
    return _final("ssd", seen, roles, why, _recipe(seen, roles))


def _final(decoder: str, seen: Seen, roles: Roles, why: tuple[str, ...], recipe: InputSettings) -> Recognised:
    """Of boxes that are final; TensorFlow's graphs normalise inside, so they take pixels as they are."""
    tensorflow = is_tensorflow(seen, roles)
    order = order_of_final(seen, roles)
    first_label = 1 if decoder == "torchvision" else 0
    reader = read_labelled(seen, roles, first_label, y_first=order.y_first, fractions=tensorflow)
    return Recognised(
        decoder,
        reader,
        RAW_PIXELS if tensorflow else recipe,
        seen.names,
        (*why, order.why),
        ARITHMETIC,
        suppressed=True,
        y_first=order.y_first,
        doubts=order.doubts,
    )


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
    if is_tensorflow(seen, roles):
        return 1, 'labels are counted from 1 as those of TensorFlow\'s detectors are; decoder "ssd" counts from 0'
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
    order = order_of_dense(seen, boxes_name)
    reader = DenseReader(boxes_name, scores_name, first, classes, classes_first, seen.size, fractions, order.y_first)
    why = (
        f"output {boxes_name!r} holds {len(boxes)} boxes as corners in "
        f"{'fractions of the input' if fractions else 'input px'}, "
        f"{scores_name!r} their scores",
        said,
        order.why,
    )
    recipe = KERAS_YOLOV3 if is_keras_yolov3(seen) else IMAGENET if first else UNIT
    certainty = ARITHMETIC if seen.names in (None, classes) else PLAUSIBLE
    return Recognised("ssd", reader, recipe, classes, why, certainty, y_first=order.y_first, doubts=order.doubts)


def _real_classes(scores: NDArray[Any], names: int | None) -> tuple[int, int, str]:
    """(first column, number of columns, why): a softmax's first column is SSD's background."""
    columns = scores.shape[1]
    sums_to_one = bool(np.allclose(scores.sum(axis=1, dtype=np.float64), 1.0, atol=0.02))
    if columns > 1 and ((sums_to_one and names != columns) or names == columns - 1):
        return 1, columns - 1, f"the first of {columns} score columns is the background, which SSD puts first"
    return 0, columns, f"each of the {columns} score columns is a class"


def _named(roles: Roles) -> str:
    return ", ".join(repr(name) for name in (roles.boxes, roles.labels, roles.scores) if name)
