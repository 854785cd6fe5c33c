"""The workbench over SSH: a cut connection costs nothing, and a slow one is slow but works."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.engines import connected, first, kill, until_true
from tests.sshd import Sshd, slow_link, ssh_server
from tests.terminals import Terminal

from calibtui.engine.client.starting import running_engine
from calibtui.practice.options import PracticeOptions
from calibtui.practice.process import practice_server, read_books

POOL = 240
LATENCY_MS = 400
ONE_WAY_S = 0.1
SEEN_WITHIN_S = 1.5
"""Two ways of the link, a paint and a look at the screen; the rest is for a machine that has other things to do."""


@pytest.fixture
def box(make_workspace: Callable[..., Path], runtime_directory: Path, tmp_path: Path) -> Iterator[tuple]:
    """The GPU box: a workspace whose scoring takes half a minute, its judge's address, and an sshd."""
    environment = {"XDG_RUNTIME_DIR": str(runtime_directory), "COLORTERM": "truecolor", "TZ": "UTC"}
    with (
        practice_server(PracticeOptions(latency_ms=LATENCY_MS)) as url,
        ssh_server(tmp_path / "s", environment) as sshd,
    ):
        root = make_workspace(pool=POOL, url=url)
        yield root, url, sshd
        if (place := running_engine(root)) is not None:
            kill(place.pid)


@pytest.fixture
def over_ssh(box) -> Iterator[Callable[..., Terminal]]:
    """Opens `calibtui launch` on the box from a terminal that is here."""
    root, _, sshd = box
    terminals: list[Terminal] = []

    def launch(port: int | None = None) -> Terminal:
        terminals.append(Terminal(sshd.command([sys.executable, "-m", "calibtui", "launch", str(root)], port)))
        return terminals[-1]

    yield launch
    for terminal in terminals:
        terminal.end()


def start_scoring(terminal: Terminal) -> None:
    terminal.wait("(you)")
    terminal.press("s")
    terminal.wait("Start what?")
    terminal.press("1")
    terminal.wait("yes, go ahead")
    terminal.press("Enter")
    terminal.wait("▶ running")


def _client_dies(terminal: Terminal, _: Sshd) -> None:
    os.kill(terminal.pid, signal.SIGKILL)


def _server_dies(_: Terminal, sshd: Sshd) -> None:
    sshd.kill_sessions()


@pytest.mark.parametrize("cut", [_client_dies, _server_dies], ids=["the client dies", "the server's child dies"])
async def test_cut_in_the_middle_of_a_run_it_goes_on_and_is_there_when_we_come_back(box, over_ssh, cut) -> None:
    root, url, sshd = box
    here = over_ssh()
    start_scoring(here)
    place = running_engine(root)
    watching = connected(root, "a colleague")
    now = await first(watching, lambda one: one.scoring is not None and one.scoring.done >= 8)
    assert len(now.viewers) == 2
    cut(here, sshd)
    at_cut = read_books(url)["requests"]
    now = await first(watching, lambda one: len(one.viewers) == 1)
    until_true(lambda: read_books(url)["requests"] >= at_cut + 12)
    assert [job.state for job in now.jobs] == ["running"], "nobody told the run of the cut"
    assert running_engine(root) == place

    again = over_ssh()
    again.wait("(you)")
    await first(watching, lambda one: one.jobs and all(job.ended_at is not None for job in one.jobs))
    last = await first(watching, lambda one: one.totals.scored > 0)
    shown = again.wait("✓ finished")
    assert f"{last.totals.scored:,} scored" in shown
    assert "a colleague" in shown
    images = read_books(url)["images"]
    assert set(images.values()) == {1} and len(images) == last.totals.scored == last.scoring.done
    await watching.close()


def test_a_key_is_answered_over_a_link_of_200_ms_and_the_run_does_not_wait_for_it(box, over_ssh) -> None:
    _, url, sshd = box
    with slow_link(sshd.port, ONE_WAY_S) as port:
        far = over_ssh(port)
        start_scoring(far)
        far.press("2")
        far.wait("filter")
        far.wait(".jpg")
        took = [_seconds(far, key, words) for key, words in (("6", "No budget"), ("1", "Difficulty"), ("2", "filter"))]
        before = far.text()
        began = time.monotonic()
        far.send("Down")
        far.wait(lambda text: text != before)
        took.append(time.monotonic() - began)
        alone = _rate(url, lambda: None)
        watched = _rate(url, lambda: far.send("Down", "Up"))
    assert sorted(took)[len(took) // 2] < SEEN_WITHIN_S
    assert watched > 0.5 * alone > 0


def _rate(url: str, meanwhile: Callable[[], None]) -> float:
    """Requests a second that the judge gets in two seconds, in each fifth of which something is done."""
    before, began = read_books(url)["requests"], time.monotonic()
    for _ in range(10):
        meanwhile()
        time.sleep(0.2)
    return (read_books(url)["requests"] - before) / (time.monotonic() - began)


def _seconds(terminal: Terminal, key: str, words: str) -> float:
    began = time.monotonic()
    terminal.send(key)
    terminal.wait(words)
    return time.monotonic() - began
