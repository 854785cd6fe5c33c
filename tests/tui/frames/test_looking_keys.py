"""The keys that look at one frame: alone, its boxes, closer, what resembles it."""

from __future__ import annotations

import pytest
from tests.tui.frames.conftest import Open

from calibtui.tui.pictures.canvas import SOURCES, WHOLE
from calibtui.tui.widgets.frame_picture import FrameView

SMALL, WIDE = (80, 24), (120, 40)


async def test_enter_shows_the_frame_alone_and_the_table_again(frames: Open) -> None:
    async with frames(SMALL) as bench:
        assert not bench.screen.detail.display
        await bench.press("enter")
        await bench.until(lambda: bench.screen.detail.display and bench.app.focused is bench.screen.detail)
        await bench.settled()
        assert not bench.screen.query_one("#pool").display
        assert "looks like it" in bench.text()
        await bench.press("enter")
        await bench.until(lambda: bench.app.focused is bench.screen.table)


async def test_alone_the_next_frame_is_a_key_away(frames: Open) -> None:
    async with frames(SMALL) as bench:
        await bench.press("enter")
        await bench.until(lambda: bench.app.focused is bench.screen.detail)
        await bench.press("j", "down", "k")
        await bench.until(lambda: bench.screen.detail.line == bench.screen.table.line)
        assert bench.screen.table.row == 1
        await bench.press("escape")
        await bench.until(lambda: bench.app.focused is bench.screen.table)


async def test_alone_the_facts_can_be_read_to_their_end(frames: Open) -> None:
    async with frames(SMALL) as bench:
        await bench.press("enter")
        await bench.settled()
        await bench.until(lambda: bench.app.focused is bench.screen.detail)
        assert bench.line.digest[:16] not in bench.text()
        await bench.press("pagedown", "pagedown", "pagedown")
        await bench.pilot.pause()
        assert bench.line.digest[:16] in bench.text()
        await bench.press("pageup", "pageup", "pageup")
        await bench.pilot.pause()
        assert bench.line.uri in bench.text()


async def test_b_goes_through_the_boxes_of_each_source(frames: Open) -> None:
    async with frames(WIDE) as bench:
        detail = bench.screen.detail
        assert (set(detail.boxes), detail.sources) == ({"truth"}, SOURCES)
        await bench.press("b")
        assert detail.sources == ("truth",)
        await bench.press("b")
        assert detail.sources == ()
        await bench.press("b")
        assert detail.sources == SOURCES


async def test_z_looks_at_each_box_and_then_at_the_whole_frame(frames: Open) -> None:
    async with frames(WIDE) as bench:
        count = len(bench.screen.detail.boxes["truth"])
        for number in range(1, count + 1):
            await bench.press("z")
            await bench.settled()
            assert f"{number} of {count}: " in bench.text()
            assert bench.screen.detail.region_shown != WHOLE
        await bench.press("z")
        assert bench.screen.detail.region_shown == WHOLE
        await bench.press("Z")
        assert bench.screen.detail.region_shown != WHOLE
        await bench.press("escape")
        assert bench.screen.detail.region_shown == WHOLE


async def test_plus_and_minus_magnify_and_shift_moves(frames: Open) -> None:
    async with frames(WIDE) as bench:
        detail = bench.screen.detail
        await bench.press("plus", "plus")
        assert detail.region_shown == (0.375, 0.375, 0.625, 0.625)
        await bench.press("L", "J")
        assert detail.region_shown == (0.4375, 0.4375, 0.6875, 0.6875)
        await bench.press("shift+left", "shift+up", "H", "K")
        assert detail.region_shown == (0.3125, 0.3125, 0.5625, 0.5625)
        await bench.press("shift+right", "shift+down", "equals_sign", "minus", "minus", "minus")
        assert detail.region_shown == WHOLE


async def test_d_runs_the_model_on_the_frame(frames: Open) -> None:
    async with frames(WIDE) as bench:
        assert "float" not in bench.screen.detail.boxes
        await bench.press("d")
        await bench.until(lambda: "float" in bench.screen.detail.boxes)
        await bench.pilot.pause()
        assert f"float {len(bench.screen.detail.boxes['float'])}" in bench.text()


async def test_n_and_o_go_to_a_similar_frame_and_backspace_returns(frames: Open) -> None:
    async with frames(WIDE) as bench:
        first, detail = bench.line, bench.screen.detail.detail
        assert detail is not None and len(detail.neighbours) > 2
        await bench.press("n", "n", "N", "n", "o")
        await bench.until(lambda: bench.screen.table.line.digest == detail.neighbours[1].digest)
        await bench.press("backspace")
        await bench.until(lambda: bench.screen.table.line == first)


async def test_pictures_come_only_for_frames_that_the_cursor_rests_on(
    frames: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with frames(WIDE) as bench:
        asked: list[str] = []
        view = bench.screen.query_one(FrameView)
        monkeypatch.setattr(view, "show", lambda digest, *rest: asked.append(digest))
        for _ in range(8):
            bench.screen.table.action_move(1)
        await bench.until(lambda: asked)
        await bench.pilot.pause(0.2)
        assert set(asked) == {bench.line.digest}
