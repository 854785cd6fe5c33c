"""Whatever is done, the rows on screen are the engine's rows at those places."""

from __future__ import annotations

import random

import pytest
from tests.tui.frames.conftest import FRAMES, Bench, Open

from calibtui.engine.wire.curation import Mark
from calibtui.engine.wire.frames import FrameLine, FramePage
from calibtui.tui.widgets import pool_pages
from calibtui.tui.widgets.pool_pages import ROWS, PoolPages, marked

WALK = ("down", "up", "pagedown", "pageup", "home", "end", "ctrl+d", "ctrl+u", "r", "greater_than_sign", "wheel")
FILTERS = ("", "score>40", "path:line1", "-path:line0 score<70")


def frame_line(place: int) -> FrameLine:
    return FrameLine(digest=f"{place:064x}", uri=f"{place}.jpg", difficulty=0.5)


def page(number: int, rows: int) -> FramePage:
    places = range(number * ROWS, min(rows, (number + 1) * ROWS))
    return FramePage(
        total=rows, matching=rows, offset=number * ROWS, rows=tuple(frame_line(place) for place in places), data=1
    )


@pytest.mark.parametrize("seed", range(2))
async def test_rows_on_screen_are_those_of_the_engine(frames: Open, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    """Pages of seven rows, so that sixty frames are many pages and few of them are kept."""
    for module in ("pool_pages", "pool_reader"):
        monkeypatch.setattr(f"calibtui.tui.widgets.{module}.ROWS", 7)
    monkeypatch.setattr(pool_pages, "KEPT", 5)
    draw = random.Random(seed)
    async with frames((80, 14)) as bench:
        for _ in range(12):
            for _ in range(draw.randint(1, 5)):
                await _step(bench, draw.choice(WALK))
            if draw.random() < 0.2:
                bench.screen._filter(draw.choice(FILTERS))
            await _rows_are_right(bench)


async def _step(bench: Bench, what: str) -> None:
    if what == "wheel":
        bench.screen.table.scroll_down(animate=False)
    else:
        await bench.press(what)


async def _rows_are_right(bench: Bench) -> None:
    table = bench.screen.table
    await bench.until(lambda: not table.reader.loading and not table.wanted_pages())
    await bench.pilot.pause(0.05)
    order = table.order
    asked = await bench.rows(sort=order.sort, descending=order.descending, filter=order.filter)
    first, last = table.top, min(table.top + table.rows_on_screen, len(asked)) - 1
    assert table.pages.matching == len(asked)
    assert table.pages.rows(first, last) == list(asked[first : last + 1])
    lines = bench.text().splitlines()[table.region.y :]
    for place in range(first, last + 1):
        assert f" {place + 1} " in lines[place - first], (place, lines)
    assert 0 <= table.row < max(1, len(asked))


def test_what_is_on_screen_is_wanted_first_then_what_comes_next() -> None:
    pages = PoolPages()
    pages.put(5, page(5, 10_000))
    assert pages.wanted(4 * ROWS - 10, 4 * ROWS + 10, forward=True) == [3, 4, 2]
    assert pages.wanted(4 * ROWS - 10, 4 * ROWS + 10, forward=False) == [3, 4, 2]


def test_nothing_beyond_the_ends_is_wanted() -> None:
    pages = PoolPages()
    pages.put(0, page(0, ROWS + 5))
    assert pages.wanted(0, 40, forward=False) == [1]
    pages.put(1, page(1, ROWS + 5))
    assert pages.wanted(0, 40, forward=False) == []


def test_rows_that_are_out_of_date_are_shown_until_others_come() -> None:
    pages = PoolPages()
    pages.put(0, page(0, 10))
    pages.outdate()
    assert pages.row(3) == frame_line(3)
    assert pages.wanted(0, 9, forward=True) == [0]


def test_pages_least_recently_shown_go_first() -> None:
    pages = PoolPages()
    for number in range(pool_pages.KEPT):
        pages.put(number, page(number, 10**6))
    pages.wanted(0, 10, forward=True)
    pages.put(900, page(900, 10**6))
    assert pages.row(0) is not None
    assert pages.row(ROWS) is None


def test_a_row_beyond_a_short_page_is_not_there() -> None:
    pages = PoolPages()
    pages.put(0, page(0, 3))
    assert pages.rows(1, 3) == [frame_line(1), frame_line(2), None]


@pytest.mark.parametrize(
    ("before", "mark", "toggle", "after", "in_set"),
    [
        (("", True), "", True, "dropped", False),
        (("", False), "", True, "picked", True),
        (("dropped", False), "", True, "picked", True),
        (("", False), "pinned", False, "pinned", True),
        (("picked", True), "excluded", False, "excluded", False),
    ],
)  # fmt: skip
def test_a_mark_is_shown_as_the_engine_is_going_to_set_it(
    before: tuple[str, bool], mark: str, toggle: bool, after: str, in_set: bool
) -> None:
    line = FrameLine(digest="0", uri="a", difficulty=None, mark=before[0], in_set=before[1])
    shown = marked(line, mark, toggle)
    assert (shown.mark, shown.in_set) == (after, in_set)


async def test_the_cursor_stays_on_its_frame_while_the_pool_changes(frames: Open) -> None:
    async with frames((120, 40)) as bench:
        bench.screen.action_sort("mark")
        await bench.until(lambda: bench.screen.table.order.sort == "mark")
        await bench.settled()
        await bench.press("j", "j", "j", "j")
        watched, line = bench.line, bench.screen.table.row - bench.screen.table.top
        others = [row.digest for row in await bench.rows(sort="mark") if row.digest != watched.digest]

        await bench.engine.do(Mark(digests=(others[-1], others[-2]), mark="pinned"))
        moved = [row.digest for row in await bench.rows(sort="mark")].index(watched.digest)
        await bench.until(lambda: bench.screen.table.row == moved)
        assert bench.line.digest == watched.digest
        assert bench.screen.table.row - bench.screen.table.top == min(moved, line)


async def test_a_cursor_that_nobody_moved_stays_at_the_top(frames: Open) -> None:
    async with frames((120, 40)) as bench:
        bench.screen.action_sort("mark")
        await bench.until(lambda: bench.screen.table.order.sort == "mark")
        await bench.settled()
        last = (await bench.rows(sort="mark"))[-1].digest

        await bench.engine.do(Mark(digests=(last,), mark="pinned"))
        first = (await bench.rows(sort="mark"))[0].digest
        await bench.until(lambda: bench.line.digest == first)
        assert bench.screen.table.row == 0


async def test_a_large_range_is_marked_by_its_rows(frames: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("calibtui.tui.screens.frame_marking.BY_DIGEST", 10)
    async with frames((80, 24)) as bench:
        await bench.press("v", "G", "p")
        await bench.settled()
        assert [row.mark for row in await bench.rows()] == ["pinned"] * FRAMES
        await bench.press("u")
        await bench.settled()
        assert {row.mark for row in await bench.rows()} == {""}
