"""The end of the newest job's log, below everything else where there is room for it."""

from __future__ import annotations

import time

import pytest
from msgspec.structs import replace
from tests.tui.driving import Make, opened, said
from tests.tui.looks import text
from tests.tui.stand_in import MemoryEngine, snapshot

from calibtui.engine.wire.runs import Log, LogLines
from calibtui.tui.widgets.log_end import LogEnd
from calibtui.tui.widgets.log_tail import by_our_clock


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


async def test_a_log_goes_by_the_same_clock_as_everything_else_on_the_screen(
    make_workbench: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = MemoryEngine()
    engine.answers[Log] = lambda query: LogLines(lines=("2026-11-22T08:33:21Z evaluate: 12/12",), next=0)
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()
    try:
        async with opened(make_workbench, engine, "overview", "evaluate: 12/12", (200, 50)) as pilot:
            assert "14:03:21 evaluate: 12/12" in text(pilot.app)
            await pilot.app.action_go("quantize")
            await said(pilot, "14:03:21 evaluate: 12/12")
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize("line", ["14:03:21 score", "2026-13-45T99:00:00Z x", "2026-11-22T08:33:21Zx", ""])
def test_a_line_without_a_time_of_the_engine_s_stays_as_it_is(line: str) -> None:
    assert by_our_clock(line) == line
