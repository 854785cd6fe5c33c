"""Files that jobs read, by their place, wherever a worker is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from calibtui.pool.decoding import read_bytes


class Files(Protocol):
    def read(self, place: int) -> bytes:
        """The file's bytes. Raises UnreadableImage."""

    def __len__(self) -> int: ...


@dataclass(frozen=True, slots=True)
class FilesHere:
    """Of this machine."""

    paths: tuple[Path, ...]

    def read(self, place: int) -> bytes:
        return read_bytes(self.paths[place])

    def __len__(self) -> int:
        return len(self.paths)
