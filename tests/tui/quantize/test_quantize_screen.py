"""The Quantize screen, key by key."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from tests.tui.conftest import SIZES
from tests.tui.driving import Make, opened, pressed, said, until
from tests.tui.looks import assert_looks, text
from tests.tui.model_answers import HOSTILE, ModelEngine, quantizing
from textual.widgets import Button

from calibtui.core.errors import EngineRefusedError
from calibtui.engine.wire.models import Layers, Sensitivity
from calibtui.engine.wire.runs import Cancel, Log, LogLines, Start
from calibtui.engine.wire.sets import SetLines, Sets, Turn
from calibtui.tui.screens.confirm import ConfirmScreen
from calibtui.tui.widgets.layer_table import LayerTable
from calibtui.tui.widgets.log_tail import KEPT, LogTail

READY = "target"


@pytest.mark.parametrize("size", SIZES)
async def test_it_looks_as_it_did(make_workbench: Make, size: tuple[int, int]) -> None:
    async with opened(make_workbench, ModelEngine(quantizing()), "quantize", READY, size) as pilot:
        await until(pilot, lambda: pilot.app.screen.query_one(LogTail).rows)
        await pilot.pause()
        assert_looks(pilot.app, "quantize")


@pytest.mark.parametrize("size", SIZES)
async def test_it_looks_as_it_did_in_the_light(make_workbench: Make, size: tuple[int, int]) -> None:
    async with opened(make_workbench, ModelEngine(quantizing()), "quantize", READY, size, "light") as pilot:
        await until(pilot, lambda: pilot.app.screen.query_one(LogTail).rows)
        await pilot.pause()
        assert_looks(pilot.app, "quantize")


async def test_every_pane_looks_as_it_did_in_a_small_terminal(make_workbench: Make) -> None:
    async with opened(make_workbench, ModelEngine(quantizing()), "quantize", READY, (80, 24)) as pilot:
        await until(pilot, lambda: pilot.app.screen.query_one(LogTail).rows)
        for name in ("progress", "layers"):
            await pressed(pilot, "right_square_bracket")
            assert_looks(pilot.app, f"quantize-{name}")


@pytest.mark.parametrize("size", [(20, 5), (40, 10), (500, 200)])
async def test_it_survives_any_size(make_workbench: Make, size: tuple[int, int]) -> None:
    async with opened(make_workbench, ModelEngine(quantizing()), "quantize", "", size) as pilot:
        await pressed(pilot, "down", "right", "right_square_bracket", "end", "left_square_bracket")


async def test_an_option_turns_at_once_and_is_marked_where_the_file_says_otherwise(make_workbench: Make) -> None:
    engine = ModelEngine()
    async with opened(make_workbench, engine, "quantize", READY) as pilot:
        assert "● calibrator              percentile" in text(pilot.app)
        await pressed(pilot, "right")
        await until(pilot, lambda: engine.done)
        await said(pilot, "● target                  tensorrt")
        await said(pilot, "tensorrt: explicit Q/DQ")
        await pressed(pilot, "backspace")
        await until(pilot, lambda: len(engine.done) == 2)
    assert engine.done == [
        Turn(key="quantization.target", value='"tensorrt"'),
        Turn(key="quantization.target", value=None),
    ]


async def test_what_the_engine_refuses_is_said_and_the_option_stays(make_workbench: Make) -> None:
    engine = ModelEngine()
    engine.refused["quantization.target"] = EngineRefusedError("usage", "tensorrt needs per-channel weights.")
    async with opened(make_workbench, engine, "quantize", READY) as pilot:
        await pressed(pilot, "right")
        await said(pilot, "needs per-channel weights")
        await said(pilot, "target                  ort-cpu")


@pytest.mark.parametrize(
    ("key", "stages"), [("g", ("quantize", "evaluate")), ("G", ("select", "quantize", "evaluate"))]
)
async def test_one_key_starts_it(make_workbench: Make, key: str, stages: tuple[str, ...]) -> None:
    engine = ModelEngine()
    async with opened(make_workbench, engine, "quantize", READY) as pilot:
        await pressed(pilot, key)
        await until(pilot, lambda: engine.done)
    assert engine.done == [Start(stages=stages)]


@pytest.mark.parametrize(("button", "count"), [("#start", 2), ("#start-all", 3)])
async def test_enter_on_a_button_and_a_click_start_it_as_well(make_workbench: Make, button: str, count: int) -> None:
    engine = ModelEngine()
    async with opened(make_workbench, engine, "quantize", READY) as pilot:
        pilot.app.screen.query_one(button, Button).focus()
        await pressed(pilot, "enter")
        await until(pilot, lambda: engine.done)
        await pilot.click(button)
        await until(pilot, lambda: len(engine.done) == 2)
    assert [len(command.stages) for command in engine.done if isinstance(command, Start)] == [count, count]


async def test_in_a_small_terminal_starting_shows_the_progress(make_workbench: Make) -> None:
    engine = ModelEngine(quantizing())
    async with opened(make_workbench, engine, "quantize", READY, (80, 24)) as pilot:
        await pressed(pilot, "g")
        await said(pilot, "37 of 64 · 3.2/s · 9 s left")


async def test_a_job_that_costs_money_is_started_only_after_a_yes(make_workbench: Make) -> None:
    engine = ModelEngine()
    engine.refusals[Start] = EngineRefusedError("confirmation", "It may cost €3.", confirm="Spend up to €3.00?")
    async with opened(make_workbench, engine, "quantize", READY) as pilot:
        await pressed(pilot, "g")
        await said(pilot, "Spend up to €3.00?")
        await pressed(pilot, "escape")
        assert engine.done == []
        await pressed(pilot, "g")
        await said(pilot, "Spend up to €3.00?")
        await pressed(pilot, "enter")
        await until(pilot, lambda: engine.done)
    assert engine.done == [Start(stages=("quantize", "evaluate"), confirmed=True)]


async def test_c_cancels_what_runs_after_a_question(make_workbench: Make) -> None:
    engine = ModelEngine(quantizing())
    async with opened(make_workbench, engine, "quantize", READY) as pilot:
        await until(pilot, lambda: "c cancel" in text(pilot.app))
        await pressed(pilot, "c")
        await until(pilot, lambda: isinstance(pilot.app.screen, ConfirmScreen))
        await pressed(pilot, "escape", "c")
        await until(pilot, lambda: isinstance(pilot.app.screen, ConfirmScreen))
        assert engine.done == []
        await pressed(pilot, "enter")
        await until(pilot, lambda: engine.done)
    assert engine.done == [Cancel(job="j1")]


async def test_nothing_can_be_cancelled_where_nothing_runs(make_workbench: Make) -> None:
    async with opened(make_workbench, ModelEngine(quantizing("done")), "quantize", READY) as pilot:
        assert "c cancel" not in text(pilot.app).splitlines()[-1]
        assert pilot.app.screen.query_one("#cancel", Button).disabled


async def test_a_job_that_failed_says_why_and_what_to_do(make_workbench: Make) -> None:
    snapshot = quantizing("failed")
    job = replace(snapshot.jobs[0], error="The disk is full: model.onnx.", hint="Free some space.")
    engine = ModelEngine(replace(snapshot, jobs=(job,)))
    async with opened(make_workbench, engine, "quantize", "✗ failed") as pilot:
        assert "The disk is full: model.onnx." in text(pilot.app)
        assert "Free some space." in text(pilot.app)


async def test_a_pause_is_seen_with_who_paused(make_workbench: Make) -> None:
    engine = ModelEngine(quantizing("paused", paused=True, paused_by="giulia"))
    async with opened(make_workbench, engine, "quantize", "held by giulia") as pilot:
        assert "‖ paused" in text(pilot.app)


async def test_the_log_is_followed_from_where_it_was_read(make_workbench: Make) -> None:
    engine = ModelEngine(quantizing())
    more = iter([("frame 41",), ("frame 42",)])

    def answer(query: Log) -> LogLines:
        return LogLines(lines=("calibrating", HOSTILE) if query.offset < 0 else next(more, ()), next=query.offset + 9)

    engine.answers[Log] = answer
    async with opened(make_workbench, engine, "quantize", READY) as pilot:
        await said(pilot, "frame 42")
        shown = text(pilot.app)
    assert "[red]x[/red] \\x1b[31mred" in shown
    assert [query.offset for query in engine.asked if isinstance(query, Log)][:3] == [-1, 8, 17]


async def test_the_log_keeps_its_newest_lines_and_the_place_one_scrolled_to(make_workbench: Make) -> None:
    async with opened(make_workbench, ModelEngine(quantizing()), "quantize", READY) as pilot:
        tail = pilot.app.screen.query_one(LogTail)
        tail.clear()
        tail.add([f"line {number}" for number in range(KEPT)])
        assert tail.cursor == KEPT - 1
        tail.cursor = 500
        tail.add(["newest", "and\none more"])
        assert tail.current == "line 500"
        assert list(tail.rows[-3:]) == ["newest", "and", "one more"]
        assert len(tail.rows) == KEPT


async def test_layers_stand_with_the_worst_first_and_enter_leaves_one_in_float(make_workbench: Make) -> None:
    engine = ModelEngine()
    async with opened(make_workbench, engine, "quantize", READY) as pilot:
        table = pilot.app.screen.query_one(LayerTable)
        await until(pilot, lambda: table.rows)
        assert table.rows[0].effect == max(layer.effect or 0 for layer in table.rows)
        table.focus()
        await pressed(pilot, "enter")
        await until(pilot, lambda: engine.done)
        await until(pilot, lambda: len([q for q in engine.asked if isinstance(q, Sensitivity)]) > 1)
        await pressed(pilot, "enter")
        await until(pilot, lambda: len(engine.done) == 2)
    assert engine.done == [
        Turn(key="quantization.float_layers", value='["/dfl/Conv", "/model.0/conv/Conv"]'),
        Turn(key="quantization.float_layers", value='["/dfl/Conv"]'),
    ]


async def test_without_a_diagnosis_it_says_how_to_make_one(make_workbench: Make) -> None:
    engine = ModelEngine()
    engine.answers[Sensitivity] = lambda query: Layers(layers=(), said="Run calibtui diagnose to rank the layers.")
    async with opened(make_workbench, engine, "quantize", "Run calibtui diagnose"):
        pass


async def test_it_says_which_set_is_used_or_that_there_is_none(make_workbench: Make) -> None:
    engine = ModelEngine()
    async with opened(make_workbench, engine, "quantize", "set: night-3, 64 frames") as pilot:
        engine.answers[Sets] = lambda query: SetLines(sets=())
        engine.send(quantizing("done", number=2, data=2))
        await said(pilot, "No set is locked yet")
