"""Every dialog says which keys it has, and covers those of the screen that it lies over."""

from __future__ import annotations

import re

import pytest
from tests.tui.driving import Make, opened, pressed, said, until
from tests.tui.looks import text
from tests.tui.model_answers import ModelEngine
from textual.screen import ModalScreen

DIALOGS = (
    ("overview", ("s",), "enter or its number takes one"),
    ("set", ("L",), "enter takes it"),
    ("set", ("c",), "enter takes it"),
    ("set", ("E", "enter"), "enter writes"),
    ("compare", ("c",), "enter shows them"),
    ("compare", ("a",), "ctrl+s starts it"),
    ("budgets", ("e",), "enter next, then sets it"),
)


@pytest.mark.parametrize(("screen", "keys", "words"), DIALOGS)
async def test_a_dialog_names_its_keys_and_hides_those_that_do_nothing(
    make_workbench: Make, screen: str, keys: tuple[str, ...], words: str
) -> None:
    async with opened(make_workbench, ModelEngine(), screen, "", (80, 24)) as pilot:
        await until(pilot, lambda: getattr(pilot.app.screen, "view", True) is not None)
        await pilot.pause(0.3)
        for key in keys:
            await pressed(pilot, key)
            await until(pilot, lambda: isinstance(pilot.app.screen, ModalScreen))
        await said(pilot, words)
        last = text(pilot.app).splitlines()[-1]
        assert "commands" not in last and "quit" not in last, last
        await pressed(pilot, "escape")
        await until(pilot, lambda: not isinstance(pilot.app.screen, ModalScreen))


async def test_help_names_the_key_that_does_it_and_what_each_part_is(make_workbench: Make) -> None:
    async with opened(make_workbench, ModelEngine(), "set", "64", (120, 90)) as pilot:
        await pressed(pilot, "question_mark")
        await said(pilot, "The next value")
        shown = text(pilot.app)
        assert "←→" not in shown
        assert [len(re.findall(rf"▌  {title}\s", shown)) for title in ("Here", "Around it", "This screen")] == [1, 1, 1]
