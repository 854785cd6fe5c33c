"""/metrics over HTTP, for Prometheus: a thread of its own, so that a busy run answers scrapes all the same."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import threading
from collections.abc import Iterator
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import Any, Protocol

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.openmetrics import exposition as openmetrics

from calibtui.core.errors import SettingsError
from calibtui.workspace.reading import Place

MOST_CONNECTIONS = 16
PATIENCE_S = 5.0
_EXAMPLE = 'Write listen = "127.0.0.1:9464", or "[::1]:9464" for IPv6.'


def parse_listen(listen: str, file: Path) -> tuple[str, int]:
    """(host, port) of "host:port" or "[address]:port"; port 0 is any free one. Raises SettingsError."""
    host, colon, port = listen.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        host = ""
    if not colon or not host or not (port.isascii() and port.isdigit()) or int(port) > 65_535:
        raise _place(file).error(f"{listen!r} is no address with a port.", _EXAMPLE)
    return host, int(port)


class Registered(Protocol):
    """Metrics in a registry."""

    @property
    def registry(self) -> CollectorRegistry: ...


@contextlib.contextmanager
def serving_metrics(listen: str | None, metrics: Registered, *, file: Path) -> Iterator[tuple[str, int] | None]:
    """Serves `metrics` at http://<listen>/metrics while the context lasts; yields (host, port), None where `listen` is.

    `file` is the settings file that errors name. Raises SettingsError for an address that can't be listened on.
    """
    if listen is None:
        yield None
        return
    server = _opened(listen, metrics, file)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.2}, name="metrics", daemon=True)
    thread.start()
    try:
        yield server.server_name, server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _opened(listen: str, metrics: Registered, file: Path) -> _Server:
    host, port = parse_listen(listen, file)
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        return _Server(family, address, metrics)
    except (OSError, UnicodeError) as error:
        raise _refused(listen, error, file) from error


def _refused(listen: str, error: OSError | UnicodeError, file: Path) -> SettingsError:
    number = error.errno if isinstance(error, OSError) else None
    if number == errno.EADDRINUSE:
        return _place(file).error(
            f"{listen} is in use by another process.",
            "Another run may be serving its metrics there: choose another port, or leave [metrics] out.",
        )
    if number == errno.EACCES:
        return _place(file).error(f"{listen} may not be opened by this user.", "Choose a port above 1023.")
    if isinstance(error, socket.gaierror | UnicodeError):
        return _place(file).error(f"{listen} names no host that is known here.", _EXAMPLE)
    reason = os.strerror(number) if number else type(error).__name__
    return _place(file).error(f"{listen} can't be listened on: {reason}.", _EXAMPLE)


def _place(file: Path) -> Place:
    return Place(file).under("metrics").under("listen")


class _Server(ThreadingMixIn, HTTPServer):
    """A thread a connection, MOST_CONNECTIONS at a time: who comes on top of them is hung up on."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, family: int, address: Any, metrics: Registered) -> None:
        self.address_family = family
        self.metrics = metrics
        self._free = threading.BoundedSemaphore(MOST_CONNECTIONS)
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        # HTTPServer looks its own name up in the DNS here, which can take seconds and is of no use.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._free.acquire(blocking=False):
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except RuntimeError:  # no thread could be started
            self._free.release()
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A scraper that hangs up is no news, and the terminal is not this server's to write on."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    server_version = "calibtui"
    sys_version = ""
    timeout = PATIENCE_S

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def _answer(self, *, with_body: bool) -> None:
        if self.path.partition("?")[0] != "/metrics":
            self._send(HTTPStatus.NOT_FOUND, "text/plain; charset=utf-8", b"Metrics are at /metrics.\n", with_body)
            return
        content_type, body = exposition(self.server.metrics, self.headers.get("Accept", ""))
        self._send(HTTPStatus.OK, content_type, body, with_body)

    def _send(self, status: HTTPStatus, content_type: str, body: bytes, with_body: bool) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if with_body:
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Scrapes are not logged."""


def exposition(metrics: Registered, accept: str) -> tuple[str, bytes]:
    """Content-Type and body of /metrics, for whichever server answers a scraper's Accept header."""
    if "application/openmetrics-text" in accept:
        return openmetrics.CONTENT_TYPE_LATEST, openmetrics.generate_latest(metrics.registry)  # type: ignore[no-untyped-call]
    return CONTENT_TYPE_LATEST, generate_latest(metrics.registry)
