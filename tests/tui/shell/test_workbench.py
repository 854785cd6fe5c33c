"""The frame around the screens."""

from __future__ import annotations

from collections.abc import Callable

from tests.tui.looks import text
from tests.tui.stand_in import MemoryEngine

from calibtui.tui.app import Workbench


async def test_it_says_where_it_is_and_how_the_line_stands(make_workbench: Callable[..., Workbench]) -> None:
    app = make_workbench(MemoryEngine())
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        first = text(app).splitlines()[0]
    assert "pcb" in first
    assert "● live" in first
