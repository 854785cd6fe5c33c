"""The label files of a directory, one a frame, and reading one of them."""

from __future__ import annotations

from pathlib import Path

from calibtui.core.errors import AnnotationError
from calibtui.pool.walk import walk

SIZE_LIMIT = 64 << 20
"""Bytes of the largest label file that is read."""


def label_files(directory: Path, extension: str) -> dict[str, Path]:
    """{path below `directory`, in POSIX form: file} of every file with `extension`. Raises AnnotationError."""
    start = len(str(directory).rstrip("/")) + 1
    try:
        found = [file.path for file in walk(str(directory), (extension,)) if file.size_bytes >= 0]
    except OSError as error:
        raise AnnotationError(f"The annotations {directory} can't be read: {error.strerror}.") from error
    return {path[start:]: Path(path) for path in sorted(found)}


def read_label(path: Path) -> bytes:
    """The bytes of one label file. Raises AnnotationError for one that can't be read or is over SIZE_LIMIT."""
    try:
        if path.stat().st_size > SIZE_LIMIT:
            raise AnnotationError(f"{path} is over {SIZE_LIMIT >> 20} MiB, too large for the labels of one frame.")
        return path.read_bytes()
    except OSError as error:
        raise AnnotationError(f"The label file {path} can't be read: {error.strerror}.") from error
