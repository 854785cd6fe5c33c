"""The keys that measure beside the stages, over a real engine: coverage, diagnosis, an ablation."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.engines import connected
from tests.tui.driving import Pilots, pressed, said, until
from tests.tui.looks import text
from tests.tui.shell.conftest import Open
from textual.widgets import Input

from calibtui.engine.wire.runs import JobOutcome, Run, RunDetail, Runs, Start
from calibtui.engine.wire.sets import Turn
from calibtui.tui.screens.ablation_plan import AblationPlanScreen
from calibtui.tui.screens.confirm import ConfirmScreen
from calibtui.tui.screens.set import SetScreen


def prepared(root: Path, *stages: str) -> None:
    """Has the stages run, with random sets of four frames as calibtui.toml's knobs say."""

    async def work() -> None:
        engine = connected(root)
        await engine.do(Turn(key="selection.strategy", value='"random"'))
        await engine.do(Turn(key="selection.size", value="4"))
        job = (await engine.do(Start(stages=stages, confirmed=True))).job or ""
        while (await engine.ask(JobOutcome(job=job))).job.ended_at is None:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
        await engine.close()

    asyncio.run(work())


async def newest_run(root: Path, command: str) -> RunDetail:
    engine = connected(root)
    line = (await engine.ask(Runs(filter=command))).runs[0]
    detail = await engine.ask(Run(run=line.run))
    await engine.close()
    return detail


async def ended(pilot: Pilots, kind: str) -> None:
    def over() -> bool:
        jobs = pilot.app.snapshot.jobs
        return any(job.kind == kind and job.ended_at is not None for job in jobs)

    await until(pilot, over, 60)


def test_m_measures_the_draft_and_its_ranges_stand_in_the_coverage(workspace: Path, open_workbench: Open) -> None:
    prepared(workspace, "pool")

    async def work() -> None:
        async with open_workbench("set", "are not measured", (200, 50)) as pilot:
            assert pilot.app.screen.view.ranges is None
            await pressed(pilot, "m")
            await ended(pilot, "coverage")
            screen = pilot.app.screen
            assert isinstance(screen, SetScreen)
            await until(pilot, lambda: screen.view.ranges is not None, 30)
            await said(pilot, "tensors reach further in the pool")

    asyncio.run(work())


def test_capital_d_diagnoses_and_shows_how_far_it_is(workspace: Path, open_workbench: Open) -> None:
    prepared(workspace, "pool", "select")

    async def work() -> None:
        async with open_workbench("quantize", "There is no diagnosis yet", (200, 50)) as pilot:
            await pressed(pilot, "D")
            await said(pilot, "Diagnosis of the INT8 model", 30)
            await said(pilot, "calibrating", 60)
            await said(pilot, "layers one by one", 60)

    asyncio.run(work())


def test_a_asks_what_to_compare_and_its_verdict_stands_in_the_runs(workspace: Path, open_workbench: Open) -> None:
    prepared(workspace, "pool")

    async def work() -> None:
        async with open_workbench("compare", "No INT8 model") as pilot:
            await pressed(pilot, "a")
            await until(pilot, lambda: isinstance(pilot.app.screen, AblationPlanScreen))
            await pressed(pilot, "escape", "a")
            await until(pilot, lambda: isinstance(pilot.app.screen, AblationPlanScreen))
            await pressed(pilot, *"hardest", "enter", "4", "enter", *"minmax", "enter", "enter")
            await until(pilot, lambda: isinstance(pilot.app.screen, ConfirmScreen), 30)
            assert "12 questions" in " ".join(text(pilot.app).split())
            await pressed(pilot, "y")
            await ended(pilot, "ablate")
            found = await newest_run(workspace, "ablate")
            assert found.line.state == "done" and found.line.said
            assert "ablation." in found.summary
            await pressed(pilot, "7")
            await said(pilot, found.line.said[:16], 30)

    asyncio.run(work())


async def test_ctrl_s_starts_an_ablation_as_it_stands_and_a_wrong_word_is_told(open_workbench: Open) -> None:
    async with open_workbench("compare", "No INT8 model") as pilot:
        await pressed(pilot, "a")
        await until(pilot, lambda: isinstance(pilot.app.screen, AblationPlanScreen))
        pilot.app.screen.query_one("#strategies", Input).value = "luck"
        await pressed(pilot, "ctrl+s")
        await said(pilot, "'luck' is not a strategy")
