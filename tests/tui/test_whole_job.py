"""Set, quantize and compare over a real engine on a real store: small, and with nothing replaced."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.conftest import WORKSPACE, _copy_evaluation
from tests.engines import connected, serving
from tests.tui.driving import Make, opened, pressed, said, until
from tests.tui.looks import text

from calibtui.engine.wire.models import Compare
from calibtui.engine.wire.runs import Start
from calibtui.engine.wire.sets import Draft, Knobs, Sets
from calibtui.tui.screens.compare import CompareScreen
from calibtui.tui.screens.export_set import ExportSetScreen
from calibtui.tui.screens.lost_frame import LostFrameScreen
from calibtui.tui.screens.quantize import QuantizeScreen
from calibtui.tui.screens.set import SetScreen
from calibtui.tui.widgets.frame_picture import FrameView
from calibtui.tui.widgets.lost_frames import LostList
from calibtui.tui.widgets.set_frames import SetFrames

STAGES = ("pool", "score", "select", "quantize", "evaluate")
SLOW_S = 90.0


@pytest.fixture(scope="module")
def done_once(tmp_path_factory: pytest.TempPathFactory, sample_data: Path, practice_url: str) -> Iterator[Path]:
    """A workspace in which the whole job ran once, with its engine; the tests below go on from there, in their
    order."""
    root = tmp_path_factory.mktemp("whole-job") / "workspace"
    (root / "pool").mkdir(parents=True)
    (root / "eval").mkdir()
    for number, source in enumerate(sorted((sample_data / "pool").rglob("*.jpg"))[::12][:32]):
        shutil.copy2(source, root / "pool" / f"{number:04}.jpg")
    _copy_evaluation(sample_data, root, 16)
    shutil.copy2(sample_data / "detector.onnx", root / "detector.onnx")
    (root / "calibtui.toml").write_text(WORKSPACE.format(url=practice_url))
    with serving(root):
        asyncio.run(_run(root, STAGES))
        yield root


async def _run(root: Path, stages: tuple[str, ...]) -> None:
    engine = connected(root)
    done = await engine.do(Start(stages=stages, confirmed=True))
    async for snapshot in engine.snapshots():
        job = next(job for job in snapshot.jobs if job.name == done.job)
        if job.ended_at is not None:
            assert job.exit_code == 0, job.error
            break
    await engine.close()


async def test_the_draft_shows_its_frames_its_balance_and_its_coverage(make_workbench: Make, done_once: Path) -> None:
    async with opened(make_workbench, connected(done_once), "set", "◇ draft   8 frames", (200, 50)) as pilot:
        screen = pilot.app.screen
        assert isinstance(screen, SetScreen)
        assert len(screen.query_one(SetFrames).rows) == 8
        shown = text(pilot.app)
    assert "hardest: rank 1" in shown
    assert "difficulty of its frames" in shown
    assert "random" in shown


async def test_a_knob_is_tried_out_and_only_then_kept(make_workbench: Make, done_once: Path) -> None:
    engine = connected(done_once)
    async with opened(make_workbench, connected(done_once), "set", "◇ draft   8 frames") as pilot:
        await pressed(pilot, "down", "enter", "backspace", "1", "2", "enter")
        await said(pilot, "+4 added")
        assert (await engine.ask(Draft())).size == 8
        await pressed(pilot, "k")
        await until(pilot, lambda: "tried out" not in text(pilot.app))
        await said(pilot, "◇ draft   12 frames")
    knobs = {knob.key: knob for knob in (await engine.ask(Knobs(table="selection"))).knobs}
    assert (knobs["selection.size"].value, knobs["selection.size"].written) == ("12", "8")
    await engine.close()


async def test_marks_change_the_draft_and_are_taken_back(make_workbench: Make, done_once: Path) -> None:
    async with opened(make_workbench, connected(done_once), "set", "◇ draft   12 frames") as pilot:
        frames = pilot.app.screen.query_one(SetFrames)
        frames.focus()
        await pilot.pause()
        first = frames.rows[0].digest
        await pressed(pilot, "p")
        await said(pilot, "1 pinned")
        await pressed(pilot, "u")
        await until(pilot, lambda: "1 pinned" not in text(pilot.app))
        frames.cursor = next(row for row, frame in enumerate(frames.rows) if frame.digest == first)
        await pressed(pilot, "x")
        await until(
            pilot,
            lambda: first not in [frame.digest for frame in frames.rows if frame.change != "dropped"],
        )
        await pressed(pilot, "u")
        await until(pilot, lambda: first in [frame.digest for frame in frames.rows if frame.change != "dropped"])


async def test_the_draft_is_locked_under_a_name_and_compared_with_another(
    make_workbench: Make, done_once: Path
) -> None:
    engine = connected(done_once)
    async with opened(make_workbench, connected(done_once), "set", "◇ draft   12 frames") as pilot:
        await pressed(pilot, "L")
        await said(pilot, "Lock the draft under the name")
        await pressed(pilot, *"release", "enter")
        await said(pilot, "the same frames as release")
        assert (await engine.ask(Sets())).sets[0].name == "release"
        await pressed(pilot, "c")
        await said(pilot, "Compare with")
        await pressed(pilot, "down", "enter")
        await said(pilot, "+4 added")
    await engine.close()


async def test_a_locked_set_is_exported(make_workbench: Make, done_once: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    async with opened(make_workbench, connected(done_once), "set", "◇ draft   12 frames") as pilot:
        await pressed(pilot, "E")
        await said(pilot, "Export which set?")
        await pressed(pilot, "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, ExportSetScreen))
        await pressed(pilot, *["down"] * 3, "space", "tab", "ctrl+a", "ctrl+k", *str(out), "enter")
        await until(pilot, lambda: out.is_dir() and len(list(out.rglob("*.jpg"))) == 12)
    manifests = [json.loads(file.read_text()) for file in out.rglob("*.json")]
    assert any(len(manifest.get("frames", ())) == 12 for manifest in manifests)


async def test_options_turn_and_a_start_makes_another_model(make_workbench: Make, done_once: Path) -> None:
    engine = connected(done_once)
    before = len((await engine.ask(Compare())).comparisons)
    async with opened(make_workbench, connected(done_once), "quantize", "set: release, 12 frames") as pilot:
        assert isinstance(pilot.app.screen, QuantizeScreen)
        await pressed(pilot, "down", "down", "left")
        await said(pilot, "● Calibrator              minmax")
        await pressed(pilot, "g")
        await until(pilot, lambda: "▶ running" in text(pilot.app))
        await said(pilot, "5 reads the comparison", SLOW_S)
        comparisons = (await engine.ask(Compare())).comparisons
    assert len(comparisons) == before + 1
    assert comparisons[0].calibrator == "minmax"
    assert comparisons[0].set_name == "release"
    await engine.close()


async def test_the_comparison_shows_both_runs_and_a_frame_with_both_models_boxes(
    make_workbench: Make, done_once: Path
) -> None:
    engine = connected(done_once)
    newest = (await engine.ask(Compare())).comparisons[0]
    async with opened(make_workbench, connected(done_once), "compare", "95 % interval", (200, 50)) as pilot:
        screen = pilot.app.screen
        assert isinstance(screen, CompareScreen)
        assert [run.calibrator for run in screen.runs] == ["minmax", "percentile"]
        shown = text(pilot.app)
        assert f"{100 * newest.reference.map:.1f}" in shown
        assert newest.verdict[1:] in shown
        lost = screen.query_one(LostList)
        if lost.rows:
            lost.focus()
            await pressed(pilot, "enter")
            await until(pilot, lambda: isinstance(pilot.app.screen, LostFrameScreen))
            await until(pilot, lambda: all(view._strips for view in pilot.app.screen.query(FrameView)))
            assert "float finds" in text(pilot.app)
    await engine.close()
