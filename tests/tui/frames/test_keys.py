"""Every key of the Frames screen, over a real engine; what it did is checked by a second client."""

from __future__ import annotations

import pytest
from tests.tui.frames.conftest import FRAMES, Open
from textual.events import Key
from textual.keys import _character_to_key
from textual.widgets import Input

from calibtui.tui.widgets.filter_line import FilterLine
from calibtui.tui.widgets.place_line import PlaceLine
from calibtui.tui.widgets.sort_chooser import SortChooser

SMALL, WIDE = (80, 24), (120, 40)


WALKS = (
    (("down",), 1),
    (("j", "j"), 2),
    (("j", "j", "up"), 1),
    (("j", "k"), 0),
    (("k",), 0),
    (("end",), FRAMES - 1),
    (("G",), FRAMES - 1),
    (("G", "j", "g"), 0),
    (("pagedown",), 18),
    (("ctrl+f", "pageup"), 0),
    (("ctrl+f", "ctrl+f", "ctrl+b"), 18),
    (("ctrl+d",), 9),
    (("ctrl+d", "ctrl+d", "ctrl+u"), 9),
)
"""Keys from the first row on, and the row they lead to, where 19 rows are on screen."""


async def test_the_cursor_goes_where_the_key_says(frames: Open) -> None:
    async with frames(SMALL) as bench:
        table = bench.screen.table
        assert table.rows_on_screen == 19
        for keys, row in WALKS:
            await bench.press("home", *keys)
            assert table.row == row, keys
            assert table.top <= row < table.top + table.rows_on_screen


async def test_the_frame_under_the_cursor_is_shown_in_full_once_it_rests(frames: Open) -> None:
    async with frames(WIDE) as bench:
        await bench.press("j", "j", "j")
        await bench.until(lambda: bench.screen.detail.line == bench.screen.table.line)
        await bench.settled()
        detail = bench.screen.detail.detail
        assert detail is not None
        assert detail.line.uri in bench.text()
        assert f"rank {detail.rank}" in bench.text()


async def test_space_takes_a_frame_out_of_the_set_and_in_again(frames: Open) -> None:
    async with frames(WIDE) as bench:
        digest, was = bench.line.digest, bench.line.in_set
        assert was
        await bench.press("space")
        await bench.settled()
        assert await bench.mark_of(digest) == "dropped"
        assert not bench.line.in_set
        await bench.press("space")
        await bench.settled()
        assert await bench.mark_of(digest) == "picked"


@pytest.mark.parametrize(("key", "mark", "glyph"), [("p", "pinned", "▲"), ("x", "excluded", "×")])
async def test_a_mark_is_shown_at_once_and_set(frames: Open, key: str, mark: str, glyph: str) -> None:
    async with frames(WIDE) as bench:
        await bench.press("j", key)
        assert bench.line.mark == mark
        await bench.settled()
        assert await bench.mark_of(bench.line.digest) == mark
        assert bench.text().splitlines()[4].startswith(glyph)


async def test_c_clears_a_mark(frames: Open) -> None:
    async with frames(SMALL) as bench:
        await bench.press("p", "c")
        await bench.settled()
        assert await bench.mark_of(bench.line.digest) == ""


@pytest.mark.parametrize("redo", ["U", "ctrl+r"])
async def test_u_undoes_and_a_key_redoes(frames: Open, redo: str) -> None:
    async with frames(SMALL) as bench:
        digest = bench.line.digest
        await bench.press("p")
        await bench.settled()
        await bench.press("u")
        await bench.settled()
        assert (await bench.mark_of(digest), bench.line.mark) == ("", "")
        await bench.press(redo)
        await bench.settled()
        assert (await bench.mark_of(digest), bench.line.mark) == ("pinned", "pinned")


async def test_a_mark_holds_for_the_whole_range(frames: Open) -> None:
    async with frames(WIDE) as bench:
        await bench.press("j", "v", "j", "j")
        assert "range of 3" in bench.text()
        await bench.press("x")
        await bench.settled()
        rows = await bench.rows()
        assert [row.mark for row in rows[:5]] == ["", "excluded", "excluded", "excluded", ""]
        assert bench.screen.table.range_start is None


