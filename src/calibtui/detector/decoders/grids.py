"""Feature-map grids: how many cells an input has at a set of strides, and where they lie."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

STRIDE_SETS = ((8, 16, 32), (8, 16, 32, 64), (4, 8, 16, 32), (16, 32), (8, 16), (16,), (32,), (8,))


def level_sizes(size: tuple[int, int], strides: tuple[int, ...]) -> tuple[tuple[int, int], ...]:
    """(columns, rows) of each level: padded convolutions round up."""
    return tuple((-(-size[0] // stride), -(-size[1] // stride)) for stride in strides)


def cell_count(size: tuple[int, int], strides: tuple[int, ...]) -> int:
    return sum(columns * rows for columns, rows in level_sizes(size, strides))


def strides_for(count: int, size: tuple[int, int], per_cell: int = 1) -> tuple[int, ...] | None:
    """The strides whose grids over an input of (width, height) `size` px hold `count` rows, `per_cell` in each cell."""
    return next((s for s in STRIDE_SETS if cell_count(size, s) * per_cell == count), None)


def on_pyramid(count: int, size: tuple[int, int], per_cell: int = 1) -> bool:
    """`count` rows fit the grids of two strides or more: one grid alone is a square number, which much else can be."""
    return len(strides_for(count, size, per_cell) or ()) > 1


def cells(size: tuple[int, int], strides: tuple[int, ...]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Column and row (N, 2) and stride (N, 1) of every cell, float32, level by level and row by row."""
    places, steps = [], []
    for stride, (columns, rows) in zip(strides, level_sizes(size, strides), strict=True):
        y, x = np.divmod(np.arange(columns * rows), columns)
        places.append(np.stack([x, y], axis=1))
        steps.append(np.full((columns * rows, 1), stride))
    return np.concatenate(places).astype(np.float32), np.concatenate(steps).astype(np.float32)
