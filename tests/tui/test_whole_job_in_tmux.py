"""The whole job by a newcomer: the demo in a real terminal, with no key but those that the screen itself offers."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

WIDTH, HEIGHT = 110, 34
SOON_S, SLOW_S = 60.0, 240.0
NAMES = {"Right": "←→", "Enter": "enter|⏎", "Escape": "esc", "Down": "↓"}
"""How the screen writes a key that tmux calls otherwise."""


def _tmux() -> str:
    """The program, installed where that can be done without asking anybody."""
    found = shutil.which("tmux")
    if found is None and shutil.which("apt-get") and os.geteuid() == 0:
        with_time = {"timeout": 180, "capture_output": True, "env": {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}}
        try:
            subprocess.run(["apt-get", "install", "-y", "-q", "tmux"], check=False, **with_time)  # type: ignore[call-overload]
        except subprocess.TimeoutExpired:
            pytest.skip("tmux is not here, and installing it took too long")
        found = shutil.which("tmux")
    if found is None:
        pytest.skip("tmux is not here and can't be installed: this needs root and apt-get, or a tmux on the PATH")
    return found


class Terminal:
    """A session of a tmux server of its own, with the demo in it."""

    def __init__(self, tmux: str, directory: Path) -> None:
        self._tmux = [tmux, "-L", f"calibtui-{os.getpid()}", "-f", os.devnull]
        command = f"{sys.executable} -m calibtui demo {directory}; echo left with $?; sleep 600"
        environment = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor"}
        environment.pop("NO_COLOR", None)
        size = ["-x", str(WIDTH), "-y", str(HEIGHT)]
        subprocess.run([*self._tmux, "new-session", "-d", *size, command], check=True, env=environment)

    def text(self) -> str:
        shown = subprocess.run([*self._tmux, "capture-pane", "-p"], check=True, capture_output=True, text=True)
        return shown.stdout

    def wait(self, words: str | Callable[[str], bool], seconds: float = SOON_S) -> str:
        """Waits until the screen says `words`."""
        says = words if callable(words) else lambda text: words in text
        ends = time.monotonic() + seconds
        while not says(text := self.text()):
            assert time.monotonic() < ends, f"the screen never said {words!r}:\n{text}"
            time.sleep(0.2)
        return text

    def press(self, key: str) -> None:
        """Presses a key that the screen offers: in the line of keys, in the line of screens, or in a dialog."""
        written = NAMES.get(key, re.escape(key))
        offered = re.compile(rf"(?<!\S)({written})(?= )", re.MULTILINE)
        self.wait(lambda text: offered.search(text) is not None)
        self._send(key)

    def type(self, text: str) -> None:
        self._send("-l", text)

    def _send(self, *keys: str) -> None:
        subprocess.run([*self._tmux, "send-keys", *keys], check=True)

    def end(self) -> None:
        subprocess.run([*self._tmux, "kill-server"], check=False, capture_output=True)


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    directory = tmp_path / "demo"
    started = Terminal(_tmux(), directory)
    yield started
    started.end()
    subprocess.run(
        [sys.executable, "-m", "calibtui", "stop", str(directory)], check=False, capture_output=True, timeout=60
    )


def test_a_newcomer_scores_curates_64_frames_quantizes_and_reads_the_comparison(
    terminal: Terminal, tmp_path: Path
) -> None:
    terminal.wait("not yet")
    terminal.press("?")
    terminal.wait("This screen")
    terminal.press("q")
    terminal.wait(lambda text: "This screen" not in text)

    terminal.press("s")
    terminal.wait("Start what?")
    terminal.press("2")
    terminal.wait("yes, go ahead")
    terminal.press("Enter")
    terminal.wait("✓ finished", SLOW_S)

    terminal.press("3")
    terminal.wait("64 frames")
    terminal.press("Right")
    terminal.wait("tried out")
    terminal.press("k")
    terminal.wait(lambda text: "tried out" not in text)
    terminal.press("L")
    terminal.wait("Lock the draft under the name")
    terminal.type("release-1")
    terminal.press("Enter")
    terminal.wait("the same frames as")

    terminal.press("4")
    terminal.wait("set: release-1, 64 frames")
    terminal.press("g")
    terminal.wait("▶ running")
    terminal.wait("5 reads the comparison", SLOW_S)

    terminal.press("5")
    comparison = terminal.wait("95 % interval")
    assert re.search(r"mAP 50–95 +\d\d\.\d +\d\d\.\d", comparison)
    terminal.press("]")
    if "eval/" in terminal.text():
        terminal.press("Enter")
        terminal.wait("float finds")
        terminal.press("Escape")
    terminal.press("q")
    terminal.wait("left with 0")
    assert list((tmp_path / "demo" / ".calibtui" / "models").glob("*.onnx"))
