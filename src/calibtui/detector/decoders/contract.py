"""What a decoder family sees of a model, what it claims, and what its reader gives back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from calibtui.core.shapes import ShapeKind
from calibtui.detector.metadata import Metadata
from calibtui.workspace.settings import InputSettings

Outputs = Mapping[str, NDArray[Any]]

PLAUSIBLE = 1
"""Nothing speaks against it."""
ARITHMETIC = 2
"""Shapes and values leave nothing else that is known here."""
DECLARED = 3
"""The file itself says so."""


@dataclass(frozen=True, slots=True)
class RowShapes:
    """What each of the M rows says beside its box. Of a segmentation model `coefficients` (M, K) float32, whose
    products with `prototypes` (K, h, w) float32, over the whole input, are the masks' logits; of a pose model
    `keypoints` (M, K, 3) float32: x, y in input px and a confidence."""

    coefficients: NDArray[np.float32] | None = None
    prototypes: NDArray[np.float32] | None = None
    keypoints: NDArray[np.float32] | None = None


@dataclass(frozen=True, slots=True)
class Decoded:
    """Candidates of one frame: boxes (M, 4) float32 as x1, y1, x2, y2 in input px, before any suppression of ours.

    `scores` is (M, C) float32, a score for each class; where the model gives each box one class, `scores` is (M,)
    float32 and `labels` (M,) int64, 0-based, negative for rows that are only padding.
    """

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    labels: NDArray[np.int64] | None = None
    shapes: RowShapes | None = None


class Reader(Protocol):
    """Reads one model's outputs; bound to output names and everything else that was recognised.

    Rows none of whose scores reaches `floor` may be left out, the others keep their order: most rows of a dense head
    show nothing, and decoding their boxes would cost more than all the rest.
    """

    def decode(self, outputs: Outputs, floor: float = 0.0) -> Decoded: ...


@dataclass(frozen=True, slots=True)
class Seen:
    """What one inference on noise shows of a model.

    `outputs`: as they came, batch dimension and all; `declared`: the shapes that the file declares, None for an open
    side. `size`: the input's (width, height) px. `extras`: names of the inputs beside the picture. `names`: the
    number of class names that settings or metadata give, None where neither does. `named`: the user named this
    decoder, so a family takes whatever it can read, even if the arithmetic is unusual. `box_order`: "auto", or the
    "xyxy" or "yxyx" of the settings.
    """

    outputs: Outputs
    declared: Mapping[str, tuple[int | None, ...]]
    size: tuple[int, int]
    metadata: Metadata = field(default_factory=Metadata)
    extras: tuple[str, ...] = ()
    names: int | None = None
    named: bool = False
    box_order: str = "auto"

    def tables(self) -> dict[str, NDArray[Any]]:
        """The outputs that are one table a frame, (1, A, B) or (A, B), as (A, B)."""
        tables = {}
        for name, value in self.outputs.items():
            if value.ndim == 3 and value.shape[0] >= 1:
                tables[name] = value[0]
            elif value.ndim == 2:
                tables[name] = value
            elif value.ndim == 4 and value.shape[2] == 1:  # boxes (1, N, 1, 4), as YOLOv4's exports have them
                tables[name] = value[0, :, 0]
        return tables


@dataclass(frozen=True, slots=True)
class Recognised:
    """A family's claim on a model.

    `input`: the family's usual preparation. `classes`: how many the model tells apart, None where its output can't
    say. `why`: sentences for people. `certainty`: PLAUSIBLE, ARITHMETIC or DECLARED. `suppressed`: the model has done
    its own suppression, or needs none. `shapes`: what its rows say beside boxes. `y_first`: corners are y1, x1, y2,
    x2; None where the layout leaves no choice. `doubts`: those sentences of `why` that are assumptions.
    """

    decoder: str
    reader: Reader
    input: InputSettings
    classes: int | None
    why: tuple[str, ...]
    certainty: int = ARITHMETIC
    suppressed: bool = False
    shapes: ShapeKind | None = None
    y_first: bool | None = None
    doubts: tuple[str, ...] = ()


Recogniser = Callable[[Seen], Recognised | None]
