"""How far a model's bare outputs are from another's, tensor by tensor, summed up frame by frame.

Nothing but a few numbers a tensor is kept, however large the outputs are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Outputs = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class TensorError:
    """`relative` is the power of the error over the power of the signal, `sqnr` the same in dB the other way round:
    infinite where the tensors are equal. `largest` difference of an element, in the tensor's own unit. nan where
    `compared` is False: shapes differ from frame to frame of one model to the other, or values are text."""

    name: str
    compared: bool
    sqnr: float
    relative: float
    largest: float


@dataclass
class _Sums:
    signal: float = 0.0
    noise: float = 0.0
    largest: float = 0.0
    compared: bool = True


@dataclass
class OutputTally:
    """`add` each frame's outputs of both models; `errors` then tells of each tensor."""

    frames: int = 0
    _sums: dict[str, _Sums] = field(default_factory=dict)

    def add(self, reference: Outputs, other: Outputs) -> None:
        """Integers and truth values count as numbers. A number that only one of the models gives as infinite or as
        none at all makes the error infinite."""
        self.frames += 1
        for name, values in reference.items():
            sums = self._sums.setdefault(name, _Sums())
            theirs = other[name]
            if values.dtype.kind not in "fiub" or values.shape != theirs.shape:
                sums.compared = False
                continue
            exact, found = values.astype(np.float64), theirs.astype(np.float64)
            with np.errstate(invalid="ignore"):
                apart = np.where(_same(exact, found), 0.0, np.abs(exact - found))
            apart = np.where(np.isfinite(apart), apart, np.inf)
            sums.signal += float(np.square(exact[np.isfinite(exact)]).sum())
            sums.noise += float(np.square(apart).sum())
            sums.largest = max(sums.largest, float(apart.max(initial=0.0)))

    def errors(self) -> tuple[TensorError, ...]:
        """In the order of the model's outputs."""
        return tuple(_error(name, sums) for name, sums in self._sums.items())


def _same(left: NDArray[np.float64], right: NDArray[np.float64]) -> NDArray[np.bool_]:
    same: NDArray[np.bool_] = (left == right) | (np.isnan(left) & np.isnan(right))
    return same


def _error(name: str, sums: _Sums) -> TensorError:
    if not sums.compared:
        return TensorError(name, False, np.nan, np.nan, np.nan)
    if sums.noise == 0:
        return TensorError(name, True, np.inf, 0.0, 0.0)
    if sums.signal == 0 or np.isinf(sums.noise):
        return TensorError(name, True, -np.inf, np.inf, sums.largest)
    relative = sums.noise / sums.signal
    return TensorError(name, True, -10 * float(np.log10(relative)), relative, sums.largest)
