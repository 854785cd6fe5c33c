"""DETR and its real-time kin: one box a query, cx, cy, w, h in fractions of the input, and class logits.

DETR: (1, N, 4) and (1, N, C + 1), a softmax whose last column is "no object". RT-DETR, D-FINE, RF-DETR, Deformable
DETR: (1, N, C), a sigmoid for each class. Ultralytics' RT-DETR: one (1, N, 4 + C) with the sigmoid applied, later
(1, N, 6) of box, score and class. RT-DETR with its post-processor: labels, boxes, scores and the input
orig_target_sizes. None of them needs suppression.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibtui.detector.decoders.arithmetic import (
    are_corners,
    are_normalised,
    are_probabilities,
    are_whole,
    corners,
    sigmoid,
    softmax,
)
from calibtui.detector.decoders.contract import ARITHMETIC, DECLARED, PLAUSIBLE, Decoded, Outputs, Recognised, Seen
from calibtui.detector.decoders.end2end import QUERIES, TableReader
from calibtui.detector.decoders.grids import on_pyramid
from calibtui.detector.decoders.labelled import find_roles, read_labelled
from calibtui.detector.decoders.recipes import IMAGENET, UNIT

_TARGET_SIZES = "orig_target_sizes"
_MOST_QUERIES = 3000
_NO_LOGIT = 100.0
"""Numbers as large are px."""
_FINAL_BOXES, _FINAL_LOGITS = {"pred_boxes", "dets"}, {"logits", "pred_logits", "labels"}
_BOX_WORDS = ("box", "dets", "coord")


@dataclass(frozen=True, slots=True)
class QueryReader:
    """`activation`: "softmax", "sigmoid" or "none". The first `classes` columns of `scores` from `start` on are real
    classes."""

    boxes: str
    scores: str
    start: int
    classes: int
    activation: str
    size: tuple[int, int]

    def decode(self, outputs: Outputs, floor: float = 0.0) -> Decoded:
        rows = outputs[self.boxes]
        rows = rows[0] if rows.ndim == 3 else rows
        boxes = corners(np.asarray(rows[:, :4], np.float32)) * np.array(self.size * 2, np.float32)
        table = outputs[self.scores]
        values = np.asarray((table[0] if table.ndim == 3 else table)[:, self.start :], np.float32)
        if self.activation != "none":
            values = softmax(values) if self.activation == "softmax" else sigmoid(values)
        return Decoded(boxes, values[:, : self.classes])


def recognise_detr(seen: Seen) -> Recognised | None:
    """Softmax with a last column for "no object"."""
    pair = _pair(seen)
    if pair is None:
        return None
    boxes, scores = pair
    table = seen.tables()[scores]
    classes = int(table.shape[1]) - 1
    if classes < 1 or not (seen.named or (_says_nothing(table) and seen.names in (None, classes))):
        return None
    why = (
        f"outputs {boxes!r} and {scores!r} hold {len(table)} queries: "
        f"boxes in fractions of the input and {classes} classes",
        'the last class column is "no object": it wins on most queries of noise',
    )
    activation = "none" if are_probabilities(table) else "softmax"
    reader = QueryReader(boxes, scores, 0, classes, activation, seen.size)
    certainty = _pair_certainty(seen, len(table))
    return Recognised("detr", reader, IMAGENET, classes, why, certainty, suppressed=True)


def recognise_rtdetr(seen: Seen) -> Recognised | None:
    """Sigmoid for each class, in any of the four forms."""
    return _post_processed(seen) or _final(seen) or _apart(seen) or _together(seen)


def _final(seen: Seen) -> Recognised | None:
    """One table (1, N, 6) of the best queries, a class each, as Ultralytics exports RT-DETR since 8.4."""
    for name, value in seen.outputs.items():
        if value.ndim != 3 or value.shape[2] != 6 or not 0 < value.shape[1] <= _MOST_QUERIES:
            continue
        rows = np.asarray(value[0], np.float32)
        inside = are_normalised(rows[:, :4]) and bool(rows[:, :4].min() >= 0)
        labels = rows[:, QUERIES.label]
        if not (inside and are_probabilities(rows[:, QUERIES.score]) and are_whole(labels)) or are_corners(rows[:, :4]):
            continue
        why = f"output {name!r} holds the best {len(rows)} queries: {QUERIES.order}, boxes in fractions of the input"
        reader = TableReader(name, QUERIES, seen.size, fractions=True)
        certainty = DECLARED if seen.metadata.rtdetr else ARITHMETIC
        return Recognised("rtdetr", reader, UNIT, seen.names, (why,), certainty, suppressed=True)
    return None


def _post_processed(seen: Seen) -> Recognised | None:
    roles = find_roles(seen)
    if roles is None or not (_TARGET_SIZES in seen.extras or seen.named):
        return None
    why = f"the model takes {_TARGET_SIZES} and gives final boxes, labels counted from 0 and scores"
    return Recognised("rtdetr", read_labelled(seen, roles, 0), UNIT, seen.names, (why,), DECLARED, suppressed=True)


def _apart(seen: Seen) -> Recognised | None:
    pair = _pair(seen)
    if pair is None:
        return None
    boxes, scores = pair
    table = seen.tables()[scores]
    if _says_nothing(table) and seen.names != table.shape[1] and not seen.named:
        return None
    # RF-DETR keeps a column for "no object" that its sigmoid never uses; only the names tell that it is no class.
    columns = int(table.shape[1])
    classes = columns - 1 if seen.names == columns - 1 else columns
    activation = "none" if are_probabilities(table) else "sigmoid"
    why = (
        f"outputs {boxes!r} and {scores!r} hold {len(table)} queries: "
        f"boxes in fractions of the input and {classes} classes, "
        f"{'already in [0, 1]' if activation == 'none' else 'as logits, each with a sigmoid of its own'}",
    )
    reader = QueryReader(boxes, scores, 0, classes, activation, seen.size)
    # RF-DETR's name for its boxes; and a mask of the picture's pixels is what DETR's kin take, not RT-DETR.
    recipe = IMAGENET if boxes == "dets" or "pixel_mask" in seen.extras else UNIT
    certainty = _pair_certainty(seen, len(table))
    return Recognised("rtdetr", reader, recipe, classes, why, certainty, suppressed=True)


def _together(seen: Seen) -> Recognised | None:
    """One table of rows cx, cy, w, h, scores, all in [0, 1], and not on a grid."""
    if len(seen.tables()) > 1 and not (seen.named or seen.metadata.rtdetr):
        return None
    for name, value in seen.outputs.items():
        if value.ndim != 3 or value.shape[2] < 5 or not 0 < value.shape[1] <= _MOST_QUERIES:
            continue
        rows = value[0]
        on_grid = on_pyramid(len(rows), seen.size) or on_pyramid(len(rows), seen.size, 3)
        if (on_grid and not seen.metadata.rtdetr) or not are_normalised(rows[:, :4]) or rows[:, :4].min() < -0.5:
            continue
        if len(rows) < rows.shape[1] and not seen.metadata.rtdetr and not seen.named:
            continue
        logits = not are_probabilities(rows[:, 4:])
        classes = rows.shape[1] - 4
        why = f"output {name!r} holds {len(rows)} queries: a box in fractions of the input and {classes} class scores"
        reader = QueryReader(name, name, 4, classes, "sigmoid" if logits else "none", seen.size)
        certainty = DECLARED if seen.metadata.rtdetr else PLAUSIBLE if logits else ARITHMETIC
        return Recognised("rtdetr", reader, UNIT, classes, (why,), certainty, suppressed=True)
    return None


def _pair(seen: Seen) -> tuple[str, str] | None:
    """Names of the boxes and of the logits. Where both have four columns, the names decide."""
    tables = {name: table for name, table in seen.tables().items() if 0 < len(table) <= _MOST_QUERIES}
    found = []
    for name, table in tables.items():
        if table.shape[1] != 4 or not are_normalised(table) or table.min() < -0.5:
            continue
        for other, scores in tables.items():
            if other != name and len(scores) == len(table) and _is_score_table(other, scores):
                found.append((name, other))
    if len(found) > 1:
        found = [pair for pair in found if _says_box(pair[0]) and not _says_box(pair[1])]
    if len(found) > 1:  # auxiliary outputs of Transformers' exports
        found = [pair for pair in found if pair[0] in _FINAL_BOXES and pair[1] in _FINAL_LOGITS]
    return found[0] if len(found) == 1 and not _is_dense_ssd(tables, *found[0], seen) else None


def _pair_certainty(seen: Seen, queries: int) -> int:
    """Tables of other lengths beside the pair are a pyramid's levels more often than they are hidden states."""
    others = {len(table) for table in seen.tables().values()} - {queries}
    return PLAUSIBLE if len(others) > 1 else ARITHMETIC


def _is_score_table(name: str, table: NDArray[Any]) -> bool:
    """Not the decoder's hidden states, which some exports give as well."""
    hidden = "hidden" in name.lower() or "embed" in name.lower()
    return not hidden and table.shape[1] >= 1 and float(np.abs(table).max(initial=0)) < _NO_LOGIT


def _is_dense_ssd(tables: dict[str, NDArray[Any]], boxes: str, scores: str, seen: Seen) -> bool:
    """Corners with probabilities are an SSD's, not a query's."""
    return not seen.named and are_corners(tables[boxes]) and are_probabilities(tables[scores])


def _says_box(name: str) -> bool:
    return any(word in name.lower() for word in _BOX_WORDS)


def _says_nothing(table: NDArray[Any]) -> bool:
    """The last column is "no object": it is likely, and the likeliest, in most queries of noise. A sigmoid's classes
    are all unlikely there."""
    columns = table.shape[1]
    even = 0.5 if are_probabilities(table) else 0.0
    nothing = (table.argmax(axis=1) == columns - 1) & (table[:, -1] > even)
    return columns > 1 and bool(nothing.mean() > 0.5)
