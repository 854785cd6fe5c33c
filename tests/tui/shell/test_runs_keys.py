"""Every key of the runs, over a real engine."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.engines import connected, serving
from tests.tui.driving import pressed, said, until
from tests.tui.looks import text
from tests.tui.shell.conftest import Open
from textual.widgets import Input

from calibtui.engine.wire.runs import Start
from calibtui.tui.screens.page import PageScreen
from calibtui.tui.screens.runs import RunList


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory, sample_data: Path) -> Iterator[Path]:
    """A workspace whose pool was indexed twice, with its engine: one for all tests here, since jobs take their time."""
    root = tmp_path_factory.mktemp("runs")
    (root / "pool").mkdir()
    for source in sorted((sample_data / "pool").rglob("*.jpg"))[:3]:
        shutil.copy2(source, root / "pool")
    (root / "calibtui.toml").write_text('[pool]\nimages = "pool"\n')
    with serving(root):
        asyncio.run(_index_twice(root))
        yield root


async def _index_twice(root: Path) -> None:
    engine = connected(root)
    names = {(await engine.do(Start(stages=("pool",), confirmed=True))).job for _ in range(2)}
    async for snapshot in engine.snapshots():
        if names <= {job.name for job in snapshot.jobs if job.ended_at is not None}:
            break
    await engine.close()


async def test_enter_opens_a_run_and_escape_comes_back(open_workbench: Open) -> None:
    async with open_workbench("runs", "2 runs") as pilot:
        await pressed(pilot, "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, PageScreen))
        await said(pilot, "Settings")
        await pressed(pilot, "j", "k", "space", "y")
        await until(pilot, lambda: "Settings" in pilot.app.clipboard)
        await pressed(pilot, "escape")
        await said(pilot, "2 runs")


async def test_slash_filters_and_escape_shows_all_again(open_workbench: Open) -> None:
    async with open_workbench("runs", "2 runs") as pilot:
        await pressed(pilot, "slash", *"nosuch")
        await said(pilot, "No run matches.")
        await pressed(pilot, "escape")
        await said(pilot, "2 runs")
        assert pilot.app.screen.query_one(Input).value == ""


async def test_space_marks_and_d_compares(open_workbench: Open) -> None:
    async with open_workbench("runs", "2 runs") as pilot:
        await pressed(pilot, "space")
        await said(pilot, "◆")
        await pressed(pilot, "d")
        await said(pilot, "There is no second run")
        await pressed(pilot, "down", "d")
        await until(pilot, lambda: isinstance(pilot.app.screen, PageScreen))
        runs = [line.run for line in pilot.app.screen_stack[0].query_one(RunList).rows]
        await said(pilot, runs[1][:20])
        await pressed(pilot, "q")
        await until(pilot, lambda: not isinstance(pilot.app.screen, PageScreen))


async def test_y_copies_the_name_of_the_run(open_workbench: Open) -> None:
    async with open_workbench("runs", "2 runs") as pilot:
        await pressed(pilot, "y")
        await until(pilot, lambda: pilot.app.clipboard == pilot.app.screen.query_one(RunList).current.run)


async def test_r_does_a_run_again(open_workbench: Open) -> None:
    async with open_workbench("runs", "2 runs") as pilot:
        before = len(pilot.app.snapshot.jobs)
        await pressed(pilot, "r")
        await until(pilot, lambda: len(pilot.app.snapshot.jobs) > before or "3 runs" in text(pilot.app), 30)


async def test_a_run_is_named_by_what_it_did(open_workbench: Open) -> None:
    async with open_workbench("runs", "2 runs", (80, 24)) as pilot:
        assert "  pool " in text(pilot.app)
        assert "job pool" not in text(pilot.app)
