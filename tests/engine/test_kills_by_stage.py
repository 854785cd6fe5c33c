"""Workbench, engine or the whole machine die in the middle of each stage: whoever comes back finds everything there,
and
pays for nothing again but the requests that were in flight."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.engines import alive, becomes_true, connected, first, kill, until_true
from tests.terminals import Terminal

from calibtui.engine.client.places import Place
from calibtui.engine.client.starting import running_engine
from calibtui.engine.wire.runs import Start
from calibtui.engine.wire.snapshot import STAGES, Snapshot
from calibtui.practice.options import PracticeOptions
from calibtui.practice.process import practice_server, read_books

CONCURRENCY = 4
VICTIMS = ("workbench", "engine", "machine")
MOMENTS = (0.0, 0.3, 0.6, 0.9)
TRIES = 6
"""Choosing the set takes a tenth of a second: a kill may come too late for it."""


class Desk:
    """A workspace, its practice judge, and a workbench in a terminal that is attached to its engine."""

    def __init__(self, root: Path, url: str, runtime: Path) -> None:
        self.root, self.url, self._runtime = root, url, runtime
        self._terminal: Terminal | None = None
        self.launch()

    @property
    def engine(self) -> Place:
        place = running_engine(self.root)
        assert place is not None
        return place

    @property
    def lost(self) -> int:
        """Requests beyond one for each picture."""
        images = read_books(self.url)["images"]
        return sum(images.values()) - len(images)

    def launch(self) -> None:
        """`calibtui launch` in a terminal of its own."""
        self._terminal = Terminal([sys.executable, "-m", "calibtui", "launch", str(self.root)])
        self._terminal.wait(_attached)

    def kill(self, victim: str) -> None:
        """Kills with -9, and comes back as a user does: with `launch`, or as the workbench does by itself."""
        assert self._terminal is not None
        before = self.engine
        workers = [int(pid) for pid in Path(f"/proc/{before.pid}/task/{before.pid}/children").read_text().split()]
        workbench = self._terminal.pid
        doomed = {"workbench": [workbench], "engine": [before.pid], "machine": [workbench, before.pid, *workers]}
        for pid in doomed[victim]:
            os.kill(pid, signal.SIGKILL)
        until_true(lambda: not any(alive(pid) for pid in doomed[victim]))
        if victim == "machine":
            # What is in /run or /tmp doesn't outlive a reboot.
            shutil.rmtree(self._runtime / "calibtui", ignore_errors=True)
        if victim != "engine":
            self._terminal.end()
            self.launch()
        until_true(lambda: self._serves(before) == (victim == "workbench"))
        self._terminal.wait(_attached)

    def starts(self, job: str) -> int:
        """How often engines have begun with the job."""
        return sum(line["event"] == "job_started" and line["job"] == job for line in self._log())

    def began(self, stage: str) -> int:
        """How often the stage has begun, of whichever job."""
        return sum(line["event"] == "stage_started" and line["stage"] == stage for line in self._log())

    def close(self) -> None:
        if self._terminal is not None:
            self._terminal.end()
        if (place := running_engine(self.root)) is not None:
            kill(place.pid)

    def _serves(self, before: Place) -> bool | None:
        """Whether it is still the engine from before that answers; None where none does."""
        place = running_engine(self.root)
        return None if place is None else place.pid == before.pid

    def _log(self) -> list[dict]:
        path = self.root / ".calibtui" / "calibtui.log"
        whole = path.read_text().rpartition("\n")[0] if path.exists() else ""
        return [json.loads(line) for line in whole.splitlines()]


@pytest.fixture
def desk(make_workspace: Callable[..., Path], runtime_directory: Path, monkeypatch) -> Iterator[Desk]:
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    with practice_server(PracticeOptions(latency_ms=30)) as url:
        root = make_workspace(pool=240, evaluation=40, url=url)
        made = Desk(root, url, runtime_directory)
        yield made
        made.close()


@pytest.mark.parametrize(
    "victim",
    [pytest.param("workbench", marks=pytest.mark.soak), pytest.param("engine", marks=pytest.mark.soak), "machine"],
)
async def test_killed_in_the_middle_of_each_stage_in_turn_it_is_all_there(desk: Desk, victim: str) -> None:
    for stage in STAGES:
        for attempt in range(TRIES if stage == "select" else 1):
            overrides = (f"selection.seed={attempt}",) if attempt else ()
            now, hit = await _killed_in(desk, victim, stage, (stage,), overrides=overrides)
            assert {each.name: each.state for each in now.stages}[stage] == "done", stage
            if hit:
                break
        assert hit, f"{stage} was over before the kill"
    assert all(job.state == "done" for job in now.jobs)
    assert now.totals.scored == len(read_books(desk.url)["images"])
    assert now.outcome is not None


@pytest.mark.soak
@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("victim", VICTIMS)
async def test_killed_at_any_moment_of_a_whole_job_it_is_all_there(
    desk: Desk, victim: str, stage: str, moment: float
) -> None:
    now, _ = await _killed_in(desk, victim, stage, STAGES, moment)
    assert [each.state for each in now.stages] == ["done"] * len(STAGES)
    assert now.totals.scored == len(read_books(desk.url)["images"])
    assert now.outcome is not None


def _attached(text: str) -> bool:
    """Whether a workbench's screen says that it sees the engine's state as it is now."""
    return any(word in text for word in ("● live", "✓ finished", "paused"))


async def _killed_in(
    desk: Desk, victim: str, stage: str, stages: tuple[str, ...], moment: float = 0.0, overrides: tuple[str, ...] = ()
) -> tuple[Snapshot, bool]:
    """Starts a job, kills the victim in `stage` once that share of it is done, and waits for the job's end. Returns the
    state then, and whether the job was still running at the kill, as far as that can be told."""
    lost, began = desk.lost, desk.began(stage)
    engine = connected(desk.root)
    await engine.do(Start(stages=stages, overrides=overrides, confirmed=True))
    before = await _in_the_middle(desk, engine, stage, moment, began)
    await engine.close()
    desk.kill(victim)
    engine = connected(desk.root)
    job = max(before.jobs, key=lambda one: one.queued_at).name
    after = await first(engine, lambda now: all(one.ended_at is not None for one in now.jobs))
    await engine.close()
    assert {one.name: one.state for one in after.jobs}[job] == "done"
    if stage == "score" and victim != "workbench":
        assert after.scoring is not None and before.scoring is not None
        assert after.scoring.exact_hits >= before.scoring.done, "what was stored is there"
    assert desk.lost - lost <= (0 if victim == "workbench" or stage != "score" else CONCURRENCY)
    return after, victim == "workbench" or desk.starts(job) == 2


async def _in_the_middle(desk: Desk, engine, stage: str, moment: float, began: int) -> Snapshot:
    """The state once that share of the stage is done; of one too short for progress, once it has begun."""
    if stage == "select":
        now = await anext(engine.snapshots())
        await becomes_true(lambda: desk.began(stage) > began)
        return now

    def reached(now: Snapshot) -> bool:
        at = next(one for one in now.stages if one.name == stage)
        far = at.done > moment * at.total if at.total else stage == "pool" and moment == 0.0
        over = bool(now.jobs) and all(one.ended_at is not None for one in now.jobs)
        return (at.state == "running" and far) or (at.state == "done" and desk.began(stage) > began) or over

    return await first(engine, reached)
