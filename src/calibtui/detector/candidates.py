"""From decoded rows to the detections that stay: those above the lowest score, best first, suppressed class by
class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibtui.detector.decoders.contract import Decoded
from calibtui.detector.suppression import suppress

MOST_CANDIDATES = 30_000
"""The best so many are looked at: far more than 100 final detections need, and a bound on what a broken model can
cost."""
_ROWS_A_PLACE = 5


@dataclass(frozen=True, slots=True)
class Candidates:
    """Boxes (N, 4), scores (N,) in [0, 1] and classes (N,), best first; ties keep the model's order, row by row. `rows`
    (N,): where each stands among the decoded ones."""

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    classes: NDArray[np.int64]
    rows: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.scores)

    def at(self, index: NDArray[np.int64] | slice) -> Candidates:
        return Candidates(self.boxes[index], self.scores[index], self.classes[index], self.rows[index])


def final_candidates(decoded: Decoded, score_min: float, iou_max: float, limit: int) -> Candidates:
    """The best `limit` that are left by suppression at `iou_max` (0: none). A row appears once for each class in
    which it reaches `score_min`.

    A model may give ten thousands of faint candidates for `limit` places, so the best few rows are tried first; only
    if suppression leaves places free among them are all looked at. The result is the same.
    """
    best = _best(decoded)
    floor = _floor_for(_ROWS_A_PLACE * limit, best, score_min)
    chosen = _survivors(decoded, best, floor, iou_max, limit)
    if len(chosen) < limit and floor > score_min:
        chosen = _survivors(decoded, best, score_min, iou_max, limit)
    return chosen


def candidates_reaching(decoded: Decoded, best: NDArray[np.float32], floor: float) -> Candidates:
    """All with a score of at least `floor`, no more than MOST_CANDIDATES; rows that aren't finite are dropped. `best`
    (M,) is each row's highest score."""
    rows = np.flatnonzero((best >= floor) & np.isfinite(decoded.boxes).all(axis=1))
    if decoded.labels is None:
        reaching, classes = np.nonzero(decoded.scores[rows] >= floor)
        rows = rows[reaching]
        scores = decoded.scores[rows, classes]
    else:
        scores, classes = decoded.scores[rows], decoded.labels[rows]
    order = np.argsort(-scores, kind="stable")[:MOST_CANDIDATES]
    return Candidates(decoded.boxes[rows[order]], scores[order].clip(0.0, 1.0), classes[order], rows[order])


def _survivors(decoded: Decoded, best: NDArray[np.float32], floor: float, iou_max: float, limit: int) -> Candidates:
    found = candidates_reaching(decoded, best, floor)
    return found.at(suppress(found.boxes, found.classes, iou_max, limit) if iou_max > 0 else slice(limit))


def _best(decoded: Decoded) -> NDArray[np.float32]:
    """(M,) each row's highest score; −1 for rows that are only padding or not a number."""
    if decoded.labels is None:
        best = decoded.scores.max(axis=1, initial=-1.0)
    else:
        best = np.where(decoded.labels >= 0, decoded.scores, np.float32(-1))
    return np.where(np.isnan(best), np.float32(-1), best)


def _floor_for(rows: int, best: NDArray[np.float32], score_min: float) -> float:
    """The score that `rows` rows reach, or `score_min` where fewer do: the `rows` best candidates all reach it."""
    if len(best) <= rows:
        return score_min
    return max(score_min, float(np.partition(best, -rows)[-rows]))
