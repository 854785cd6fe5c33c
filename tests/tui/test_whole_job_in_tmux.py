"""The whole job by a newcomer: the demo in a real terminal, with no key but those that the screen itself offers."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.terminals import Terminal

SLOW_S = 240.0


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    directory = tmp_path / "demo"
    command = f"{sys.executable} -m calibtui demo {directory}; echo left with $?; sleep 600"
    started = Terminal(command)
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
