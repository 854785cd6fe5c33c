"""`calibtui launch`: the workbench, attached to the workspace's engine, which is started where none runs."""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import sys
from pathlib import Path

from calibtui.core.errors import ConfigurationError, EngineGoneError
from calibtui.engine.client.places import announced
from calibtui.engine.client.socket import SocketEngine
from calibtui.engine.client.starting import attach_or_start, running_engine


def run(arguments: argparse.Namespace) -> int:
    if arguments.batch:
        from calibtui.cli import batch

        return batch.run(arguments)
    if arguments.set or arguments.json or arguments.only or arguments.until:
        raise ConfigurationError(
            "--set, --json, --only and --until are for headless runs.", "Add --batch, or leave them out."
        )
    return open_workbench(Path(arguments.dir))


def open_workbench(directory: Path) -> int:
    """Runs the workbench until its user leaves; the engine stays. Raises what keeps an engine from starting."""
    root = directory.resolve()
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise ConfigurationError(
            "The workbench needs a terminal, and this is none.", "Run it headless: calibtui --batch."
        )
    # What is loaded and built until the first paint is no garbage; from then on the workbench collects again.
    gc.disable()
    # Before the screen is taken, so that what keeps it from starting is told where it stays to be read.
    attach_or_start(root)
    from calibtui.cli.engines import terminal_name
    from calibtui.tui.app import run_workbench
    from calibtui.workspace.packaged import packaged

    terminal = terminal_name()

    async def connect() -> SocketEngine:
        return await asyncio.to_thread(_attached, root, terminal)

    try:
        return run_workbench(connect, workspace=str(root), themes=packaged("themes"), config=config_directory())
    finally:
        gc.enable()


def config_directory() -> Path:
    """Where the user's own keymap and themes are."""
    given = os.environ.get("XDG_CONFIG_HOME", "")
    return (Path(given) if given.startswith("/") else Path.home() / ".config") / "calibtui"


def _attached(root: Path, terminal: str) -> SocketEngine:
    """Again, after a loss: an engine that was killed is followed by the next; one that was ended stays ended."""
    place = running_engine(root)
    if place is None:
        if announced(root) is None:
            raise EngineGoneError(f"The engine of {root} was ended.", "`calibtui launch` starts the next one.")
        place = attach_or_start(root)
    return SocketEngine(place.socket, terminal=terminal)
