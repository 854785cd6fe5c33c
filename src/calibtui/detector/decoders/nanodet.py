"""NanoDet, NanoDet-Plus and PicoDet: class scores and a distribution over distances for each side of the box.

A side's distance is the expectation of a softmax over its bins, times the stride, measured from the cell's reference
point (Li et al., "Generalized Focal Loss"). The reference points differ: NanoDet (i + ½) × s − ½, PicoDet (i + ½) ×
s, NanoDet-Plus i × s.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibtui.detector.decoders.arithmetic import are_probabilities, rows_reaching, sigmoid, softmax
from calibtui.detector.decoders.contract import ARITHMETIC, DECLARED, PLAUSIBLE, Decoded, Outputs, Recognised, Seen
from calibtui.detector.decoders.grids import cell_count, cells, strides_for
from calibtui.detector.decoders.recipes import IMAGENET, NANODET, NANODET_PLUS

_USUAL_BINS = 8
_STRIDES = (8, 16, 32, 64, 128)
_SCORE_WORDS, _SIDE_WORDS = ("cls", "score", "class"), ("dis", "reg", "box", "loc")


@dataclass(frozen=True, slots=True)
class DistributionReader:
    """`levels`: (scores, distributions) output names, finest stride first; one and the same name where both are in
    one table. `reference`: (a, b) for a cell's point at (i + a) × s + b. `logits`: the scores still need their
    sigmoid."""

    levels: tuple[tuple[str, str], ...]
    classes: int
    size: tuple[int, int]
    strides: tuple[int, ...]
    reference: tuple[float, float]
    logits: bool = False

    def decode(self, outputs: Outputs, floor: float = 0.0) -> Decoded:
        scores = np.concatenate([outputs[name][0][:, : self.classes] for name, _ in self.levels])
        values = sigmoid(np.asarray(scores, np.float32)) if self.logits else np.asarray(scores, np.float32)
        likely = rows_reaching(floor, values.max(axis=1))
        sides = np.concatenate([self._sides(outputs, *names) for names in self.levels])[likely]
        distances = expected_distances(np.asarray(sides, np.float32))
        places, steps = (grid[likely] for grid in _cells(self.size, self.strides))
        along, beside = self.reference
        points = (places + np.float32(along)) * steps + np.float32(beside)
        distances *= steps
        boxes = np.concatenate([points - distances[:, :2], points + distances[:, 2:]], axis=1)
        return Decoded(boxes, values[likely])

    def _sides(self, outputs: Outputs, scores: str, sides: str) -> NDArray[Any]:
        first = self.classes if scores == sides else 0
        table: NDArray[Any] = outputs[sides][0][:, first:]
        return table


_cells = lru_cache(maxsize=8)(cells)


def expected_distances(sides: NDArray[np.float32]) -> NDArray[np.float32]:
    """(N, 4 × bins) logits to (N, 4) expected bin numbers: left, top, right, bottom."""
    bins = sides.shape[1] // 4
    shares = softmax(sides.reshape(-1, 4, bins))
    return np.asarray(shares @ np.arange(bins, dtype=np.float32), np.float32)


def recognise(seen: Seen) -> Recognised | None:
    return _in_levels(seen) or _in_one_table(seen)


def recognise_picodet(seen: Seen) -> Recognised | None:
    claim = recognise(seen)
    return claim if claim and claim.decoder == "picodet" else None


def recognise_nanodet(seen: Seen) -> Recognised | None:
    claim = recognise(seen)
    return claim if claim and claim.decoder == "nanodet" else None


def _in_levels(seen: Seen) -> Recognised | None:
    """Pairs of (1, n, C) and (1, n, 4 × bins), one for each stride."""
    by_count: dict[int, list[str]] = {}
    for name, value in seen.outputs.items():
        if value.ndim == 3:
            by_count.setdefault(value.shape[1], []).append(name)
    pairs = {count: names for count, names in by_count.items() if len(names) == 2}
    strides = tuple(s for s in _STRIDES if cell_count(seen.size, (s,)) in pairs)
    if len(strides) < 2 or len(pairs) != len(strides):
        return None
    levels = tuple(_scores_and_sides(pairs[cell_count(seen.size, (s,))], seen) for s in strides)
    classes = {seen.outputs[scores].shape[2] for scores, _ in levels}
    sides = {seen.outputs[side].shape[2] for _, side in levels}
    if len(classes) != 1 or len(sides) != 1 or sides.pop() % 4:
        return None
    count = classes.pop()
    logits = not all(are_probabilities(seen.outputs[scores]) for scores, _ in levels)
    # NanoDet has three levels and PicoDet four: nothing else in the outputs tells them apart.
    pico = len(strides) >= 4
    why = f"{len(levels)} pairs of outputs hold {count} class scores and box-side distributions for strides {strides}"
    reader = DistributionReader(levels, count, seen.size, strides, (0.5, 0.0 if pico else -0.5), logits)
    return Recognised(
        "picodet" if pico else "nanodet", reader, IMAGENET if pico else NANODET, count, (why,), ARITHMETIC
    )


def _scores_and_sides(names: list[str], seen: Seen) -> tuple[str, str]:
    """Names tell them apart where they do; else scores are those in [0, 1], or as many as there are class names."""

    def as_scores(name: str) -> tuple[bool, bool, bool, bool]:
        value, lower = seen.outputs[name], name.lower()
        return (
            any(word in lower for word in _SCORE_WORDS) and not any(word in lower for word in _SIDE_WORDS),
            seen.names is not None and value.shape[2] == seen.names,
            are_probabilities(value),
            value.shape[2] % 4 != 0,
        )

    first, second = names
    return (first, second) if as_scores(first) >= as_scores(second) else (second, first)


def _in_one_table(seen: Seen) -> Recognised | None:
    """(1, N, C + 4 × bins): class scores in [0, 1] followed by logits."""
    for name, value in seen.outputs.items():
        if value.ndim != 3:
            continue
        rows, strides = value[0], strides_for(value.shape[1], seen.size)
        bins = _bins(rows.shape[1], seen.names)
        classes = rows.shape[1] - 4 * bins
        if strides is None or classes < 1:
            continue
        if not are_probabilities(rows[:, :classes]) or are_probabilities(rows[:, classes:]):
            continue
        plus = len(strides) >= 4
        why = (
            f"output {name!r} has {len(rows)} rows, one for each cell at strides "
            f"{'/'.join(map(str, strides))}, of {classes} class scores and 4 × {bins} logits over box sides"
        )
        reader = DistributionReader(((name, name),), classes, seen.size, strides, (0.0, 0.0) if plus else (0.5, -0.5))
        certainty = DECLARED if classes == seen.names else ARITHMETIC if seen.names is None else PLAUSIBLE
        certainty = certainty if len(strides) > 1 else PLAUSIBLE
        return Recognised("nanodet", reader, NANODET_PLUS if plus else NANODET, classes, (why,), certainty)
    return None


def _bins(columns: int, names: int | None) -> int:
    """Bins a side: what the number of class names leaves, else the published models' 8."""
    if names is not None and columns > names and (columns - names) % 4 == 0 and columns - names >= 8:
        return (columns - names) // 4
    return _USUAL_BINS
