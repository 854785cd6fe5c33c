"""The frame around the screens: heading, keys, palette, help, jump, and a line to the engine that comes and goes."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.tui.conftest import THEMES
from tests.tui.driving import Make, pressed, said, until
from tests.tui.looks import text
from tests.tui.stand_in import MemoryEngine, snapshot

import calibtui.tui.connection
from calibtui.core.errors import ConfigurationError, EngineGoneError, EngineRefusedError
from calibtui.engine.client.client import Engine
from calibtui.engine.wire.runs import Pause
from calibtui.engine.wire.snapshot import Notice
from calibtui.tui.app import Workbench
from calibtui.tui.keymap import check_keymap, read_keymap
from calibtui.tui.keys_known import known_ids
from calibtui.tui.news import news
from calibtui.tui.screens.registry import PLACES
from calibtui.tui.screens.runs import RunList

HOSTILE = "\x1b[31m[red]x[/]\x1b]0;owned\x07\u202egpj[@click=app.quit]"


async def test_it_says_where_it_is_and_how_the_line_stands(make_workbench: Make) -> None:
    app = make_workbench(MemoryEngine())
    async with app.run_test(size=(120, 40)) as pilot:
        await said(pilot, "● live")
        assert "pcb" in text(app).splitlines()[0]


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.name)
async def test_a_digit_opens_its_screen(make_workbench: Make, place: object) -> None:
    app = make_workbench(MemoryEngine())
    async with app.run_test(size=(120, 40)) as pilot:
        await said(pilot, "● live")
        await pressed(pilot, "7", place.key)
        await until(pilot, lambda: app.current_mode == place.name)


@pytest.mark.parametrize("key", ["q", "ctrl+q"])
async def test_it_is_left_with_q_and_with_ctrl_q(make_workbench: Make, key: str) -> None:
    app = make_workbench(MemoryEngine())
    async with app.run_test() as pilot:
        await pressed(pilot, key)
        await until(pilot, lambda: not app.is_running)
    assert (app.return_code or 0) == 0


async def test_the_mouse_opens_screens_and_presses_keys(make_workbench: Make) -> None:
    app = make_workbench(MemoryEngine())
    async with app.run_test(size=(120, 40)) as pilot:
        await said(pilot, "● live")
        await pilot.click(offset=(text(app).splitlines()[0].index("Runs"), 0))
        await until(pilot, lambda: app.current_mode == "runs")
        await pilot.click(offset=(text(app).splitlines()[-1].index("help"), 39))
        await said(pilot, "This screen")


async def test_help_speaks_of_what_the_focus_is_on(make_workbench: Make) -> None:
    app = make_workbench(MemoryEngine())
    async with app.run_test(size=(120, 40)) as pilot:
        await said(pilot, "● live")
        await pressed(pilot, "7")
        await said(pilot, "40 runs")
        await pressed(pilot, "question_mark")
        await said(pilot, "d then shows what differs")
        await pressed(pilot, "escape")
        await until(pilot, lambda: "d then shows what differs" not in text(app))


async def test_letters_jump_to_what_they_stand_on(make_workbench: Make) -> None:
    app = make_workbench(MemoryEngine())
    async with app.run_test(size=(120, 40)) as pilot:
        await said(pilot, "● live")
        await pressed(pilot, "6")
        await said(pilot, "Audit trail")
        await pressed(pilot, "ctrl+o")
        await pilot.pause(0.1)
        await pressed(pilot, "d")
        await until(pilot, lambda: type(app.focused).__name__ == "AuditList")
        await pressed(pilot, "ctrl+o")
        await pilot.pause(0.1)
        await pressed(pilot, "escape")
        await until(pilot, lambda: type(app.focused).__name__ == "AuditList")


async def test_the_palette_does_what_has_a_key_here(make_workbench: Make) -> None:
    engine = MemoryEngine()
    app = make_workbench(engine)
    async with app.run_test(size=(120, 40)) as pilot:
        await said(pilot, "● live")
        await pressed(pilot, "ctrl+p", *"pause")
        await said(pilot, "Pause/resume")
        await pressed(pilot, "enter")
        await until(pilot, lambda: any(isinstance(command, Pause) for command in engine.done))


async def test_the_palette_goes_to_screens_and_shows_themes(make_workbench: Make) -> None:
    app = make_workbench(MemoryEngine())
    async with app.run_test(size=(120, 40)) as pilot:
        await said(pilot, "● live")
        await pressed(pilot, "ctrl+p", *"theme: light")
        await said(pilot, "Theme: light")
        await pressed(pilot, "enter")
        await until(pilot, lambda: app.theme == "light")


async def test_a_lost_engine_is_shown_and_attached_to_again(
    make_workbench: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calibtui.tui.connection, "FIRST_WAIT_S", 60.0)
    engine = MemoryEngine()
    app = make_workbench(engine)
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await said(pilot, "● live")
        engine.send(None)
        await said(pilot, "✗ disconnected since")
        await said(pilot, "The engine is gone; nothing that was done is lost.")
        await said(pilot, "`calibtui launch` in another")
        assert "12,346 of 80,000" in text(app), "what was known last is still there"
        engine.send(snapshot(2))
        await pressed(pilot, "f5")
        await said(pilot, "● live")
        await said(pilot, "Attached again.")


async def test_an_engine_that_cant_be_had_is_told_with_its_reason(tmp_path: Path) -> None:
    async def connect() -> Engine:
        raise EngineGoneError("Nobody answers on the socket of /data/x.", "Start one.")

    app = Workbench(connect, workspace="/data/x", themes=THEMES, config=tmp_path)
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await said(pilot, "Nobody answers on the socket of /data/x.")
        await said(pilot, "✗ disconnected")
        await pressed(pilot, "p")
        await said(pilot, "The engine is gone;")


async def test_an_engine_that_falls_silent_is_stale_with_the_age_of_the_data(
    make_workbench: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calibtui.tui.connection, "QUIET_S", 0.1)
    monkeypatch.setattr(calibtui.tui.connection, "PROBE_S", 0.1)
    engine = MemoryEngine()
    asleep = asyncio.Event()

    async def ask(query: object) -> object:
        await asleep.wait()
        return None

    engine.ask = ask  # type: ignore[method-assign]
    app = make_workbench(engine)
    async with app.run_test(size=(120, 40)) as pilot:
        await said(pilot, "◐ stale")
        asleep.set()
        await said(pilot, "● live")


async def test_a_refusal_is_a_notification_with_its_hint(make_workbench: Make) -> None:
    engine = MemoryEngine()
    engine.refusals[Pause] = EngineRefusedError("busy", "Another job holds the pool.", "Wait for it.")
    app = make_workbench(engine)
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await said(pilot, "● live")
        await pressed(pilot, "p")
        await said(pilot, "Another job holds the pool.")
        await said(pilot, "Wait for it.")


async def test_text_of_any_origin_is_only_text(make_workbench: Make) -> None:
    first = snapshot()
    scoring = first.scoring
    assert scoring is not None
    import msgspec

    hostile = msgspec.structs.replace(
        first,
        workspace=f"/data/{HOSTILE}",
        next_step=HOSTILE,
        warnings=(HOSTILE,),
        stages=tuple(msgspec.structs.replace(stage, said=HOSTILE) for stage in first.stages),
        scoring=msgspec.structs.replace(scoring, model=HOSTILE, errors=((HOSTILE, 3),)),
        budgets=tuple(msgspec.structs.replace(budget, node=HOSTILE) for budget in first.budgets),
        jobs=tuple(msgspec.structs.replace(job, title=HOSTILE, by=HOSTILE, error=HOSTILE) for job in first.jobs),
        viewers=tuple(msgspec.structs.replace(viewer, user=HOSTILE, terminal=HOSTILE) for viewer in first.viewers),
    )
    engine = MemoryEngine(hostile)
    engine.refusals[Pause] = EngineRefusedError("busy", HOSTILE, HOSTILE)
    app = make_workbench(engine)
    async with app.run_test(size=(200, 50), notifications=True) as pilot:
        await said(pilot, "[red]x[/]")
        await pressed(pilot, "p")
        for key in ("6", "1"):
            await pressed(pilot, key)
            await pilot.pause(0.2)
            assert "\\x1b[31m" in text(app)
            assert not set(text(app)) & {"\x1b", "\x07", "\u202e"}


def test_a_job_that_ended_is_told_once_and_old_news_never() -> None:
    before = snapshot(1)
    job = before.jobs[0]
    import msgspec

    failed = msgspec.structs.replace(job, state="failed", error="The disk is full.", hint="Free some.")
    now = snapshot(2, jobs=(failed,), notices=(Notice(number=4, level="warning", text="80 % of team", at=0.0),))
    told = [(item.text, item.hint, item.level) for item in news(before, now)]
    assert told == [
        ("✗ failed: score, select, quantize. The disk is full.", "Free some.", "error"),
        ("80 % of team", "", "warning"),
    ]
    assert list(news(now, now)) == []
    assert list(news(None, now)) == []


async def test_a_keymap_gives_other_keys(make_workbench: Make, tmp_path: Path) -> None:
    app = make_workbench(MemoryEngine())
    (tmp_path / "config" / "keymap.toml").write_text('[keys]\n"go.runs" = "g"\n"runs.mark" = "m"\n')
    async with app.run_test(size=(120, 40)) as pilot:
        await said(pilot, "● live")
        await pressed(pilot, "g")
        await said(pilot, "40 runs")
        await pressed(pilot, "m")
        await said(pilot, "◆")
        await said(pilot, "m mark")
        assert app.screen.query_one(RunList).marked


@pytest.mark.parametrize(
    ("document", "names"),
    [
        ("[kyes]\n", "'kyes'"),
        ('[keys]\n"app.help" = 1\n', "'app.help'"),
        ("[keys", "keymap.toml"),
        ("keys = 1\n", "[keys]"),
    ],
)
def test_a_keymap_that_cant_be_read_says_where(tmp_path: Path, document: str, names: str) -> None:
    (tmp_path / "keymap.toml").write_text(document)
    with pytest.raises(ConfigurationError) as refusal:
        read_keymap(tmp_path)
    assert names in refusal.value.message


def test_a_key_for_nothing_is_told_with_the_nearest_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"'overview\.strat'") as refusal:
        check_keymap(tmp_path / "keymap.toml", {"overview.strat": "z"}, known_ids())
    assert "'overview.start'" in refusal.value.hint
