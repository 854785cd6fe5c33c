"""The workbench over a real engine on a real store: a small workspace with a budget, its judge the practice one."""

from __future__ import annotations

import getpass
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
from tests.conftest import WORKSPACE
from tests.engines import connected, serving
from tests.tui.driving import Make, Pilots, said, until

from calibtui.tui.app import Workbench

DOCUMENT = (
    WORKSPACE
    + f"""\
[budgets]
team = {{{{ eur = 600 }}}}
"team/{getpass.getuser()}" = {{{{ eur = 200, user = "{getpass.getuser()}" }}}}
"""
)
Open = Callable[..., AbstractAsyncContextManager[Pilots]]


@pytest.fixture
def workspace(make_workspace: Callable[..., Path]) -> Iterator[Path]:
    """A workspace in which nothing was done yet, with its engine."""
    root = make_workspace(pool=12, evaluation=6, document=DOCUMENT)
    with serving(root):
        yield root


@pytest.fixture
def open_workbench(workspace: Path, make_workbench: Make) -> Open:
    """Opens the workbench on a screen, once the screen says `words`."""

    @asynccontextmanager
    async def opened(
        screen: str = "overview", words: str = "", size: tuple[int, int] = (120, 40), theme: str = "dark"
    ) -> AsyncIterator[Pilots]:
        app: Workbench = make_workbench(connected(workspace), theme, str(workspace))
        async with app.run_test(size=size, notifications=True) as pilot:
            await until(pilot, lambda: app.snapshot is not None, 30)
            await app.action_go(screen)
            await said(pilot, words, 30)
            yield pilot

    return opened
