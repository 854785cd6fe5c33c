"""The workbench in real terminals: suspended and brought back, resized while a run goes on, inside tmux and screen."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.conftest import WORKSPACE
from tests.engines import engine_process
from tests.terminals import Terminal, program

from calibtui.practice.options import PracticeOptions
from calibtui.practice.process import practice_server, read_books

POOL = 160
SHELL = ["env", "PS1=at-the-shell ", "sh", "-i"]


@pytest.fixture
def workspace(make_workspace: Callable[..., Path], runtime_directory: Path) -> Iterator[tuple[Path, str]]:
    """A workspace whose scoring takes about ten seconds, and the judge's address."""
    with practice_server(PracticeOptions(latency_ms=250)) as url:
        root = make_workspace(pool=POOL, url=url, document=WORKSPACE)
        with engine_process(root):
            yield root, url


@pytest.fixture
def opened() -> Iterator[Callable[..., Terminal]]:
    """Opens terminals, which are closed at the end."""
    terminals: list[Terminal] = []

    def open_terminal(*arguments, **named) -> Terminal:
        terminals.append(Terminal(*arguments, **named))
        return terminals[-1]

    yield open_terminal
    for terminal in terminals:
        terminal.end()


def launch(root: Path) -> list[str]:
    return [sys.executable, "-m", "calibtui", "launch", str(root)]


def start_scoring(terminal: Terminal) -> None:
    terminal.wait("(you)")
    terminal.press("s")
    terminal.wait("Start what?")
    terminal.press("1")
    terminal.wait("yes, go ahead")
    terminal.press("Enter")
    terminal.wait("▶ running")


def test_put_to_sleep_with_ctrl_z_and_brought_back_it_shows_what_went_on_meanwhile(workspace, opened) -> None:
    root, url = workspace
    terminal = opened(SHELL)
    terminal.wait("at-the-shell")
    terminal.type(shlex.join(launch(root)))
    terminal.send("Enter")
    start_scoring(terminal)
    terminal.send("C-z")
    terminal.wait(lambda text: "Stopped" in text and "Overview" not in text)
    asleep = read_books(url)["requests"]
    terminal.wait(lambda _: read_books(url)["requests"] >= asleep + 8)
    terminal.type("fg")
    terminal.send("Enter")
    terminal.wait("1 Overview")
    terminal.press("6")
    terminal.wait("No budget")
    terminal.press("1")
    terminal.wait("✓ finished")
    terminal.press("q")
    terminal.wait(lambda text: text.rstrip().endswith("at-the-shell"))
    assert read_books(url)["requests"] == len(read_books(url)["images"])


def test_resized_while_it_runs_it_is_drawn_anew_and_keeps_its_keys(workspace, opened) -> None:
    root, _ = workspace
    terminal = opened(launch(root), width=120, height=40)
    start_scoring(terminal)
    for width, height in ((80, 24), (40, 12), (20, 5), (200, 50), (120, 40)):
        terminal.resize((width, height))
        time.sleep(0.5)  # as a hand drags it
        drawn = terminal.wait(lambda text, width=width: max(map(len, text.splitlines())) <= width and text.strip())
        assert len(drawn.splitlines()) <= height
    terminal.wait(lambda text: "7 Runs" in text and "^p commands" in text)
    terminal.press("2")
    terminal.wait("filter")
    terminal.press("1")
    terminal.wait("Difficulty")


def test_made_small_and_large_again_before_it_could_look_it_is_drawn_anew(workspace, opened) -> None:
    terminal = opened(launch(workspace[0]), width=120, height=40)
    drawn = terminal.wait(lambda text: "● live" in text and "^p commands" in text).splitlines()
    for _ in range(20):
        terminal.resize((80, 12), (120, 40))
        terminal.wait(lambda text: text.splitlines()[-1] == drawn[-1], seconds=10)


def test_in_tmux_in_another_tmux_keys_and_screens_work(workspace, opened, tmp_path) -> None:
    root, _ = workspace
    inner = ["env", "-u", "TMUX", program("tmux", "tmux"), "-S", str(tmp_path / "s"), "-f", "/dev/null", "new-session"]
    _walks_through_the_screens(opened([*inner, shlex.join(launch(root))]))


def test_in_screen_keys_and_screens_work(workspace, opened, tmp_path, monkeypatch) -> None:
    root, _ = workspace
    sessions = tmp_path / "screens"
    sessions.mkdir(mode=0o700)
    monkeypatch.setenv("SCREENDIR", str(sessions))
    inside = [program("screen", "screen"), "-U", "-c", "/dev/null", "-T", "screen-256color"]
    _walks_through_the_screens(opened([*inside, *launch(root)]))


def _walks_through_the_screens(terminal: Terminal) -> None:
    start_scoring(terminal)
    terminal.press("2")
    terminal.wait("filter")
    terminal.send("Down", "Down", "Up")
    terminal.press("7")
    terminal.wait("score")
    terminal.press("?")
    terminal.wait("This screen")
    terminal.press("q")
    terminal.press("1")
    terminal.wait("✓ finished")
    terminal.press("q")
