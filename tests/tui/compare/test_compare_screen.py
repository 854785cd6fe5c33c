"""The Compare screen, key by key."""

from __future__ import annotations

import math

import pytest
from msgspec.structs import replace
from tests.tui.conftest import SIZES
from tests.tui.driving import Make, opened, pressed, said, until
from tests.tui.looks import assert_looks, text
from tests.tui.model_answers import COMPARISONS, HOSTILE, LOST, ModelEngine, detail, quantizing

from calibtui.core.errors import EngineRefusedError
from calibtui.engine.wire.frames import Detect, Detections, Frame, FramePicture
from calibtui.engine.wire.models import Compare, Comparisons, Lost, LostFrames
from calibtui.tui.screens.compare import CompareScreen
from calibtui.tui.screens.lost_frame import LostFrameScreen
from calibtui.tui.widgets.comparison_table import ComparisonTable
from calibtui.tui.widgets.frame_picture import FrameView
from calibtui.tui.widgets.lost_frames import LostList

READY = "95 % interval"


@pytest.mark.parametrize("size", SIZES)
async def test_it_looks_as_it_did(make_workbench: Make, size: tuple[int, int]) -> None:
    async with opened(make_workbench, ModelEngine(), "compare", READY, size) as pilot:
        await until(pilot, lambda: pilot.app.screen.query_one(LostList).rows)
        await pilot.pause()
        assert_looks(pilot.app, "compare")


@pytest.mark.parametrize("size", SIZES)
async def test_it_looks_as_it_did_in_the_light(make_workbench: Make, size: tuple[int, int]) -> None:
    async with opened(make_workbench, ModelEngine(), "compare", READY, size, "light") as pilot:
        await until(pilot, lambda: pilot.app.screen.query_one(LostList).rows)
        await pilot.pause()
        assert_looks(pilot.app, "compare")


async def test_every_pane_looks_as_it_did_in_a_small_terminal(make_workbench: Make) -> None:
    async with opened(make_workbench, ModelEngine(), "compare", READY, (80, 24)) as pilot:
        await until(pilot, lambda: pilot.app.screen.query_one(LostList).rows)
        for name in ("lost", "notes"):
            await pressed(pilot, "right_square_bracket")
            assert_looks(pilot.app, f"compare-{name}")


@pytest.mark.parametrize("size", [(20, 5), (40, 10), (500, 200)])
async def test_it_survives_any_size(make_workbench: Make, size: tuple[int, int]) -> None:
    async with opened(make_workbench, ModelEngine(), "compare", "", size) as pilot:
        await pressed(pilot, "down", "right_square_bracket", "enter", "escape", "left_square_bracket")


async def test_the_verdict_comes_first_with_its_interval(make_workbench: Make) -> None:
    async with opened(make_workbench, ModelEngine(), "compare", READY) as pilot:
        lines = text(pilot.app).splitlines()
    assert "▼ INT8 is 2.1 points of mAP worse than float" in lines[1]
    assert "●" in lines[2]
    assert "−2.1 points, 95 % interval −2.9 to −1.2" in lines[3]


@pytest.mark.parametrize(
    ("number", "words"), [(1, "≈ No measurable difference"), (2, "▲ INT8 is 0.9 points better than float")]
)
async def test_better_and_no_difference_are_said_in_words_and_a_sign(
    make_workbench: Make, number: int, words: str
) -> None:
    engine = ModelEngine()
    engine.answers[Compare] = lambda query: Comparisons(comparisons=(COMPARISONS[number],))
    async with opened(make_workbench, engine, "compare", words):
        pass


async def test_a_drop_without_an_interval_claims_nothing(make_workbench: Make) -> None:
    engine = ModelEngine()
    one = replace(COMPARISONS[0], low=math.nan, high=math.nan, verdict="")
    engine.answers[Compare] = lambda query: Comparisons(comparisons=(one,))
    async with opened(make_workbench, engine, "compare", "? Not measured") as pilot:
        assert "nobody can say how much of it is chance" in text(pilot.app)


async def test_without_a_comparison_it_says_what_to_do(make_workbench: Make) -> None:
    engine = ModelEngine()
    engine.answers[Compare] = lambda query: Comparisons(comparisons=())
    async with opened(make_workbench, engine, "compare", "Go to Quantize (4) and press g") as pilot:
        await pressed(pilot, "y")
        assert not [query for query in engine.asked if isinstance(query, Lost)]


async def test_notes_options_and_the_report_are_shown(make_workbench: Make) -> None:
    async with opened(make_workbench, ModelEngine(), "compare", READY, (200, 50)) as pilot:
        shown = text(pilot.app)
    assert "! This CPU has no VNNI." in shown
    assert "report: /data/.calibtui/reports/3/report.html" in shown
    assert "left in float: /dfl/Conv" in shown


async def test_c_chooses_up_to_four_runs_in_the_order_of_choosing(make_workbench: Make) -> None:
    engine = ModelEngine()
    async with opened(make_workbench, engine, "compare", READY, (200, 50)) as pilot:
        await pressed(pilot, "c")
        await said(pilot, "Runs to show beside float")
        await pressed(pilot, "space", "down", "space", "down", "down", "space", "up", "space", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, CompareScreen))
        await said(pilot, "4.5 points of mAP worse")
        assert [run.run for run in pilot.app.screen.runs] == ["run-0", "run-1"]  # type: ignore[attr-defined]
    assert Lost(run="run-0") in engine.asked


