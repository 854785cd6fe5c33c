"""Average precision with weighted frames, for many weightings at once.

A frame of weight w counts as w copies of itself. COCO's interpolated precision at a recall is the best precision at
that or any higher recall, and precision can only peak where a true positive stands, so everything is reckoned at the
true positives: with k of the 101 recall points reached at each, AP is the sum of (envelope × newly reached points) /
101.

Rows are detections and columns are weightings, so that each step is one vector operation over all weightings.
Whole-number weights give exactly what copying the frames gives, but for equal scores of one class within one frame,
whose order among the copies is nobody's to say.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from calibtui.evaluation.protocol import IGNORED, RECALL_POINTS, RECALL_STEP, TRUE_POSITIVE, Matches

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]
FEW_COLUMNS = 64


def average_precision(matches: Matches, weights: Floats, area: int, label: int) -> Floats:
    """AP of class `label` in area range `area` at each threshold and weighting: (T, R) float64, nan where nothing
    counts.

    `weights` (F, R) float64, not negative: how often each frame is there, one column a weighting.
    """
    own = slice(matches.truth_starts[label], matches.truth_starts[label + 1])
    objects = weights[matches.truth_frame[own][matches.truth_counts[area, own]]].sum(axis=0)
    found = slice(matches.starts[label], matches.starts[label + 1])
    frame, outcomes = matches.frame[found], matches.outcome[area, :, found]
    precision = np.zeros((len(outcomes), weights.shape[1]))
    ever_right = np.flatnonzero((outcomes == TRUE_POSITIVE).any(axis=0))
    if objects.any() and len(ever_right):
        ever_counts = (outcomes != IGNORED).any(axis=0)
        seen = _seen(np.flatnonzero(ever_counts), ever_right, frame, weights)
        for row, outcome in enumerate(outcomes):
            hits = np.flatnonzero(outcome == TRUE_POSITIVE)
            if len(hits):
                so_far = seen[np.searchsorted(ever_right, hits)]
                _take_back(so_far, hits, np.flatnonzero(ever_counts & (outcome == IGNORED)), frame, weights)
                precision[row] = _interpolated(_cumulated(weights[frame[hits]]), so_far, objects)
    precision[:, objects == 0] = np.nan
    return precision


def _seen(counted: Indices, stops: Indices, frame: Indices, weights: Floats) -> Floats:
    """The weight of the detections `counted` up to and with each of `stops`, (P, R).

    The thresholds share it. Detections between two stops are summed by one sparse product: no row is kept for them.
    """
    segment = np.searchsorted(stops, counted)
    pointers = np.searchsorted(segment, np.arange(len(stops) + 1))
    columns = frame[counted[: pointers[-1]]]
    sums = csr_array((np.ones(len(columns)), columns, pointers), shape=(len(stops), len(weights))) @ weights
    return _cumulated(sums)


def _take_back(so_far: Floats, hits: Indices, ignored: Indices, frame: Indices, weights: Floats) -> None:
    """Takes the detections that only this threshold ignores out of the sums at its hits, in place."""
    before = np.searchsorted(ignored, hits)
    if before[-1]:
        weight = _cumulated(weights[frame[ignored[: before[-1]]]])
        late = before > 0
        so_far[late] -= weight[before[late] - 1]


def _interpolated(hits: Floats, seen: Floats, objects: Floats) -> Floats:
    """Mean of the interpolated precision over the recall points, (R,), from the weights of true positives and of all
    detections so far, (P, R) each, at each true positive."""
    with np.errstate(invalid="ignore", divide="ignore"):
        recall = hits / objects
    reached = np.floor(recall * (RECALL_POINTS - 1))
    # The product above rounds; the point itself, i × step, is what recall is compared with.
    reached += (reached + 1) * RECALL_STEP <= recall
    reached -= reached * RECALL_STEP > recall
    reached[1:] -= reached[:-1].copy()
    reached[0] += 1
    np.divide(hits, seen + np.spacing(1), out=recall)
    interpolated: Floats = np.einsum("pr,pr->r", _envelope(recall), reached)
    return interpolated / RECALL_POINTS


def _cumulated(rows: Floats) -> Floats:
    """Running sums down the rows, in place. Row by row beats `cumsum`, which strides, unless rows are short."""
    if rows.shape[1] < FEW_COLUMNS:
        return np.cumsum(rows, axis=0, out=rows)
    for i in range(1, len(rows)):
        np.add(rows[i - 1], rows[i], out=rows[i])
    return rows


def _envelope(rows: Floats) -> Floats:
    """The largest value at or below each row, in place."""
    if rows.shape[1] < FEW_COLUMNS:
        return np.maximum.accumulate(rows[::-1], axis=0)[::-1]
    for i in range(len(rows) - 2, -1, -1):
        np.maximum(rows[i], rows[i + 1], out=rows[i])
    return rows
