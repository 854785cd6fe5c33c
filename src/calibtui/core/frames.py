"""Candidate frames: what a source offers, and what the index knows of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Candidate(NamedTuple):
    """One file that a source of the pool names, before it is opened: made once a file of a pool of any size, so it is
    light.

    `uri` is how the product names the frame everywhere: the path relative to the workspace in POSIX form where the file
    lies inside it, else the absolute path. `file` is that absolute path as text. `size_bytes` is -1 and `mtime_ns` 0
    where
    the file is missing. `columns` are a manifest's further columns.
    """

    uri: str
    file: str
    size_bytes: int
    mtime_ns: int
    columns: Mapping[str, str] = MappingProxyType({})

    @property
    def path(self) -> Path:
        return Path(self.file)


@dataclass(frozen=True, slots=True)
class IndexedFrame:
    """A row of the index: a readable frame, or a file with the `reason` why it is none.

    `digest` is the lower-case hex SHA-256 of the file's bytes ("" where they can't be read); `width` and `height` are
    px
    after EXIF rotation; `descriptor` is (D,) float32 of unit length, None where there is a `reason`.
    """

    uri: str
    path: Path
    digest: str
    size_bytes: int
    mtime_ns: int
    width: int
    height: int
    format: str
    descriptor: NDArray[np.float32] | None
    reason: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
