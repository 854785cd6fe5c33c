"""The candidates worth suppressing: those at or above the lowest score, best first."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from calibtui.detector.decoders.contract import Decoded

MOST_CANDIDATES = 30_000
"""The best so many pass on: far more than 100 final detections need, and a bound on the time a broken model can
take."""


def best_candidates(
    decoded: Decoded, score_min: float
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int64]]:
    """Boxes (N, 4), scores (N,) in [0, 1] and classes (N,), best first; ties keep the model's order, box by box.

    A box appears once for each class in which it reaches `score_min`. Rows with a coordinate that isn't finite are
    dropped.
    """
    if decoded.labels is None:
        rows = np.flatnonzero(decoded.scores.max(axis=1, initial=0.0) >= score_min)
        chosen, classes = np.nonzero(decoded.scores[rows] >= score_min)
        rows = rows[chosen]
        scores = decoded.scores[rows, classes]
    else:
        rows = np.flatnonzero((decoded.scores >= score_min) & (decoded.labels >= 0))
        scores, classes = decoded.scores[rows], decoded.labels[rows]
    boxes = decoded.boxes[rows]
    order = np.argsort(-scores, kind="stable")[:MOST_CANDIDATES]
    order = order[np.isfinite(boxes[order]).all(axis=1)]
    return boxes[order], scores[order].clip(0.0, 1.0), classes[order]
