"""`calibtui stop`: ends the workspace's engine at the next safe point."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path

from calibtui.cli.engines import engine_of, said_in_full, with_engine
from calibtui.core.errors import EngineGoneError, EngineRefusedError, WorkspaceBusyError
from calibtui.core.text import one_line
from calibtui.engine.client.places import Place
from calibtui.engine.client.socket import SocketEngine
from calibtui.engine.wire.runs import Stop

GONE_WITHIN_S = 60.0


def run(arguments: argparse.Namespace) -> int:
    root = Path(arguments.dir).resolve()
    place = engine_of(root)
    if place is None:
        return _told(arguments, False, f"No engine runs for {root}.")
    try:
        _stop(place, confirmed=arguments.yes)
    except EngineRefusedError as error:
        if error.kind != "confirmation" or not _agreed(error):
            raise EngineRefusedError(error.kind, said_in_full(error), "Say so with --yes.") from error
        _stop(place, confirmed=True)
    _wait(root, place)
    return _told(arguments, True, f"The engine of {root} has ended.")


def _stop(place: Place, *, confirmed: bool) -> None:
    async def work(engine: SocketEngine) -> None:
        await engine.do(Stop(confirmed=confirmed))

    try:
        with_engine(place, work)
    except EngineGoneError:
        return  # it was faster than its answer


def _agreed(error: EngineRefusedError) -> bool:
    """Asks whoever sits at the terminal."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    print(one_line(f"{error.confirm} Stop? [y/N] "), end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _wait(root: Path, place: Place) -> None:
    ends = time.monotonic() + GONE_WITHIN_S
    while _alive(place.pid):
        if time.monotonic() > ends:
            raise WorkspaceBusyError(
                f"The engine of {root}, process {place.pid}, has not ended within {GONE_WITHIN_S:.0f} s.",
                f"See .calibtui/calibtui.log, or end it: kill -9 {place.pid}. Nothing that is stored is lost.",
            )
        time.sleep(0.05)


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return _signalled(pid)
    return state != "Z"


def _signalled(pid: int) -> bool:
    """Where there is no /proc."""
    if Path("/proc/self").exists():
        return False
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True


def _told(arguments: argparse.Namespace, stopped: bool, said: str) -> int:
    print(json.dumps({"schema": 1, "stopped": stopped}) if arguments.json else one_line(said))
    return 0
