"""Gateways as processes on loopback, ended with the block that started them."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.gateways.installed import litellm_command, portkey_script

READY_WITHIN_S = 240.0
"""LiteLLM takes 17 to 39 s on an idle machine."""


@contextmanager
def litellm(config: Path, master_key: str) -> Iterator[str]:
    """The address of a LiteLLM proxy that runs `config`, without /v1."""
    command = litellm_command()
    port = free_port()
    arguments = [str(command), "--config", str(config), "--host", "127.0.0.1", "--port", str(port)]
    arguments += ["--num_workers", "1", "--telemetry", "False"]
    environ = {
        **_quiet_environment(),
        "LITELLM_MASTER_KEY": master_key,
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "PYTHONPATH": str(config.parent),
    }
    address = f"http://127.0.0.1:{port}"
    with _running(arguments, environ, f"{address}/health/liveliness", config.with_suffix(".log")):
        yield address


@contextmanager
def portkey(log: Path) -> Iterator[str]:
    """The address of Portkey's gateway, without /v1."""
    port = free_port()
    arguments = ["node", str(portkey_script()), f"--port={port}", "--headless"]
    address = f"http://127.0.0.1:{port}"
    with _running(arguments, _quiet_environment(), address, log):
        yield address


def new_key() -> str:
    """LiteLLM refuses the key of its own documentation, so each run draws one."""
    return f"sk-{secrets.token_hex(16)}"


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
    return port


def _quiet_environment() -> dict[str, str]:
    """Ours without proxies and keys: a gateway in a test talks to loopback alone."""
    unwanted = ("PROXY", "API_KEY", "LITELLM", "DATABASE_URL", "REDIS")
    return {name: value for name, value in os.environ.items() if not any(part in name.upper() for part in unwanted)}


@contextmanager
def _running(arguments: list[str], environ: dict[str, str], ready_url: str, log: Path) -> Iterator[None]:
    with log.open("wb") as out:
        process = subprocess.Popen(arguments, env=environ, stdout=out, stderr=subprocess.STDOUT, cwd=log.parent)
        try:
            _wait_until_ready(process, ready_url, log)
            yield
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_until_ready(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    until = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < until:
        if process.poll() is not None:
            break
        try:
            with opener.open(url, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.5)
    raise AssertionError(f"{process.args!r} did not come up:\n{log.read_text(errors='replace')[-3000:]}")
