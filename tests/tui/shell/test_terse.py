"""Partial updates: the terminal shows what the screen is, in few bytes."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from bench.tui_subject import moment
from rich.console import Console
from tests.tui.driving import Make, pressed, until
from tests.tui.looks import cells
from tests.tui.stand_in import MemoryEngine
from textual._compositor import ChopsUpdate

from calibtui.tui.app import Workbench
from calibtui.tui.terse import Look, change

SEQUENCE = re.compile(r"\x1b\[([0-9;]*)([Hm])")
LIVE_BYTES = 4096


class Terminal:
    """A terminal that knows where the cursor goes, and SGR."""

    def __init__(self, width: int, height: int) -> None:
        self.rows = [[(" ", "")] * width for _ in range(height)]
        self.x = self.y = 0
        self.look = ""
        self.received = 0

    def write(self, data: str) -> None:
        self.received += len(data.encode())
        place = 0
        for match in SEQUENCE.finditer(data):
            self._print(data[place : match.start()])
            place = match.end()
            if match[2] == "H":
                self.y, self.x = (int(part) - 1 for part in match[1].split(";"))
        self._print(data[place:])

    def _print(self, characters: str) -> None:
        for character in characters:
            self.rows[self.y][self.x] = (character, self.look)
            self.x += 1


async def _followed(make: Make, numbers: Callable[[int], int]) -> tuple[Terminal, list[list[str]], list[str]]:
    """A terminal that got every partial update of ten seconds' moments, and what the screen says at the end."""
    engine = MemoryEngine(moment(0))
    app: Workbench = make(engine)
    terminal = Terminal(120, 40)
    console = Console(color_system="truecolor", force_terminal=True)
    updates: list[Any] = []

    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.snapshot is not None)
        await pilot.pause(0.3)
        terminal.rows = [[(character, "") for character, _ in line] for line in cells(app)]
        shown = Workbench._display

        def display(self: Workbench, screen: Any, renderable: Any) -> None:
            if type(renderable) is ChopsUpdate:
                from calibtui.tui.terse import TerseUpdate

                terminal.write(TerseUpdate(renderable).render_segments(console))
            elif renderable is not None:
                updates.append(renderable)
            shown(self, screen, renderable)

        app._display = display.__get__(app)  # type: ignore[method-assign]
        for number in range(1, 41):
            engine.send(moment(numbers(number)))
            await pilot.pause(0.02)
        await pilot.pause(0.2)
        screen = ["".join(character for character, _ in line) for line in cells(app)]
    return (
        terminal,
        [["".join(character for character, _ in row)] for row in terminal.rows],
        [*screen, str(len(updates))],
    )


async def test_after_many_updates_the_terminal_says_what_the_screen_says(make_workbench: Make) -> None:
    terminal, rows, screen = await _followed(make_workbench, lambda number: number * 37)
    assert screen[-1] == "0", "only partial updates"
    assert [row[0] for row in rows] == screen[:-1]
    assert terminal.received > 0


async def test_ten_seconds_live_are_within_four_kilobytes_a_second(make_workbench: Make) -> None:
    terminal, _, _ = await _followed(make_workbench, lambda number: number)
    assert terminal.received / 10 <= LIVE_BYTES


async def test_nothing_new_writes_nothing(make_workbench: Make) -> None:
    terminal, _, _ = await _followed(make_workbench, lambda number: 0)
    assert terminal.received == 0


async def test_the_cursor_of_a_list_moves_in_few_bytes(make_workbench: Make) -> None:
    app = make_workbench(MemoryEngine())
    written = []
    console = Console(color_system="truecolor", force_terminal=True)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.snapshot is not None)
        await pressed(pilot, "7")
        await until(pilot, lambda: app.screen.query("RunList").first().rows)
        await pilot.pause(0.2)
        shown = app._display

        def display(screen: Any, renderable: Any) -> None:
            if type(renderable) is ChopsUpdate:
                from calibtui.tui.terse import TerseUpdate

                written.append(TerseUpdate(renderable).render_segments(console))
            shown(screen, renderable)

        app._display = display  # type: ignore[method-assign]
        await pressed(pilot, "down")
        await pilot.pause(0.1)
    assert 0 < len("".join(written).encode()) <= 2048


def test_only_what_differs_of_a_look_is_written() -> None:
    bold = Look("1", "38;2;1;2;3", "49")
    assert change(Look("", "38;2;1;2;3", "49"), Look("", "38;2;9;9;9", "49")) == "\x1b[38;2;9;9;9m"
    assert change(bold, Look("", "38;2;1;2;3", "49")) == "\x1b[0;38;2;1;2;3m"
    assert change(bold, Look("", "39", "49")) == "\x1b[m"
