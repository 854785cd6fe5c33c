"""The engine as a process: cut loose from the terminal that started it, until it is idle, told to end, or killed."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from calibtui.core.errors import CalibtuiError
from calibtui.engine.client.places import socket_path
from calibtui.engine.server.service import Service
from calibtui.engine.server.serving import serve

LOG = "engine.log"
MOST_BYTES = 1 << 20
READY = "ready"

Say = Callable[[str], object]


def main(arguments: list[str], say: Say | None = None) -> int:
    """`ROOT [IDLE_SECONDS]`. The first line on stdout, or to `say`, is "ready", or a JSON object with what went
    wrong."""
    say = say or _say
    root = Path(arguments[0]).resolve()
    idle_s = float(arguments[1]) if len(arguments) > 1 else None
    with contextlib.suppress(PermissionError):  # a session's leader already
        os.setsid()
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        asyncio.run(_run(root, idle_s, say))
    except CalibtuiError as error:
        say(json.dumps({"exit_code": error.exit_code, "message": error.message, "hint": error.hint}))
        return error.exit_code
    return 0


async def _run(root: Path, idle_s: float | None, say: Say) -> None:
    loop = asyncio.get_running_loop()

    def ready(service: Service) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, lambda: service.keep(loop.create_task(service.end(requeue=True))))
        say(READY)
        _detach(root / ".calibtui")

    await serve(root, socket_path(root), idle_s=idle_s, on_ready=ready)


def _say(line: str) -> None:
    with contextlib.suppress(OSError):
        os.write(1, line.encode() + b"\n")


def _detach(state: Path) -> None:
    """From here on nothing is read from the terminal or written to it; what Python says of itself goes to a file."""
    path = state / LOG
    with contextlib.suppress(OSError):
        if path.exists() and path.stat().st_size > MOST_BYTES:
            path.replace(path.with_suffix(".log.1"))
    null = os.open(os.devnull, os.O_RDWR)
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for standard, descriptor in ((0, null), (1, null), (2, log)):
        os.dup2(descriptor, standard)
    os.close(null)
    os.close(log)
    sys.stdout.flush()
