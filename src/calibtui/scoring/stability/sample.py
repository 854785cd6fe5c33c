"""Which frames are asked again: a few from every level of difficulty, as many as the level has of the pool."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from calibtui.core.errors import ConfigurationError

STRATA = 10


@dataclass(frozen=True, slots=True)
class Sample:
    """`digests` in ascending order of difficulty, out of `pool` scored frames in `strata` levels of equal count."""

    digests: tuple[str, ...]
    pool: int
    strata: int

    @property
    def sentence(self) -> str:
        """The sample in words."""
        return (
            f"{len(self.digests)} of {self.pool} scored frames, drawn evenly from {self.strata} levels of difficulty."
        )


def stratified(difficulty: Mapping[str, float], size: int, *, seed: int = 0, strata: int = STRATA) -> Sample:
    """`size` frames of the scored ones (digest to difficulty in [0, 1]); all of them where there are no more.

    The frames in order of difficulty, equal ones by a hash of their digest, are cut into levels of equal count, and
    each level gives its share, drawn by the hash (proportionate stratified sampling: Cochran, Sampling Techniques,
    3rd ed., chapter 5). So figures over the sample are figures of the pool without weights, and no draw misses the
    hard tail. The same frames and seed give the same sample, whatever order they come in.

    Raises ConfigurationError for an empty pool, a size under 1 and a difficulty that is no number.
    """
    if size < 1 or not difficulty:
        raise ConfigurationError(
            f"{size} of {len(difficulty)} scored frames can't be drawn.",
            "Score some frames first, and ask for at least one.",
        )
    for digest, value in difficulty.items():
        if not np.isfinite(value):
            raise ConfigurationError(f"The difficulty of frame {digest} is {value}.", "Score the frame again.")
    lot = {digest: hashlib.sha256(f"sample\n{seed}\n{digest}".encode()).digest() for digest in difficulty}
    order = sorted(difficulty, key=lambda digest: (difficulty[digest], lot[digest]))
    size = min(size, len(order))
    levels = min(strata, size)
    # Cutting both by the same rule gives each level its share to within one frame, and the whole its exact size.
    frames, takes = (np.arange(levels + 1) * total // levels for total in (len(order), size))
    chosen: list[str] = []
    for level in range(levels):
        members = order[frames[level] : frames[level + 1]]
        drawn = set(sorted(members, key=lot.__getitem__)[: takes[level + 1] - takes[level]])
        chosen += [digest for digest in members if digest in drawn]
    return Sample(tuple(chosen), len(order), levels)
