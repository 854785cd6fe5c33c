"""What the screens look like, at the sizes that people have."""

from __future__ import annotations

import pytest
from tests.tui.conftest import SIZES
from tests.tui.driving import Make, pressed, said, until
from tests.tui.looks import assert_looks, text
from tests.tui.stand_in import LOG, MemoryEngine, snapshot

from calibtui.engine.wire.snapshot import Snapshot, Stage, Totals

EMPTY: Snapshot = snapshot(
    stages=tuple(Stage(name=name, state="never") for name in ("pool", "score", "select", "quantize", "evaluate")),
    jobs=(), scoring=None, budgets=(), totals=Totals(), viewers=(),
    next_step="Score the pool: it tells which frames the detector finds hard. s starts it.",
)  # fmt: skip


WALK = (
    ("overview", (), "Attached"),
    ("help", ("question_mark",), "Here"),
    ("start", ("escape", "s"), "Start what?"),
    ("budgets", ("escape", "6"), "Audit trail"),
    ("runs", ("7",), "40 runs"),
    ("run", ("down", "enter"), "Settings"),
)
"""Name, keys from where the one before ended, what it says then."""


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("theme", ["dark", "light"])
async def test_screens(make_workbench: Make, size: tuple[int, int], theme: str) -> None:
    app = make_workbench(MemoryEngine(), theme)
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: app.snapshot is not None)
        for name, keys, words in WALK:
            for key in keys:
                await pressed(pilot, key)
                await pilot.pause(0.1)
            if name == "overview" and size == (200, 50):
                words = LOG[-1]
            await until(pilot, lambda words=words: words in text(app) or app.size.height < 30)
            await pilot.pause(0.1)
            assert_looks(app, name)


@pytest.mark.parametrize("size", SIZES)
async def test_an_empty_workspace(make_workbench: Make, size: tuple[int, int]) -> None:
    app = make_workbench(MemoryEngine(EMPTY))
    async with app.run_test(size=size) as pilot:
        await said(pilot, "Nothing has been scored yet.")
        assert_looks(app, "empty")


async def test_the_smallest_terminal_says_that_it_is_too_small(make_workbench: Make) -> None:
    app = make_workbench(MemoryEngine())
    async with app.run_test(size=(20, 5)) as pilot:
        await until(pilot, lambda: app.snapshot is not None)
        for key in "671":
            await pressed(pilot, key)
            await said(pilot, "20×5")
            assert "q quits" in text(app)


async def test_the_largest_terminal_is_filled(make_workbench: Make) -> None:
    app = make_workbench(MemoryEngine())
    async with app.run_test(size=(500, 200)) as pilot:
        await until(pilot, lambda: app.snapshot is not None)
        for key in "671":
            await pressed(pilot, key)
            await pilot.pause(0.2)
            lines = text(app).splitlines()
            assert len(lines) == 200
            assert "Overview" in lines[0] and "commands" in lines[-1]


async def test_every_width_and_height_shows_something(make_workbench: Make) -> None:
    app = make_workbench(MemoryEngine())
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.snapshot is not None)
        for width, height in (
            (40, 10),
            (41, 11),
            (60, 15),
            (79, 23),
            (110, 16),
            (121, 41),
            (1, 1),
            (300, 12),
            (80, 24),
        ):
            await pilot.resize_terminal(width, height)
            await pilot.pause(0.1)
            assert text(app).strip()
        assert "Overview" in text(app)


async def test_a_resize_on_one_screen_holds_on_the_others(make_workbench: Make) -> None:
    app = make_workbench(MemoryEngine())
    async with app.run_test(size=(200, 50)) as pilot:
        await until(pilot, lambda: app.snapshot is not None)
        await pressed(pilot, "7")
        await pilot.resize_terminal(80, 24)
        await pilot.pause(0.1)
        await pressed(pilot, "1")
        await pilot.pause(0.2)
        assert_looks(app, "overview")
