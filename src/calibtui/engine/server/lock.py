"""One engine a workspace: a lock that the kernel gives back when its holder dies, however it dies."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from pathlib import Path

from calibtui import __version__
from calibtui.core.errors import WorkspaceBusyError
from calibtui.core.files import unwritable_named
from calibtui.engine.client.places import LOCK, announced
from calibtui.engine.wire.exchange import WIRE


@contextlib.contextmanager
def held_lock(root: Path, state: Path, socket: Path) -> Iterator[None]:
    """Holds the workspace for this engine, and tells clients in the lock file where its socket is.

    The file stays when the engine ends: removing it would let a third process lock a file that a second one has just
    opened. Raises WorkspaceBusyError where another engine lives, WorkspaceUnwritableError.
    """
    path = state / LOCK
    with unwritable_named(path):
        state.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _lock(descriptor, root)
        told = {"pid": os.getpid(), "socket": str(socket), "wire": WIRE, "version": __version__}
        with unwritable_named(path):
            _write(descriptor, json.dumps(told).encode())
        yield
        _write(descriptor, b"")
    finally:
        os.close(descriptor)


def _lock(descriptor: int, root: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        other = announced(root)
        who = f"process {other.pid}" if other else "another process"
        raise WorkspaceBusyError(
            f"The workspace {root} has an engine already: {who}.",
            "Attach to it with `calibtui launch`, or end it with `calibtui stop`.",
        ) from error


def _write(descriptor: int, content: bytes) -> None:
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, content, 0)
    os.fsync(descriptor)
