"""Where the pool has no frames, the screen names the keys that start what indexes them."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.tui.driving import Make, opened, pressed, said
from tests.tui.frames.pool_answers import pool_engine

from calibtui.engine.wire.frames import FramePage, Frames
from calibtui.tui.screens.choose import ChooseScreen

EMPTY = FramePage(total=0, matching=0, offset=0, rows=(), data=1)


@pytest.mark.parametrize(
    ("written", "keys"),
    [("", ("1", "s")), ('[keys]\n"go.overview" = "f6"\n"overview.start" = "g,s"\n', ("f6", "g"))],
    ids=["as they come", "in keymap.toml"],
)
async def test_the_keys_that_are_named_start_it(
    make_workbench: Make, tmp_path: Path, written: str, keys: tuple[str, str]
) -> None:
    engine = pool_engine()
    engine.answers[Frames] = lambda _: EMPTY
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "keymap.toml").write_text(written)
    async with opened(make_workbench, engine, "frames", "The pool has no frames yet", (80, 24)) as pilot:
        await said(pilot, f"yet: {keys[0]}, then {keys[1]} starts the stage that indexes them.")
        await pressed(pilot, *keys)
        await said(pilot, "Start what?")
        assert isinstance(pilot.app.screen, ChooseScreen)
