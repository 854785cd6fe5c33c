"""Files in Ray's object store, some together, for workers that can't see them where they lie."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from calibtui.pipeline.workers.files import Files

TOGETHER = 8 << 20
"""Bytes from which on a part of the files is put there."""


@dataclass(slots=True)
class FilesStored:
    """`parts`: references of lists of contents; `firsts`: the place of the first of each; `count` of all files."""

    parts: tuple[Any, ...]
    firsts: tuple[int, ...]
    count: int
    _newest: tuple[int, list[bytes]] = field(default=(-1, []))

    def read(self, place: int) -> bytes:
        part = bisect_right(self.firsts, place) - 1
        number, contents = self._newest
        if number != part:
            import ray

            contents = ray.get(self.parts[part])
            self._newest = (part, contents)
        return contents[place - self.firsts[part]]

    def __len__(self) -> int:
        return self.count


def stored(ray: ModuleType, files: Files) -> FilesStored:
    """Raises UnreadableImage."""
    parts, firsts, place = [], [], 0
    for contents in _parted(files):
        parts.append(ray.put(contents))
        firsts.append(place)
        place += len(contents)
    return FilesStored(tuple(parts), tuple(firsts), place)


def _parted(files: Files) -> Iterator[list[bytes]]:
    contents: list[bytes] = []
    for place in range(len(files)):
        contents.append(files.read(place))
        if sum(map(len, contents)) >= TOGETHER:
            yield contents
            contents = []
    if contents:
        yield contents