async def test_space_picks_a_whole_range(frames: Open) -> None:
    async with frames(SMALL) as bench:
        await bench.press("G", "v", "k", "space")
        await bench.settled()
        assert [row.mark for row in await bench.rows()][-3:] == ["", "picked", "picked"]


async def test_escape_ends_a_range(frames: Open) -> None:
    async with frames(SMALL) as bench:
        await bench.press("v", "j", "escape", "p")
        await bench.settled()
        assert [row.mark for row in (await bench.rows())[:2]] == ["", "pinned"]


async def test_v_again_ends_a_range(frames: Open) -> None:
    async with frames(SMALL) as bench:
        await bench.press("v", "j", "v")
        assert bench.screen.table.range_start is None


async def test_s_chooses_what_is_sorted_by(frames: Open) -> None:
    async with frames(WIDE) as bench:
        await bench.press("s")
        await bench.until(lambda: isinstance(bench.app.screen, SortChooser))
        await bench.press("j", "enter")
        await bench.until(lambda: bench.screen.table.order.sort == "path")
        await bench.settled()
        assert bench.line == (await bench.rows(sort="path", descending=False))[0]
        assert "path ↑" in bench.text()


async def test_the_same_sort_chosen_again_is_turned_round(frames: Open) -> None:
    async with frames(SMALL) as bench:
        await bench.press("s")
        await bench.until(lambda: isinstance(bench.app.screen, SortChooser))
        await bench.press("enter")
        await bench.until(lambda: not bench.screen.table.order.descending)
        await bench.settled()
        assert bench.line == (await bench.rows(descending=False))[0]


async def test_escape_leaves_the_sort_as_it_is(frames: Open) -> None:
    async with frames(SMALL) as bench:
        await bench.press("s")
        await bench.until(lambda: isinstance(bench.app.screen, SortChooser))
        await bench.press("k", "escape")
        await bench.until(lambda: bench.app.screen is bench.screen)
        assert bench.screen.table.order.said == "difficulty ↓"


async def test_keys_go_through_the_sorts(frames: Open) -> None:
    async with frames(SMALL) as bench:
        await bench.press("greater_than_sign")
        await bench.until(lambda: bench.screen.table.order.sort == "path")
        await bench.press("less_than_sign")
        await bench.until(lambda: bench.screen.table.order.sort == "difficulty")
        await bench.press("less_than_sign")
        await bench.until(lambda: bench.screen.table.order.sort == "mark")


async def test_r_turns_the_order_round(frames: Open) -> None:
    async with frames(SMALL) as bench:
        await bench.press("r")
        await bench.until(lambda: not bench.screen.table.order.descending)
        await bench.settled()
        assert bench.line == (await bench.rows(descending=False))[0]


async def test_a_filter_holds_as_it_is_typed_and_stays_after_enter(frames: Open) -> None:
    async with frames(WIDE) as bench:
        await bench.press("slash", *"path:line1")
        wanted = await bench.rows(filter="path:line1")
        await bench.until(lambda: bench.screen.table.pages.matching == len(wanted))
        await bench.press("enter")
        assert bench.app.focused is bench.screen.table
        await bench.settled()
        assert bench.line == wanted[0]
        assert f"{len(wanted)} of {FRAMES} frames" in bench.text()
        assert "/ path:line1" in bench.text()


@pytest.mark.parametrize(
    ("typed", "value"), [("/score:40..45 path:line1", "score:40..45 path:line1"), (":12", "12"), ("%95", "95")]
)
async def test_keys_that_come_in_one_go_are_text_after_the_key_that_opens_the_line(
    frames: Open, typed: str, value: str
) -> None:
    """As over a slow line: all of them are read before the first has done anything."""
    async with frames(SMALL) as bench:
        for character in typed:
            bench.app.post_message(Key(_character_to_key(character), character))
        await bench.until(lambda: isinstance(bench.app.focused, Input))
        await bench.until(lambda: bench.app.focused.value == value)
        assert bench.app.screen is bench.screen
        assert bench.screen.table.order.sort == "difficulty"


async def test_a_filter_that_says_nothing_is_told_as_it_is_typed(frames: Open) -> None:
    async with frames(SMALL) as bench:
        await bench.press("slash", *"score>b")
        assert "'b' is no number." in bench.text()
        await bench.pilot.pause(0.3)
        assert bench.screen.table.order.filter != "score>b"
        await bench.press("enter")
        assert isinstance(bench.app.focused.parent.parent, FilterLine)


