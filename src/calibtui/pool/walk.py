"""Walking a directory: every file with a wanted extension, with its size and time, in a fraction of a millisecond
each."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from typing import NamedTuple


class FoundFile(NamedTuple):
    """A file met on the way, or a directory that could not be entered (`size_bytes` -1). `path` is absolute text."""

    path: str
    size_bytes: int
    mtime_ns: int


def walk(directory: str, extensions: tuple[str, ...], *, depth: int | None = None) -> Iterator[FoundFile]:
    """Files under `directory` whose lower-case name ends in one of `extensions`, at most `depth` levels down.

    Hidden files and directories (a leading dot) are left out: they hold state and resource forks, not frames. Links to
    directories are followed after all real ones, and no directory is entered twice, so a loop of links ends and a file
    is named by its real place first. A directory below that can't be read is yielded as missing, so that it shows.
    Raises OSError where `directory` itself can't be read."""
    entered: set[tuple[int, int]] = set()
    real = [(directory, 1)]
    linked: list[tuple[str, int]] = []
    while real or linked:
        if not real:
            linked.sort(reverse=True)
            real.append(linked.pop())
        path, level = real.pop()
        try:
            about = os.stat(path)  # noqa: PTH116 - this loop runs once a file, and a Path costs more than the call
            if (about.st_dev, about.st_ino) in entered:
                continue
            entered.add((about.st_dev, about.st_ino))
            with os.scandir(path) as entries:
                for entry in entries:
                    name = entry.name
                    if name.startswith("."):
                        continue
                    if name.lower().endswith(extensions):
                        file = _file(entry)
                        if file is not None:
                            yield file
                            continue
                    if (depth is None or level < depth) and _is_directory(entry):
                        (linked if entry.is_symlink() else real).append((entry.path, level + 1))
        except OSError:
            if path == directory:
                raise
            yield FoundFile(path, -1, 0)


def _file(entry: os.DirEntry[str]) -> FoundFile | None:
    """None for what is no regular file; a dangling link is a missing file."""
    try:
        about = entry.stat()
    except OSError:
        return FoundFile(entry.path, -1, 0)
    return FoundFile(entry.path, about.st_size, about.st_mtime_ns) if stat.S_ISREG(about.st_mode) else None


def _is_directory(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False
