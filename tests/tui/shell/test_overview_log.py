"""The end of the newest job's log, below everything else where there is room for it."""

from __future__ import annotations

from msgspec.structs import replace
from tests.tui.driving import Make, opened, said
from tests.tui.looks import text
from tests.tui.stand_in import MemoryEngine, snapshot

from calibtui.engine.wire.runs import Log
from calibtui.tui.widgets.log_end import LogEnd


async def test_the_last_lines_of_the_log_fill_the_lower_part(make_workbench: Make) -> None:
    async with opened(make_workbench, MemoryEngine(), "overview", "14:03:59", (200, 50)) as pilot:
        lines = text(pilot.app).splitlines()
        title = next(number for number, line in enumerate(lines) if line.strip().startswith("Log"))
        assert lines[-2].strip() == "14:03:59 score: 5,900/80,000"
        assert all("score:" in line for line in lines[title + 1 : -1])


async def test_where_there_is_no_room_nothing_is_shown_or_asked_for(make_workbench: Make) -> None:
    engine = MemoryEngine()
    async with opened(make_workbench, engine, "overview", "Money", (80, 24)) as pilot:
        await pilot.pause(0.3)
        assert "14:03" not in text(pilot.app)
        assert not any(isinstance(query, Log) for query in engine.asked)


async def test_it_gives_way_to_everything_else_and_comes_back(make_workbench: Make) -> None:
    async with opened(make_workbench, MemoryEngine(), "overview", "14:03:59", (200, 50)) as pilot:
        await pilot.resize_terminal(80, 24)
        await pilot.pause(0.3)
        assert "14:03" not in text(pilot.app)
        assert not pilot.app.screen.query_one(LogEnd).room
        await pilot.resize_terminal(200, 50)
        await said(pilot, "14:03:59")


async def test_nothing_is_asked_for_while_nothing_was_ever_done(make_workbench: Make) -> None:
    engine = MemoryEngine(replace(snapshot(1), jobs=()))
    async with opened(make_workbench, engine, "overview", "Money", (200, 50)) as pilot:
        await pilot.pause(0.3)
        assert not any(isinstance(query, Log) for query in engine.asked)
