"""The practice judge of a workspace that is configured for one on this machine, where nobody has started it."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Sequence
from threading import Lock
from urllib.parse import urlsplit

from calibtui.practice.options import PracticeOptions
from calibtui.practice.process import practice_server
from calibtui.workspace.settings import Settings

PROVIDER = "practice"
"""The name of the provider in calibtui.toml for which an engine starts a practice judge."""
_LOOPBACK = ("127.0.0.1", "localhost")


class PracticeJudge:
    """Started on the address that calibtui.toml names, and ended with the engine."""

    def __init__(self) -> None:
        self._open = contextlib.ExitStack()
        self._lock = Lock()

    def ready_for(self, settings: Settings, stages: Sequence[str]) -> None:
        """Something listens at the practice judge's address, where these stages need it. Raises ConfigurationError
        where it does not come up."""
        port = practice_port(settings) if "score" in stages and settings.scoring.judge == "vlm" else None
        if port is None:
            return
        with self._lock:
            if not _listens(port):
                self._open.enter_context(practice_server(PracticeOptions(port=port)))

    def close(self) -> None:
        with self._lock:
            self._open.close()


def practice_port(settings: Settings) -> int | None:
    """The port on loopback of the provider named "practice", None where there is none."""
    provider = settings.providers.get(PROVIDER)
    if provider is None:
        return None
    address = urlsplit(provider.base_url)
    return address.port if address.hostname in _LOOPBACK and address.scheme == "http" else None


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(("127.0.0.1", port)) == 0
