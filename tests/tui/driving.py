"""Driving the workbench under Pilot."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from tests.tui.looks import text
from textual.pilot import Pilot

from calibtui.engine.client.client import Engine
from calibtui.tui.app import Workbench

Make = Callable[..., Workbench]
Pilots = Pilot[None]


async def until(pilot: Pilots, happened: Callable[[], object], seconds: float = 10.0) -> None:
    """Waits for workers and timers."""
    for _ in range(int(seconds / 0.05)):
        await pilot.pause(0.05)
        if happened():
            return
    raise AssertionError(f"it did not happen; the screen says:\n{text(pilot.app)}")


async def said(pilot: Pilots, words: str, seconds: float = 10.0) -> None:
    """Waits until the screen says it."""
    await until(pilot, lambda: words in text(pilot.app), seconds)


async def pressed(pilot: Pilots, *keys: str) -> None:
    for key in keys:
        await pilot.press(key)
        await pilot.pause()


@asynccontextmanager
async def opened(
    make: Make, engine: Engine, screen: str, words: str, size: tuple[int, int] = (120, 40), theme: str = "dark"
) -> AsyncIterator[Pilots]:
    """The workbench on `screen`, once it says `words`; "": once it is there."""
    app = make(engine, theme)
    async with app.run_test(size=size, notifications=True) as pilot:
        await app.action_go(screen)
        await (said(pilot, words) if words else pilot.pause(0.5))
        await pilot.pause()
        yield pilot
