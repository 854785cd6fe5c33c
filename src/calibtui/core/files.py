"""Writing files so that one that is there is whole."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

from calibtui.core.errors import WorkspaceUnwritableError


@contextlib.contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Yields a temporary path beside `path`; on leaving, fsyncs it and renames it into place; on an error, removes it.

    Raises WorkspaceUnwritableError for a read-only directory and a full disk, naming the path.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with unwritable_named(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            yield part
            _fsync(part)
            part.replace(path)
            _fsync(path.parent)
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


@contextlib.contextmanager
def unwritable_named(path: Path) -> Iterator[None]:
    """Turns the OS's "read-only", "no permission" and "no space" into a WorkspaceUnwritableError that names `path`."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise WorkspaceUnwritableError(
                f"The disk is full: {path} could not be written.", "Free some space and run the same command again."
            ) from error
        if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
            raise WorkspaceUnwritableError(
                f"{path} can't be written: {error.strerror}.", "Check the directory's owner and permissions."
            ) from error
        raise


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
