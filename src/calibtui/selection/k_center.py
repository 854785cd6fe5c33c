"""Frames that cover the pool: greedy k-center, plain or weighted by difficulty.

Source: T. Gonzalez, Clustering to minimize the maximum intercluster distance (1985): always take the frame farthest
from those already taken, at distance 1 − cosine. The choice is exactly the greedy one; only the work is batched.
Distances never grow, so among the frames that were farthest when last looked at, the leaders, frames can be taken one
after another for as long as the best of them beats what every other frame had then. Then all frames meet those taken
in one matrix product.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from calibtui.selection.candidates import Candidates
from calibtui.selection.percentiles import middle_ranks
from calibtui.selection.similarity import Vectors

Choice = tuple[int, str]
LEADERS = 256


def k_center(frames: Candidates, count: int) -> list[Choice]:
    """`count` frames, each the farthest from the pinned and those before it; without pins a seeded one comes first."""
    picks = farthest_first(frames.vectors, np.ones(len(frames)), frames.free, frames.pinned, count)
    return [(position, "start" if near is None else f"farthest: similarity {near:.2f}") for position, near in picks]


def weighted_k_center(frames: Candidates, count: int) -> list[Choice]:
    """The same over scored frames, with distance × the percentile of the frame's difficulty among them; the hardest
    comes first. Percentiles, because a judge's scale has no fixed meaning and its order has."""
    scored = frames.scored
    weight = np.zeros(len(frames))
    weight[scored] = middle_ranks(frames.difficulty[scored]) / max(1, int(scored.sum()))
    picks = farthest_first(frames.vectors, weight, frames.free & scored, frames.pinned, count)
    return [(position, _why(float(frames.difficulty[position]), near)) for position, near in picks]


def _why(difficulty: float, near: float | None) -> str:
    hard = f"difficulty {difficulty:.2f}"
    return f"start: {hard}" if near is None else f"hard and far: {hard}, similarity {near:.2f}"


def farthest_first(
    vectors: Vectors, weight: NDArray[np.float64], eligible: NDArray[np.bool_], given: NDArray[np.int64], count: int
) -> list[tuple[int, float | None]]:
    """Up to `count` eligible positions, each of greatest weight × distance to `given` and to those before it; of equal
    ones the first. With each its cosine to the nearest of them, None where it had none."""
    open_ = eligible.copy()
    picks: list[tuple[int, float | None]] = []
    if not len(given) and count and open_.any():
        start = int(np.argmax(np.where(open_, weight, -1)))
        picks.append((start, None))
        open_[start] = False
        given = np.array([start])
    near = vectors.closest(given)
    while len(picks) < count and open_.any():
        value = np.where(open_, _value(weight, near, vectors.one), -1)
        taken = _greedy(vectors, weight, near, value, count - len(picks))
        picks += [(position, product / vectors.one) for position, product in taken]
        positions = np.array([position for position, _ in taken], np.int64)
        open_[positions] = False
        np.maximum(near, vectors.closest(positions), out=near)
    return picks


def _value(weight: NDArray[np.float64], near: NDArray[np.float32], one: float) -> NDArray[np.float64]:
    value: NDArray[np.float64] = weight * np.maximum(one - near.astype(np.float64), 0)
    return value


def _greedy(
    vectors: Vectors, weight: NDArray[np.float64], near: NDArray[np.float32], value: NDArray[np.float64], count: int
) -> list[tuple[int, float]]:
    """At least one and up to `count` greedy choices with their products, from `value` (N,) at this moment; −1 is
    closed."""
    leaders = _leaders(value)
    others = value.copy()
    others[leaders] = -1
    rival = int(np.argmax(others))
    among = vectors.products(leaders, leaders)
    closest, worth = near[leaders].copy(), value[leaders].copy()
    taken: list[tuple[int, float]] = []
    while len(taken) < count:
        best = int(np.argmax(worth))
        position = int(leaders[best])
        if worth[best] < 0 or (worth[best], -position) < (others[rival], -rival):
            break
        taken.append((position, float(closest[best])))
        np.maximum(closest, among[best], out=closest)
        worth = np.where(worth < 0, -1, _value(weight[leaders], closest, vectors.one))
        worth[best] = -1
    return taken


def _leaders(value: NDArray[np.float64]) -> NDArray[np.int64]:
    """The positions of the largest values, ascending, the first of the very largest certainly among them."""
    if len(value) <= LEADERS:
        return np.arange(len(value))
    largest = np.argpartition(value, len(value) - LEADERS)[-LEADERS:]
    return np.unique(np.append(largest, np.argmax(value)))
