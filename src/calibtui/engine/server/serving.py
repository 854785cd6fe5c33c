"""A service on its Unix socket, for as long as it lives."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import uvicorn

from calibtui.engine.server.app import make_app
from calibtui.engine.server.connections import OwnUserProtocol
from calibtui.engine.server.lock import held_lock
from calibtui.engine.server.service import Service
from calibtui.workspace.load import load_settings

BACKLOG = 64
GRACE_S = 2

OnReady = Callable[[Service], None]


class _Server(uvicorn.Server):
    """Signals are the process's, not the server's."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(root: Path, path: Path, *, idle_s: float | None = None, on_ready: OnReady = lambda _: None) -> None:
    """Serves the workspace on the socket `path` until its service ends; `on_ready` gets the service once clients can
    connect. `idle_s`: seconds without viewer and job after which it ends, None: as calibtui.toml says.

    Raises WorkspaceBusyError where another engine, or a headless run, has the workspace; ConfigurationError for what is
    wrong with calibtui.toml.
    """
    # Before anything is written: a directory that is no workspace stays as it is.
    state = load_settings(root).state
    with held_lock(root, state, path):
        service = Service(root, idle_s=idle_s)
        try:
            await service.start()
            with _listening(path) as listener:
                server = _Server(_config(service))
                service.on_ended(lambda: setattr(server, "should_exit", True))
                on_ready(service)
                await server.serve(sockets=[listener])
        finally:
            await service.close()


def _config(service: Service) -> uvicorn.Config:
    return uvicorn.Config(
        make_app(service),
        http=OwnUserProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        timeout_keep_alive=60,
        timeout_graceful_shutdown=GRACE_S,
        loop="none",
    )


@contextlib.contextmanager
def _listening(path: Path) -> Iterator[socket.socket]:
    """Whoever holds the lock may remove what a dead engine left at the path."""
    path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        path.chmod(0o600)
        listener.listen(BACKLOG)
        listener.setblocking(False)
        try:
            yield listener
        finally:
            path.unlink(missing_ok=True)
