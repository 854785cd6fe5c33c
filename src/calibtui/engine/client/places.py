"""Where the engine of a workspace is found.

`.calibtui/engine.lock` is locked by the engine for as long as it lives and says, as JSON, on which socket it answers.
The socket is elsewhere, in a directory of the user's own with a short path: the address of a Unix socket holds 107
bytes, and a workspace may lie deeper than that.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from calibtui.core.errors import WorkspaceUnwritableError

LOCK = "engine.lock"
STATE = ".calibtui"
LONGEST_ADDRESS = 107


@dataclass(frozen=True, slots=True)
class Place:
    """What an engine says of itself; it may have died since."""

    pid: int
    socket: Path
    wire: int
    version: str


def announced(root: Path) -> Place | None:
    """What the lock file of the workspace says, None where there is nothing in it."""
    try:
        told = json.loads((root / STATE / LOCK).read_text(encoding="utf-8"))
        return Place(int(told["pid"]), Path(told["socket"]), int(told["wire"]), str(told["version"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def socket_path(root: Path) -> Path:
    """The socket's path for the workspace `root`, in a directory that is made, and is nobody else's.

    Raises WorkspaceUnwritableError where there is no such directory to be had.
    """
    name = hashlib.sha256(os.fsencode(root.resolve())).hexdigest()[:16] + ".sock"
    for directory in _directories():
        if len(os.fsencode(directory / name)) <= LONGEST_ADDRESS and _private(directory):
            return directory / name
    tried = ", ".join(str(directory) for directory in _directories())
    raise WorkspaceUnwritableError(
        f"No directory for the engine's socket can be made: tried {tried}.",
        "Set XDG_RUNTIME_DIR to a short path of a directory of your own.",
    )


def _directories() -> list[Path]:
    given = os.environ.get("XDG_RUNTIME_DIR", "")
    named = [Path(given) / "calibtui"] if given.startswith("/") else []
    return [*named, Path("/tmp") / f"calibtui-{os.getuid()}"]


def _private(directory: Path) -> bool:
    """Whether it is there, or could be made, and none but this user can look into it."""
    try:
        directory.mkdir(mode=0o700, exist_ok=True)
        found = directory.lstat()
    except OSError:
        return False
    mine = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()
    if mine and stat.S_IMODE(found.st_mode) != 0o700:
        directory.chmod(0o700)
    return mine
