"""An SSH server on loopback for tests, of whoever runs them, with keys and a configuration of its own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pwd
import shlex
import socket
import subprocess
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.engines import alive, until_true
from tests.terminals import program

CONFIG = """\
ListenAddress 127.0.0.1
Port {port}
HostKey {directory}/host
AuthorizedKeysFile {directory}/user.pub
PidFile {directory}/sshd.pid
UsePAM no
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
PrintMotd no
PrintLastLog no
SetEnv {environment}
"""


@dataclass(frozen=True)
class Sshd:
    port: int
    directory: Path
    pid: int

    def command(self, remote: list[str], port: int | None = None) -> list[str]:
        """The `ssh` that runs `remote` in a terminal over there, through `port` where there is another way."""
        known = f"UserKnownHostsFile={self.directory}/known"
        options = ["-F", "none", "-i", f"{self.directory}/user", "-o", known, "-o", "StrictHostKeyChecking=no"]
        options += ["-o", "IdentitiesOnly=yes", "-o", "LogLevel=ERROR", "-p", str(port or self.port), "-tt"]
        return ["ssh", *options, f"{_me()}@127.0.0.1", shlex.join(remote)]

    def kill_sessions(self) -> None:
        """What serves the connections that there are dies with -9, so nobody over there is told of a hangup."""
        doomed = _descendants_named(self.pid, "sshd")
        assert doomed
        for pid in doomed:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, 9)
        until_true(lambda: not any(alive(pid) for pid in doomed))


@contextlib.contextmanager
def ssh_server(directory: Path, environment: Mapping[str, str]) -> Iterator[Sshd]:
    """Serves as the present user while the block lasts; sessions get `environment`. Skips where there is no sshd."""
    daemon = program("sshd", "openssh-server")
    program("ssh", "openssh-client")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    directory.mkdir(mode=0o700)
    for name in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", directory / name], check=True)
    port = _free_port()
    given = " ".join(f'{name}="{value}"' for name, value in environment.items())
    config = directory / "sshd_config"
    config.write_text(CONFIG.format(port=port, directory=directory, environment=given))
    log = (directory / "log").open("wb")
    with log, subprocess.Popen([daemon, "-D", "-e", "-f", config], stdout=log, stderr=log) as process:
        try:
            until_true(lambda: process.poll() is not None or _answers(port), within_s=20)
            if process.poll() is not None:
                pytest.skip(f"sshd doesn't start here: {(directory / 'log').read_text().strip()[-200:]}")
            yield Sshd(port, directory, process.pid)
        finally:
            for pid in [*_descendants_named(process.pid, "sshd"), process.pid]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, 9)


@contextlib.contextmanager
def slow_link(port: int, one_way_s: float) -> Iterator[int]:
    """A port of loopback that leads to `port`; every byte takes `one_way_s` longer, in either direction."""
    loop = asyncio.new_event_loop()

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                loop.call_later(one_way_s, writer.write, data)
        loop.call_later(one_way_s, writer.close)

    async def connected(near: asyncio.StreamReader, to_near: asyncio.StreamWriter) -> None:
        far, to_far = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(carry(near, to_far), carry(far, to_near))

    server = loop.run_until_complete(asyncio.start_server(connected, "127.0.0.1", 0))
    thread = threading.Thread(target=loop.run_forever, name="slow link", daemon=True)
    thread.start()
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        asyncio.run_coroutine_threadsafe(_over(server), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


async def _over(server: asyncio.Server) -> None:
    server.close()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


def _me() -> str:
    return pwd.getpwuid(os.geteuid()).pw_name


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


def _answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=2):
        return True
    return False


def _descendants_named(pid: int, name: str) -> list[int]:
    found: list[int] = []
    with contextlib.suppress(OSError):
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            found += _descendants_named(int(child), name)
            if Path(f"/proc/{child}/comm").read_text().startswith(name):
                found.append(int(child))
    return found
