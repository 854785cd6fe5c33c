"""Places in the order of a column, in either direction; of a column of which little changes, little is sorted anew."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Order = NDArray[np.int32]
Column = NDArray[np.float64] | NDArray[np.int64]

FEW = 4096
"""Values that are put in their places one by one; more of them are sorted with all the others."""


@dataclass(frozen=True)
class Ranking:
    """The order of `column` (N,), equal values by place; those of which nothing is known (nan) last, in either
    direction: of `upward` (N,) the places behind the first `known`."""

    column: Column
    upward: Order
    known: int

    def turned(self) -> Order:
        """The other way round: the groups of equal values, each as it is, from the last to the first."""
        count = self.known
        if not count:
            return self.upward
        values = self.column[self.upward[:count]]
        first = np.flatnonzero(np.concatenate([[True], values[1:] != values[:-1]]))
        length = np.diff(first, append=count)
        moved = np.repeat(count - length - 2 * first, length)
        downward = self.upward.copy()
        downward[np.arange(count) + moved] = self.upward[:count]
        return downward


def ranking(column: Column) -> Ranking:
    """All of it sorted."""
    unknown = _unknown(column)
    if not unknown.any():
        return Ranking(column, np.argsort(column, kind="stable").astype(np.int32), len(column))
    known = np.flatnonzero(~unknown)
    upward = known[np.argsort(column[known], kind="stable")]
    return Ranking(column, np.concatenate([upward, np.flatnonzero(unknown)]).astype(np.int32), len(known))


def ranking_after(before: Ranking, column: Column) -> Ranking:
    """The same as `ranking(column)`, quicker where few values differ from those of `before`."""
    if len(column) != len(before.column) or column.dtype != before.column.dtype:
        return ranking(column)
    unknown = _unknown(column)
    changed = np.flatnonzero((column != before.column) & ~(unknown & _unknown(before.column)))
    if len(changed) > FEW:
        return ranking(column)
    stays = np.ones(len(column), bool)
    stays[changed] = False
    kept = before.upward[: before.known]
    kept = kept[stays[kept]]
    new = changed[~unknown[changed]].astype(np.int32)
    new = new[np.argsort(column[new], kind="stable")]
    upward = np.insert(kept, _where(column, kept, new), new)
    return Ranking(column, np.concatenate([upward, np.flatnonzero(unknown).astype(np.int32)]), len(upward))


class Ranker:
    """The rankings of one column, each made from the one before."""

    def __init__(self) -> None:
        self._newest: Ranking | None = None

    def ranking(self, column: Column) -> Ranking:
        before = self._newest
        self._newest = found = ranking(column) if before is None else ranking_after(before, column)
        return found


def _where(column: Column, kept: Order, new: Order) -> NDArray[np.int64]:
    """(M,) before which of the ordered places `kept` each of `new` belongs."""
    values = column[kept]
    first, behind = (np.searchsorted(values, column[new], side) for side in ("left", "right"))
    # Among equal ones, which are few or many, by place.
    within = [np.searchsorted(kept[low:high], place) for place, low, high in zip(new, first, behind, strict=True)]
    return first + np.array(within, np.int64)


def _unknown(column: Column) -> NDArray[np.bool_]:
    return np.isnan(column) if column.dtype.kind == "f" else np.zeros(len(column), bool)