async def test_escape_takes_back_the_filter_that_was_being_typed(frames: Open) -> None:
    async with frames(SMALL) as bench:
        await bench.press("slash", *"score>60")
        await bench.until(lambda: bench.screen.table.pages.matching < FRAMES)
        await bench.press("escape")
        await bench.until(lambda: bench.screen.table.pages.matching == FRAMES)
        assert bench.app.focused is bench.screen.table


async def test_escape_on_the_table_takes_the_filter_away(frames: Open) -> None:
    async with frames(SMALL) as bench:
        await bench.press("slash", *"score>60", "enter")
        await bench.until(lambda: bench.screen.table.pages.matching < FRAMES)
        await bench.press("escape")
        await bench.until(lambda: bench.screen.table.pages.matching == FRAMES)
        assert not bench.screen.query_one(FilterLine).display


async def test_a_filter_that_nothing_passes_says_how_to_get_out(frames: Open) -> None:
    async with frames(SMALL) as bench:
        await bench.press("slash", *"score>99", "enter")
        await bench.until(lambda: bench.screen.table.pages.matching == 0)
        await bench.pilot.pause()
        assert "No frame passes this filter" in bench.text()
        await bench.press("j", "space", "G", "pageup", "v", "p", "escape", "escape")
        await bench.until(lambda: bench.screen.table.pages.matching == FRAMES)
        assert {row.mark for row in await bench.rows()} == {""}


async def test_the_filter_is_completed_by_what_there_is(frames: Open) -> None:
    async with frames(WIDE) as bench:
        known = bench.line.classes[0][0]
        await bench.press("slash", *f"class:{known[:2]}")
        line = bench.screen.query_one(FilterLine).input
        await bench.until(lambda: line._suggestion)
        await bench.press("right")
        assert line.value == f"class:{known}"


@pytest.mark.parametrize(("typed", "row"), [("100", 0), ("0", FRAMES - 1), ("50", FRAMES // 2)])
async def test_percent_goes_to_a_percentile(frames: Open, typed: str, row: int) -> None:
    async with frames(SMALL) as bench:
        await bench.press("j", "j", "percent_sign", *typed, "enter")
        await bench.until(lambda: abs(bench.screen.table.row - row) <= 1)
        assert bench.app.focused is bench.screen.table


async def test_colon_goes_to_a_row(frames: Open) -> None:
    async with frames(SMALL) as bench:
        await bench.press("colon", "4", "2", "enter")
        await bench.until(lambda: bench.screen.table.row == 41)


@pytest.mark.parametrize("key", ["percent_sign", "colon"])
async def test_escape_leaves_the_cursor_where_it_is(frames: Open, key: str) -> None:
    async with frames(SMALL) as bench:
        await bench.press("j", key, "9", "escape")
        assert bench.screen.table.row == 1
        assert bench.app.focused is bench.screen.table
        assert not bench.screen.query_one(PlaceLine).display


async def test_a_percentile_above_100_is_not_taken(frames: Open) -> None:
    async with frames(SMALL) as bench:
        await bench.press("percent_sign", "1", "0", "1", "enter")
        assert bench.screen.query_one(PlaceLine).display


async def test_y_copies_the_path(frames: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    async with frames(SMALL) as bench:
        copied: list[str] = []
        monkeypatch.setattr(bench.app, "copy", copied.append)
        await bench.press("y")
        assert copied == [bench.line.uri]


async def test_the_mouse_points_at_a_frame_and_sorts_by_a_heading(frames: Open) -> None:
    async with frames(WIDE) as bench:
        await bench.pilot.click("#pool-table", offset=(20, 5))
        assert bench.screen.table.row == 5
        column = next(column for column in bench.screen.table.columns if column.name == "path")
        await bench.pilot.click("#pool-heading", offset=(column.x + 1, 0))
        await bench.until(lambda: bench.screen.table.order.sort == "path")


async def test_the_wheel_scrolls_without_moving_the_cursor(frames: Open) -> None:
    async with frames(SMALL) as bench:
        bench.screen.table.scroll_down(animate=False)
        await bench.pilot.pause()
        assert (bench.screen.table.row, bench.screen.table.top > 0) == (0, True)
