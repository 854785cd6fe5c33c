"""Boxes, labels and scores as outputs of their own: torchvision, SSD exports, RT-DETR with its post-processor,
TensorFlow.

Any order of the outputs, with a batch dimension or without, labels as integers or as floats; MMDetection's (1, N, 5)
of box and score beside (1, N) labels as well. Names tell the roles where they do, types and values elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibtui.detector.decoders.arithmetic import are_normalised, are_probabilities, are_whole, x_first
from calibtui.detector.decoders.contract import Decoded, Outputs, Seen

_LABEL_WORDS, _SCORE_WORDS, _COUNT_WORDS = ("label", "class", "cls"), ("score", "conf", "prob"), ("num", "count")


@dataclass(frozen=True, slots=True)
class Roles:
    """Output names. `scores` is None where the score is the fifth column of `boxes`."""

    boxes: str
    labels: str
    scores: str | None


@dataclass(frozen=True, slots=True)
class LabelledReader:
    """`fractions`: boxes in fractions of `size` (width, height) px; `y_first`: y1, x1, y2, x2; `first_label`: the
    number of the first class, 1 where 0 is the background."""

    roles: Roles
    size: tuple[int, int]
    first_label: int
    fractions: bool = False
    y_first: bool = False

    def decode(self, outputs: Outputs, floor: float = 0.0) -> Decoded:
        table = np.asarray(_unbatched(outputs[self.roles.boxes]), np.float32).reshape(-1, self._columns)
        boxes = x_first(table) if self.y_first else table[:, :4].copy()
        if self.fractions:
            boxes *= np.array(self.size * 2, np.float32)
        scores = table[:, 4] if self.roles.scores is None else outputs[self.roles.scores].reshape(-1)
        labels = np.rint(outputs[self.roles.labels].reshape(-1)).astype(np.int64) - self.first_label
        count = len(boxes)
        return Decoded(boxes, np.asarray(scores[:count], np.float32), labels[:count])

    @property
    def _columns(self) -> int:
        return 5 if self.roles.scores is None else 4


def find_roles(seen: Seen) -> Roles | None:
    """None where the outputs aren't boxes, labels and scores. More than one reading is never guessed at: also None."""
    for name, value in seen.outputs.items():
        table = _unbatched(value)
        if table.ndim != 2 or table.shape[1] not in (4, 5):
            continue
        beside = {k: v for k, v in seen.outputs.items() if k != name and _is_vector(v, len(table)) and not _is_count(k)}
        labels = _labels(beside, _class_scores(seen, name))
        rest = [key for key in beside if key != labels and beside[key].dtype.kind == "f"]
        rest = [key for key in rest if _says_score(key)] or [key for key in rest if are_probabilities(beside[key])]
        if labels is None:
            continue
        if table.shape[1] == 5 and not rest and are_probabilities(table[:, 4]):
            return Roles(name, labels, None)
        if table.shape[1] == 4 and len(rest) == 1 and are_probabilities(beside[rest[0]]):
            return Roles(name, labels, rest[0])
    return None


def read_labelled(
    seen: Seen, roles: Roles, first_label: int, *, y_first: bool = False, fractions: bool = False
) -> LabelledReader:
    """Binds a reader; whether boxes are fractions is told by those that noise gives, by `fractions` where it gives
    none."""
    boxes = _unbatched(seen.outputs[roles.boxes])[:, :4]
    fractions = are_normalised(boxes) if np.any(boxes) else fractions
    return LabelledReader(roles, seen.size, first_label, fractions, y_first)


def labels_seen(seen: Seen, roles: Roles) -> NDArray[np.int64]:
    """The labels that noise gave to boxes with a score above 0."""
    labels = np.rint(seen.outputs[roles.labels].reshape(-1)).astype(np.int64)
    if roles.scores is None:
        scores = _unbatched(seen.outputs[roles.boxes])[:, 4]
    else:
        scores = seen.outputs[roles.scores].reshape(-1)
    return labels[: len(scores)][scores[: len(labels)] > 0]


def are_counted(seen: Seen) -> bool:
    """An output says how many of the boxes are real, as suppression inside the graph of a YOLO does."""
    return any(_is_count(name) and value.size == 1 for name, value in seen.outputs.items())


def is_batched(seen: Seen, roles: Roles) -> bool:
    return seen.outputs[roles.boxes].ndim == 3


def _labels(vectors: dict[str, NDArray[Any]], classes: int) -> str | None:
    """`classes`: more than any label can be, 0 where that isn't known."""
    by_type = [name for name, value in vectors.items() if value.dtype.kind in "iu"]
    if len(by_type) == 1:
        return by_type[0]
    whole = [name for name, value in vectors.items() if are_whole(value)]
    by_name = [n for n in whole if any(w in n.lower() for w in _LABEL_WORDS) and not _says_score(n)]
    if len(by_name) == 1:
        return by_name[0]
    by_value = [name for name in whole if vectors[name].size and np.any(vectors[name])]
    if len(by_value) > 1 and classes:  # TensorFlow gives the anchors' numbers beside the labels
        by_value = [name for name in by_value if vectors[name].max() < classes]
    return by_value[0] if len(by_value) == 1 else None


def _class_scores(seen: Seen, boxes: str) -> int:
    """How many scores a box has in a table (1, N, C) beside the N `boxes`; 0 where there is none, or more than one."""
    rows = len(_unbatched(seen.outputs[boxes]))
    tables = [value for name, value in seen.outputs.items() if name != boxes and value.ndim == 3]
    widths = [value.shape[2] for value in tables if value.shape[1] == rows and are_probabilities(value)]
    return widths[0] if len(widths) == 1 else 0


def _says_score(name: str) -> bool:
    return any(word in name.lower() for word in _SCORE_WORDS)


def _is_count(name: str) -> bool:
    return any(word in name.lower() for word in _COUNT_WORDS)


def _is_vector(value: NDArray[Any], length: int) -> bool:
    return value.size == length and value.shape in {(length,), (1, length), (1, length, 1), (length, 1)}


def _unbatched(value: NDArray[Any]) -> NDArray[Any]:
    return value[0] if value.ndim == 3 else value
