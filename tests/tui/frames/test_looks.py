"""What the Frames screen looks like, and that it holds at any size."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from rich.cells import cell_len
from tests.tui.conftest import SIZES
from tests.tui.frames.conftest import Bench
from tests.tui.frames.pool_answers import POOL, pool_engine
from tests.tui.looks import assert_looks, cells

from calibtui.tui.app import Workbench
from calibtui.tui.screens.frames import FramesScreen

Make = Callable[..., Workbench]


async def shown(app: Workbench, pilot: object) -> Bench:
    bench = Bench(app, pilot, None)
    await bench.press("2")
    await bench.until(lambda: isinstance(app.screen, FramesScreen))
    if bench.screen.table.size.height:
        await bench.until(lambda: bench.screen.table.line is not None)
        await bench.settled()
    return bench


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("size", SIZES)
async def test_the_table_and_the_frame_beside_it(make_workbench: Make, size: tuple[int, int], theme: str) -> None:
    app = make_workbench(pool_engine(), theme=theme)
    async with app.run_test(size=size) as pilot:
        bench = await shown(app, pilot)
        await bench.press("j", "j", "v", "j", "j")
        await bench.settled()
        assert_looks(app, "frames")


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("size", [SIZES[0], SIZES[2]])
async def test_a_frame_alone(make_workbench: Make, size: tuple[int, int], theme: str) -> None:
    app = make_workbench(pool_engine(), theme=theme)
    async with app.run_test(size=size) as pilot:
        bench = await shown(app, pilot)
        await bench.press("j", "enter", "n")
        await bench.until(lambda: bench.screen.detail.detail is not None and bench.screen.detail.view.complete)
        await bench.settled()
        assert_looks(app, "frames-alone")


async def test_a_filter_that_is_wrong(make_workbench: Make) -> None:
    app = make_workbench(pool_engine())
    async with app.run_test(size=(80, 24)) as pilot:
        bench = await shown(app, pilot)
        await bench.press("slash", *"score>80 colour:red")
        assert_looks(app, "frames-filter")


async def test_the_choice_of_a_sort(make_workbench: Make) -> None:
    app = make_workbench(pool_engine())
    async with app.run_test(size=(80, 24)) as pilot:
        bench = await shown(app, pilot)
        await bench.press("s")
        await bench.until(lambda: app.screen is not bench.screen)
        await pilot.pause(0.05)
        assert_looks(app, "frames-sort")


@pytest.mark.parametrize("size", [(20, 5), (40, 10), (60, 15), (500, 200)])
async def test_it_holds_at_any_size(make_workbench: Make, size: tuple[int, int]) -> None:
    app = make_workbench(pool_engine())
    async with app.run_test(size=size) as pilot:
        bench = await shown(app, pilot)
        await bench.press("j", "pagedown", "v", "G", "escape", "enter", "z", "enter", "slash", "a", "escape")
        await pilot.pause(0.1)
        for line in cells(app):
            assert cell_len("".join(character for character, _ in line)) == size[0]


async def test_a_new_size_keeps_the_cursor_on_screen(make_workbench: Make) -> None:
    app = make_workbench(pool_engine())
    async with app.run_test(size=(120, 40)) as pilot:
        bench = await shown(app, pilot)
        await bench.press("G")
        for size in ((80, 24), (200, 50), (60, 15)):
            await pilot.resize_terminal(*size)
            await pilot.pause(0.1)
            table = bench.screen.table
            assert table.row == POOL - 1
            assert table.top <= table.row < table.top + table.rows_on_screen


async def test_no_character_of_a_name_or_a_reply_controls_the_terminal(make_workbench: Make) -> None:
    app = make_workbench(pool_engine())
    async with app.run_test(size=(200, 50)) as pilot:
        bench = await shown(app, pilot)
        await bench.press("j", "j", "j")
        await bench.settled()
        assert all(character.isprintable() for line in cells(app) for character, _ in line)
        assert "[bold]frame_00001[dim].jpg" in bench.text()
        assert "a\\x1b[31m00003\\n.jpg" in bench.text()
        assert "[red]mini" in bench.text()


async def test_without_colours_the_picture_is_made_of_characters(
    make_workbench: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = make_workbench(pool_engine())
    async with app.run_test(size=(120, 40)) as pilot:
        bench = await shown(app, pilot)
        assert "▀" not in bench.text()
        assert "▒" in bench.text() and "█" in bench.text()
