"""Attaching to the engine of a workspace, and starting it where none runs."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

from calibtui.core.errors import (
    CalibtuiError,
    ConfigurationError,
    EngineGoneError,
    StoreDamagedError,
    WorkspaceBusyError,
    WorkspaceError,
)
from calibtui.engine.client.places import LOCK, STATE, Place, announced

READY = "ready"
COMES_UP_S = 60.0
LETS_GO_S = 5.0
ANSWERS_S = 3.0


def running_engine(root: Path) -> Place | None:
    """The engine that answers for the workspace now, None where none does."""
    place = announced(root.resolve())
    return place if place is not None and _answers(place.socket) else None


def attach_or_start(root: Path) -> Place:
    """The workspace's engine, started detached from this terminal where none runs.

    Raises what kept it from starting (ConfigurationError, WorkspaceError), EngineGoneError where it doesn't come up.
    """
    root = root.resolve()
    began = time.monotonic()
    while (place := running_engine(root)) is None:
        if _locked(root) and time.monotonic() < began + COMES_UP_S:
            # Somebody else's engine is coming up, or one is about to end.
            time.sleep(0.1)
            continue
        try:
            start_engine(root)
        except WorkspaceBusyError:
            # A dying engine may not have let go of the store yet; a headless run won't.
            if time.monotonic() > began + LETS_GO_S and not _locked(root):
                raise
            time.sleep(0.1)
    return place


def start_engine(root: Path, *, idle_s: float | None = None) -> None:
    """Returns once it answers. Raises WorkspaceBusyError where there is one, or what else kept it from starting."""
    command = [sys.executable, "-m", "calibtui.engine.server", os.fspath(root)]
    command += [str(idle_s)] if idle_s is not None else []
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        cwd="/",
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        said = process.stdout.readline().decode(errors="replace").strip()
        if said == READY:
            # Left to itself: it outlives this process, and its end is nobody's to wait for.
            process.returncode = 0
            return
        last = process.stderr.read().decode(errors="replace").strip().splitlines()
        process.wait()
    raise _told(said) or EngineGoneError(
        f"The engine of {root} did not come up: {last[-1] if last else 'it said nothing'}.",
        "`calibtui doctor` checks the workspace.",
    )


def _told(said: str) -> CalibtuiError | None:
    try:
        told = json.loads(said)
        code, message, hint = int(told["exit_code"]), str(told["message"]), str(told["hint"])
    except (ValueError, KeyError, TypeError):
        return None
    kinds: dict[int, type[CalibtuiError]] = {2: ConfigurationError, 6: WorkspaceError}
    if "in use" in message or "has an engine already" in message:
        return WorkspaceBusyError(message, hint)
    return kinds.get(code, StoreDamagedError)(message, hint)


def _locked(root: Path) -> bool:
    """Whether an engine has the workspace's lock, be it that it answers already or not."""
    try:
        with (root / STATE / LOCK).open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(ANSWERS_S)
        try:
            probe.connect(os.fspath(path))
        except OSError:
            return False
    return True
