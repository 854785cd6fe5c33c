"""The Set screen, key by key."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from msgspec.structs import replace
from tests.tui.conftest import SIZES
from tests.tui.driving import Make, Pilots, pressed, until
from tests.tui.driving import opened as on_screen
from tests.tui.looks import assert_looks, text
from tests.tui.model_answers import DRAFT, HOSTILE, SETS, ModelEngine, detail
from textual.widget import Widget

from calibtui.core.errors import EngineRefusedError
from calibtui.engine.wire.curation import Mark, Undo
from calibtui.engine.wire.frames import Frame
from calibtui.engine.wire.sets import Draft, Export, Lock, LockedSet, SetLines, Sets, SetView, Turn
from calibtui.pipeline.export import PARTS, parts
from calibtui.tui.screens.export_set import CHOICES, ExportRows, ExportSetScreen
from calibtui.tui.screens.set import SetScreen
from calibtui.tui.widgets.knob_list import KnobList, KnobRows
from calibtui.tui.widgets.set_frames import SetFrames


@asynccontextmanager
async def opened(
    make: Make, engine: ModelEngine, size: tuple[int, int] = (120, 40), theme: str = "dark"
) -> AsyncIterator[Pilots]:
    async with on_screen(make, engine, "set", "", size, theme) as pilot:
        await until(pilot, lambda: isinstance(pilot.app.screen, SetScreen) and pilot.app.screen.view is not None)
        await pilot.pause(0.1)
        yield pilot


@pytest.mark.parametrize("size", SIZES)
async def test_it_looks_as_it_did(make_workbench: Make, size: tuple[int, int]) -> None:
    async with opened(make_workbench, ModelEngine(), size) as pilot:
        assert_looks(pilot.app, "set")


@pytest.mark.parametrize("size", SIZES)
async def test_it_looks_as_it_did_in_the_light(make_workbench: Make, size: tuple[int, int]) -> None:
    async with opened(make_workbench, ModelEngine(), size, "light") as pilot:
        assert_looks(pilot.app, "set")


async def test_every_pane_looks_as_it_did_in_a_small_terminal(make_workbench: Make) -> None:
    async with opened(make_workbench, ModelEngine(), (80, 24)) as pilot:
        for name in ("balance", "frames", "coverage"):
            await pressed(pilot, "right_square_bracket")
            assert_looks(pilot.app, f"set-{name}")


@pytest.mark.parametrize("size", [(20, 5), (40, 10), (500, 200)])
async def test_it_survives_any_size(make_workbench: Make, size: tuple[int, int]) -> None:
    async with opened(make_workbench, ModelEngine(), size) as pilot:
        await pressed(pilot, "down", "right", "right_square_bracket", "end", "left_square_bracket")


async def test_names_that_look_like_markup_or_escapes_are_shown_as_they_are(make_workbench: Make) -> None:
    async with opened(make_workbench, ModelEngine(), (200, 50)) as pilot:
        pilot.app.screen.query_one(SetFrames).focus()
        await pressed(pilot, "end")
        shown = text(pilot.app)
    assert "[red]x[/red] \\x1b[31mred\\x07 \\u202e" in shown
    assert "\x1b" not in shown


async def test_turning_a_knob_previews_what_changes_and_turns_nothing(make_workbench: Make) -> None:
    engine = ModelEngine()
    async with opened(make_workbench, engine) as pilot:
        await pressed(pilot, "down", "right")
        assert "~ tried out: size 64 → 72" in text(pilot.app)
        await until(pilot, lambda: "+9 added" in text(pilot.app))
    assert Draft(overrides=("selection.size=72",)) in engine.asked
    assert not [command for command in engine.done if isinstance(command, Turn)]


async def test_the_frames_begin_with_what_a_knob_changed_and_say_why_in_full(make_workbench: Make) -> None:
    async with opened(make_workbench, ModelEngine()) as pilot:
        frames = pilot.app.screen.query_one(SetFrames)
        frames.cursor = 40
        await pressed(pilot, "down", "right")
        await until(pilot, lambda: "+9 added" in text(pilot.app))
        assert frames.cursor == 0
        await until(pilot, lambda: "pool/line0/frame_0000.jpg: hardest" in text(pilot.app))
        frames.focus()
        frames.cursor = 7
        here = frames.current
        await pressed(pilot, "c", "down", "enter")
        await pilot.pause(0.5)
        assert frames.current == here


async def test_turning_quickly_asks_for_the_last_value_alone(
    make_workbench: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("calibtui.tui.screens.set._PREVIEW_S", 3.0)
    engine = ModelEngine()
    async with opened(make_workbench, engine) as pilot:
        await pilot.press("down", "right", "right", "right", "right")
        await until(pilot, lambda: "+9 added" in text(pilot.app))
    tried = [query.overrides for query in engine.asked if isinstance(query, Draft) and query.overrides]
    assert tried == [("selection.size=96",)]


async def test_k_keeps_what_was_tried(make_workbench: Make) -> None:
    engine = ModelEngine()
    async with opened(make_workbench, engine) as pilot:
        await pressed(pilot, "down", "right", "k")
        await until(pilot, lambda: engine.done)
        await until(pilot, lambda: "tried out" not in text(pilot.app))
    assert engine.done == [Turn(key="selection.size", value="72")]


async def test_esc_takes_back_what_was_tried(make_workbench: Make) -> None:
    engine = ModelEngine()
    async with opened(make_workbench, engine) as pilot:
        await pressed(pilot, "down", "right", "escape")
        await until(pilot, lambda: "tried out" not in text(pilot.app))
        assert not pilot.app.screen.query_one(KnobList).tried
    assert engine.done == []


async def test_a_value_is_typed_after_enter(make_workbench: Make) -> None:
    async with opened(make_workbench, ModelEngine()) as pilot:
        await pressed(pilot, "down", "enter", *"128", "enter")
        assert pilot.app.screen.query_one(KnobList).tried == {"selection.size": "128"}


async def test_what_can_not_be_the_value_is_said_and_not_taken(make_workbench: Make) -> None:
    async with opened(make_workbench, ModelEngine()) as pilot:
        await pressed(pilot, "down", "enter", "m", "enter")
        assert "size is a number" in text(pilot.app)
        await pressed(pilot, "escape")
        assert pilot.app.screen.query_one(KnobList).tried == {}


async def test_backspace_goes_back_to_what_the_file_says(make_workbench: Make) -> None:
    async with opened(make_workbench, ModelEngine()) as pilot:
        assert "● calibtui.toml says hardest" in text(pilot.app)
        await pressed(pilot, "backspace")
        assert pilot.app.screen.query_one(KnobList).tried == {"selection.strategy": '"hardest"'}


async def test_l_locks_the_draft_under_a_name_keeping_what_was_tried_first(make_workbench: Make) -> None:
    engine = ModelEngine()
    async with opened(make_workbench, engine) as pilot:
        await pressed(pilot, "down", "right", "L")
        await until(pilot, lambda: "Lock the draft under the name" in text(pilot.app))
        await pressed(pilot, *"release", "enter")
        await until(pilot, lambda: len(engine.done) == 2)
    assert engine.done == [Turn(key="selection.size", value="72"), Lock(name="release")]


async def test_nothing_is_locked_after_esc_and_nothing_where_the_engine_refuses_a_knob(make_workbench: Make) -> None:
    engine = ModelEngine()
    engine.refused["selection.size"] = EngineRefusedError("usage", "selection.size must be less.")
    async with opened(make_workbench, engine) as pilot:
        await pressed(pilot, "L", "escape")
        await pressed(pilot, "down", "right", "L")
        await until(pilot, lambda: "Lock the draft" in text(pilot.app))
        await pressed(pilot, "enter")
        await until(pilot, lambda: "must be less" in text(pilot.app))
    assert engine.done == []


async def test_an_empty_draft_is_not_locked_and_says_what_to_do(make_workbench: Make) -> None:
    engine = ModelEngine()
    said = "Nothing is scored yet: score the pool first."
    engine.answers[Draft] = lambda query: replace(
        DRAFT, frames=(), size=0, said=said, overlap=None, mean_difficulty=None
    )
    async with opened(make_workbench, engine) as pilot:
        assert said in text(pilot.app)
        assert "→ 1, then s, scores the pool" in text(pilot.app)
        await pressed(pilot, "L")
        await until(pilot, lambda: "There is no draft to lock" in text(pilot.app))


async def test_c_compares_with_another_set(make_workbench: Make) -> None:
    engine = ModelEngine()
    async with opened(make_workbench, engine) as pilot:
        await pressed(pilot, "c")
        await until(pilot, lambda: "Compare with" in text(pilot.app) and "night-2" in text(pilot.app))
        await pressed(pilot, "down", "enter")
        await until(pilot, lambda: Draft(compare="night-2") in engine.asked)


async def test_o_looks_at_a_locked_set_and_back_at_the_draft(make_workbench: Make) -> None:
    engine = ModelEngine()
    async with opened(make_workbench, engine) as pilot:
        await pressed(pilot, "o")
        await until(pilot, lambda: "the draft" in text(pilot.app))
        await pressed(pilot, "down", "enter")
        await until(pilot, lambda: "■ night-3, locked" in text(pilot.app))
        assert LockedSet(name="night-3") in engine.asked
        await pressed(pilot, "o")
        await until(pilot, lambda: "the draft" in text(pilot.app))
        await pressed(pilot, "enter")
        await until(pilot, lambda: "◇ draft" in text(pilot.app))


async def test_without_a_locked_set_the_choice_says_how_to_get_one(make_workbench: Make) -> None:
    engine = ModelEngine()
    engine.answers[Sets] = lambda query: SetLines(sets=())
    async with opened(make_workbench, engine) as pilot:
        await pressed(pilot, "c")
        await until(pilot, lambda: "No set is locked yet" in text(pilot.app))
        await pressed(pilot, "escape")
        assert isinstance(pilot.app.screen, SetScreen)


def test_whatever_the_command_can_export_can_be_chosen() -> None:
    assert {name for name, _ in CHOICES} == set(PARTS)
    assert ExportRows().chosen == set(parts("none"))


async def test_all_that_can_be_exported_is_in_sight_in_a_small_terminal(make_workbench: Make) -> None:
    async with opened(make_workbench, ModelEngine(), (80, 24)) as pilot:
        await pressed(pilot, "E")
        await until(pilot, lambda: "Export which set" in text(pilot.app))
        await pressed(pilot, "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, ExportSetScreen))
        await pilot.pause(0.2)
        shown = text(pilot.app)
        assert all(f"] {name} " in shown for name in PARTS), shown
        assert "enter writes" in shown


async def test_e_exports_what_was_chosen_and_images_are_copied_or_linked_not_both(make_workbench: Make) -> None:
    engine = ModelEngine()
    async with opened(make_workbench, engine) as pilot:
        await pressed(pilot, "E")
        await until(pilot, lambda: "Export which set" in text(pilot.app))
        await pressed(pilot, "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, ExportSetScreen))
        await pressed(pilot, "down", "space", "down", "space", "down", "space", "down", "space", "end", "space", "tab")
        await pressed(pilot, "ctrl+a", "ctrl+k", *"/tmp/out", "enter")
        await until(pilot, lambda: engine.done)
    assert engine.done == [Export(to="/tmp/out", what=("manifest", "links", "coco"), name=SETS[0].name)]


async def test_marks_are_set_on_the_frame_under_the_cursor_and_taken_back(make_workbench: Make) -> None:
    engine = ModelEngine()
    async with opened(make_workbench, engine) as pilot:
        frames = pilot.app.screen.query_one(SetFrames)
        frames.focus()
        await pilot.pause()
        digest = frames.current.digest if frames.current else ""
        for count, key in enumerate(("space", "p", "x", "u"), 1):
            await pressed(pilot, key)
            await until(pilot, lambda count=count: len(engine.done) == count)
    assert engine.done == [
        Mark(digests=(digest,), toggle=True),
        Mark(digests=(digest,), mark="pinned"),
        Mark(digests=(digest,), mark="excluded"),
        Undo(),
    ]


async def test_a_pinned_frame_is_unpinned_by_the_same_key(make_workbench: Make) -> None:
    engine = ModelEngine()
    engine.answers[Frame] = lambda query: detail(query.digest, "pinned")
    async with opened(make_workbench, engine) as pilot:
        pilot.app.screen.query_one(SetFrames).focus()
        await pressed(pilot, "p")
        await until(pilot, lambda: engine.done)
    assert isinstance(engine.done[0], Mark)
    assert engine.done[0].mark == ""


@pytest.mark.parametrize("focused", [SetFrames, KnobRows])
async def test_every_key_of_the_screen_has_room_at_120_columns(make_workbench: Make, focused: type[Widget]) -> None:
    async with opened(make_workbench, ModelEngine()) as pilot:
        pilot.app.screen.query_one(focused).focus()
        await pilot.pause()
        shown = text(pilot.app).splitlines()[-1]
        screen = pilot.app.screen
        for active in screen.active_bindings.values():
            if active.binding.show and active.enabled and active.node is screen:
                key = pilot.app.get_key_display(active.binding)
                assert f"{key} {active.binding.description.split()[0]}" in shown, shown
        assert "R cover" in shown and "? help" in shown


async def test_r_picks_the_frames_that_cover_missed_ranges(make_workbench: Make) -> None:
    engine = ModelEngine()
    async with opened(make_workbench, engine, (200, 50)) as pilot:
        assert "R picks 1 frame to cover them" in text(pilot.app)
        await pressed(pilot, "R")
        await until(pilot, lambda: engine.done)
    assert engine.done == [Mark(digests=("a" * 64,), mark="picked")]


async def test_enter_shows_a_frame_in_full_and_the_arrows_go_on(make_workbench: Make) -> None:
    engine = ModelEngine()
    async with opened(make_workbench, engine) as pilot:
        frames = pilot.app.screen.query_one(SetFrames)
        frames.focus()
        await pressed(pilot, "enter", "down", "down", "up")
        await until(pilot, lambda: Frame(digest=frames.rows[1].digest) in engine.asked)
        await pressed(pilot, "escape")
        assert frames.cursor == 1


async def test_y_copies_the_digests_of_the_set(make_workbench: Make) -> None:
    async with opened(make_workbench, ModelEngine()) as pilot:
        copied = pilot.app.screen.copied()  # type: ignore[attr-defined]
    assert len(copied.splitlines()) == sum(frame.change != "dropped" for frame in DRAFT.frames)


@pytest.mark.parametrize(
    ("said", "view"),
    [
        ("≈ covers the pool like", replace(DRAFT, coverage=0.8, random_coverage=0.8)),
        ("▼ covers the pool less", replace(DRAFT, coverage=0.7, random_coverage=0.8)),
        ("coverage of the pool: n/a", replace(DRAFT, coverage=None, random_coverage=None)),
        ("Run a diagnosis", replace(DRAFT, ranges=None, range_said="Run a diagnosis to know it.")),
        ("✓ the set reaches as far", replace(DRAFT, ranges=())),
        ("✓ no near-duplicates", replace(DRAFT, duplicates=0)),
        ("no frame of it is scored", replace(DRAFT, histogram=(0,) * 20)),
        ("60 frames of 64 wanted", replace(DRAFT, size=60)),
    ],
)
async def test_what_is_not_known_is_said_and_a_shortcoming_named(
    make_workbench: Make, said: str, view: SetView
) -> None:
    engine = ModelEngine()
    engine.answers[Draft] = lambda query: view
    async with opened(make_workbench, engine, (200, 50)) as pilot:
        assert said in text(pilot.app)


async def test_a_class_that_the_set_lacks_stands_out_by_its_zero(make_workbench: Make) -> None:
    async with opened(make_workbench, ModelEngine(), (200, 50)) as pilot:
        line = next(line for line in text(pilot.app).splitlines() if "[red]x" in line)
    assert " 0 %" in line
    assert HOSTILE not in line


async def test_a_click_on_a_tab_shows_its_pane(make_workbench: Make) -> None:
    async with opened(make_workbench, ModelEngine(), (80, 24)) as pilot:
        lines = text(pilot.app).splitlines()
        row = next(y for y, line in enumerate(lines) if "Coverage" in line)
        await pilot.click(offset=(lines[row].index("Coverage") + 2, row))
        await until(pilot, lambda: "near-duplicates" in text(pilot.app))
