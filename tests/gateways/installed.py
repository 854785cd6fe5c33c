"""LiteLLM's proxy and Portkey's gateway, each installed once into a directory of its own, outside the product's."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

LITELLM = "litellm[proxy]>=1.106,<1.110"
PORTKEY = "@portkey-ai/gateway@1.15.2"
INSTALL_WITHIN_S = 600
REPOSITORY = Path(__file__).resolve().parents[2]


def cache_directory() -> Path:
    """Kept between runs: CALIBTUI_GATEWAY_CACHE, else build/gateways."""
    path = Path(os.environ.get("CALIBTUI_GATEWAY_CACHE", REPOSITORY / "build" / "gateways")).resolve()
    path.mkdir(parents=True, exist_ok=True)
    return path


def litellm_command() -> Path:
    """LiteLLM's executable. Skips the test where the registry can't be had."""
    home = cache_directory() / "litellm"
    command = home / "bin" / "litellm"
    with _alone(home):
        if not (home / ".ready").exists():
            _run([sys.executable, "-m", "venv", str(home)], home.parent, "a virtual environment for LiteLLM")
            pip = [str(home / "bin" / "python"), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
            _run([*pip, LITELLM, "prometheus-client"], home, "LiteLLM")
            (home / ".ready").touch()
    return command


def portkey_script() -> Path:
    """The script that node runs. Skips the test where node or the registry can't be had."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("node and npm are missing: Portkey's gateway runs on them")
    home = cache_directory() / "portkey"
    with _alone(home):
        home.mkdir(exist_ok=True)
        if not (home / ".ready").exists():
            _run([npm, "install", "--no-audit", "--no-fund", "--prefix", str(home), PORTKEY], home, "Portkey's gateway")
            (home / ".ready").touch()
    return home / "node_modules" / "@portkey-ai" / "gateway" / "build" / "start-server.js"


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """Two test runs that share a cache install one after the other."""
    with home.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _run(command: list[str], cwd: Path, what: str) -> None:
    try:
        subprocess.run(command, cwd=cwd, check=True, capture_output=True, text=True, timeout=INSTALL_WITHIN_S)
    except subprocess.TimeoutExpired:
        pytest.skip(f"{what} can't be installed here: no end after {INSTALL_WITHIN_S} s")
    except subprocess.CalledProcessError as error:
        said = (error.stderr or error.stdout).strip().splitlines() or ["it said nothing"]
        pytest.skip(f"{what} can't be installed here: {said[-1][:300]}")