async def test_four_runs_fit_into_eighty_columns(make_workbench: Make) -> None:
    async with opened(make_workbench, ModelEngine(), "compare", READY, (80, 24)) as pilot:
        await pressed(pilot, "c")
        await said(pilot, "Runs to show beside float")
        await pressed(pilot, "down", "down", "space", "down", "space", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, CompareScreen))
        await pilot.pause(0.2)
        row = next(line for line in text(pilot.app).splitlines() if "mAP 50–95" in line)
    assert row.split() == ["mAP", "50–95", "60.1", "58.0", "−2.1", "59.9", "−0.2", "61.0", "+0.9", "55.6", "−4.5"]


async def test_esc_leaves_the_runs_as_they_were(make_workbench: Make) -> None:
    async with opened(make_workbench, ModelEngine(), "compare", READY) as pilot:
        await pressed(pilot, "c", "space", "escape")
        assert len(pilot.app.screen.runs) == 2  # type: ignore[attr-defined]


async def test_y_copies_the_table_on_the_table_and_the_verdict_elsewhere(make_workbench: Make) -> None:
    async with opened(make_workbench, ModelEngine(), "compare", READY) as pilot:
        table = pilot.app.screen.query_one(ComparisonTable).copied()
        verdict = pilot.app.screen.copied()  # type: ignore[attr-defined]
    assert table.splitlines()[1].startswith("mAP 50–95\t60.1\t58.0 (−2.1)")
    assert "−2.1 points, 95 % interval −2.9 to −1.2" in verdict
    assert "run-3" in verdict


async def test_hostile_class_names_are_shown_as_they_are(make_workbench: Make) -> None:
    async with opened(make_workbench, ModelEngine(), "compare", READY) as pilot:
        pilot.app.screen.query_one(ComparisonTable).focus()
        await pressed(pilot, "end")
        shown = text(pilot.app)
    assert "[red]x[/red]" in shown
    assert HOSTILE not in shown


async def test_the_frames_that_lost_most_are_one_key_away_with_both_models_boxes(make_workbench: Make) -> None:
    engine = ModelEngine()
    async with opened(make_workbench, engine, "compare", READY) as pilot:
        await until(pilot, lambda: pilot.app.screen.query_one(LostList).rows)
        await pressed(pilot, "right_square_bracket", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, LostFrameScreen))
        await said(pilot, "float finds 8 of 9 · 1 box from 0.25 on")
        assert "INT8 finds 0 of 9 · 1 box from 0.25 on" in text(pilot.app)
        await until(pilot, lambda: all(view._strips for view in pilot.app.screen.query(FrameView)))
        assert_looks(pilot.app, "compare-lost-frame")
        await pressed(pilot, "escape")
        assert isinstance(pilot.app.screen, CompareScreen)
    asked = [query for query in engine.asked if isinstance(query, FramePicture)]
    assert {query.digest for query in asked} == {LOST[0].digest}


async def test_there_the_arrows_go_on_z_looks_closer_and_plus_draws_fewer_boxes(make_workbench: Make) -> None:
    engine = ModelEngine()
    async with opened(make_workbench, engine, "compare", READY) as pilot:
        await until(pilot, lambda: pilot.app.screen.query_one(LostList).rows)
        await pressed(pilot, "right_square_bracket", "enter", "down")
        await said(pilot, "2 of 14")
        await until(pilot, lambda: Frame(digest=LOST[1].digest) in engine.asked)
        await said(pilot, "1 box from 0.25 on, dotted")
        await pressed(pilot, "plus")
        await said(pilot, "0 boxes from 0.30 on, dotted")
        await pressed(pilot, "minus", "z")
        await said(pilot, "close up: open, object 1 of 2")
        await until(pilot, lambda: [q for q in engine.asked if isinstance(q, FramePicture) and q.crop])
        await pressed(pilot, "z", "z")
        await until(pilot, lambda: "close up" not in text(pilot.app))
        await pressed(pilot, "up", "up")
        await said(pilot, "1 of 14")


async def test_boxes_that_are_not_known_are_computed(make_workbench: Make) -> None:
    engine = ModelEngine()
    known = detail(LOST[0].digest)
    engine.answers[Frame] = lambda query: replace(known, boxes={"truth": known.boxes["truth"]})
    engine.answers[Detect] = lambda query: Detections(boxes={name: known.boxes[name] for name in ("float", "int8")})
    async with opened(make_workbench, engine, "compare", READY) as pilot:
        await until(pilot, lambda: pilot.app.screen.query_one(LostList).rows)
        await pressed(pilot, "right_square_bracket", "enter")
        await said(pilot, "1 box from 0.25 on, dotted")


async def test_a_frame_that_can_not_be_read_says_why(make_workbench: Make) -> None:
    engine = ModelEngine()

    def refuse(query: Frame) -> None:
        raise EngineRefusedError("gone", "eval/img_000.jpg is not there any more.")

    engine.answers[Frame] = refuse
    async with opened(make_workbench, engine, "compare", READY) as pilot:
        await until(pilot, lambda: pilot.app.screen.query_one(LostList).rows)
        await pressed(pilot, "right_square_bracket", "enter")
        await said(pilot, "is not there any more")


async def test_a_new_comparison_is_shown_as_soon_as_it_is_there(make_workbench: Make) -> None:
    engine = ModelEngine()
    engine.answers[Compare] = lambda query: Comparisons(comparisons=())
    engine.answers[Lost] = lambda query: LostFrames(frames=())
    async with opened(make_workbench, engine, "compare", "Go to Quantize") as pilot:
        engine.answers[Compare] = lambda query: Comparisons(comparisons=COMPARISONS[:1])
        engine.send(quantizing("done", number=2, data=2))
        await said(pilot, "2.1 points of mAP worse")
        await said(pilot, "No frame lost an object")
