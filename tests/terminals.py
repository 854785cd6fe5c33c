"""Terminals for tests: a tmux session of its own a terminal, with real keys and a real screen."""

from __future__ import annotations

import itertools
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence

import pytest

SOON_S = 60.0
NAMES = {"Right": "←→", "Enter": "enter|⏎", "Escape": "esc", "Down": "↓"}
"""How the screen writes a key that tmux calls otherwise."""

_numbers = itertools.count()


def program(name: str, package: str) -> str:
    """The path of a program, installed where that can be done without asking anybody; skips the test where it can't."""
    found = _found(name)
    if found is None and shutil.which("apt-get") and os.geteuid() == 0:
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        command = ["apt-get", "install", "-y", "-q", "--no-install-recommends", package]
        try:
            subprocess.run(command, check=False, timeout=180, capture_output=True, env=quiet)
        except subprocess.TimeoutExpired:
            pytest.skip(f"{name} is not here, and installing it took too long")
        found = _found(name)
    if found is None:
        pytest.skip(f"{name} is not here and can't be installed: this needs root and apt-get, or {name} on the PATH")
    return found


class Terminal:
    """A tmux server with one session, in which `command` runs; nothing of the user's own configuration counts."""

    def __init__(
        self, command: Sequence[str] | str, *, width: int = 110, height: int = 34, environment: Mapping[str, str] = {}
    ) -> None:
        name = f"calibtui-{os.getpid()}-{next(_numbers)}"
        self._tmux = [program("tmux", "tmux"), "-L", name, "-f", os.devnull]
        surroundings = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor", **environment}
        for ignored in ("NO_COLOR", "TMUX", "STY"):
            surroundings.pop(ignored, None)
        words = [command] if isinstance(command, str) else list(command)
        size = ["-x", str(width), "-y", str(height)]
        subprocess.run([*self._tmux, "new-session", "-d", *size, *words], check=True, env=surroundings)
        self._run("set-option", "-g", "remain-on-exit", "on")

    @property
    def pid(self) -> int:
        """Of the process that the terminal was opened with."""
        return int(self._run("list-panes", "-F", "#{pane_pid}"))

    def text(self) -> str:
        return self._run("capture-pane", "-p")

    def wait(self, words: str | Callable[[str], object], seconds: float = SOON_S) -> str:
        """Waits until the screen says `words`."""
        says = words if callable(words) else lambda text: words in text
        ends = time.monotonic() + seconds
        while not says(text := self.text()):
            assert time.monotonic() < ends, f"the screen never said {words!r}:\n{text}"
            time.sleep(0.05)
        return text

    def press(self, key: str) -> None:
        """Presses a key that the screen offers: in the line of keys, in the line of screens, or in a dialog."""
        written = NAMES.get(key, re.escape(key))
        offered = re.compile(rf"(?<!\S)({written})(?= )", re.MULTILINE)
        self.wait(lambda text: offered.search(text) is not None)
        self.send(key)

    def type(self, text: str) -> None:
        self.send("-l", text)

    def send(self, *keys: str) -> None:
        """Keys by tmux's names, whatever the screen says."""
        self._run("send-keys", *keys)

    def resize(self, *sizes: tuple[int, int]) -> None:
        """To each of the sizes (columns, lines) in turn, faster than a program can follow."""
        words: list[str] = []
        for width, height in sizes:
            words += [*([";"] if words else []), "resize-window", "-x", str(width), "-y", str(height)]
        self._run(*words)

    def end(self) -> None:
        subprocess.run([*self._tmux, "kill-server"], check=False, capture_output=True)

    def _run(self, *words: str) -> str:
        return subprocess.run([*self._tmux, *words], check=True, capture_output=True, text=True).stdout


def _found(name: str) -> str | None:
    # Debian keeps what serves others in sbin, which is not on every user's PATH.
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
