"""A pause while a run waits for a provider's batch: it shows, the batch stays out, and a resume fetches it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from tests.cli.test_batch_apis import speaking
from tests.engines import connected, serving
from tests.tui.driving import Make, pressed, said, until
from tests.tui.looks import text

from calibtui.practice.options import PracticeOptions
from calibtui.practice.process import practice_server, read_books

FRAMES = 8


async def test_p_holds_a_run_that_waits_for_its_batch_and_lets_it_go_on(
    make_workspace: Callable[..., Path], runtime_directory: Path, make_workbench: Make
) -> None:
    with practice_server(PracticeOptions(batch_delay_ms=3000)) as url:
        root = make_workspace(pool=FRAMES, document=speaking("anthropic", url))
        with serving(root):
            app = make_workbench(connected(root), "dark", str(root))
            async with app.run_test(size=(120, 40), notifications=True) as pilot:
                await said(pilot, "not yet", 30)
                await pressed(pilot, "s")
                await said(pilot, "Start what?")
                await pressed(pilot, "2")
                await said(pilot, "yes, go ahead")
                await pressed(pilot, "enter")
                await said(pilot, f"0 of {FRAMES} answered", 60)
                await pressed(pilot, "p")
                await said(pilot, "‖ paused by")
                await until(pilot, lambda: "score     ‖ paused" in text(app))
                while (await asyncio.to_thread(read_books, url))["answered"] < FRAMES:
                    await pilot.pause(0.1)
                await pilot.pause(1.0)
                assert "score     ‖ paused" in text(app)
                assert app.snapshot is not None and app.snapshot.totals.scored == 0
                await pressed(pilot, "p")
                await said(pilot, f"Difficulty  {FRAMES} scored", 60)
                await said(pilot, "✓ finished", 30)
        assert read_books(url)["batches"] == 1
