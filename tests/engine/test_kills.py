"""An engine that is killed, cut off or told to go is followed by one that goes on where it was."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from pathlib import Path

import pytest
from tests.engines import alive, connected, engine_process, first, kill, until_true

from calibtui.core.errors import ConfigurationError
from calibtui.engine.client.places import announced
from calibtui.engine.client.starting import attach_or_start, running_engine, start_engine
from calibtui.engine.wire.runs import Pause, Resume, Start
from calibtui.practice.options import PracticeOptions
from calibtui.practice.process import practice_server, read_books
from calibtui.store.store import Store

CONCURRENCY = 4


def ended(snapshot):
    return snapshot.jobs and all(job.ended_at is not None for job in snapshot.jobs)


def running(snapshot, stage):
    return any(each.name == stage and each.state == "running" for each in snapshot.stages)


async def test_killed_in_mid_scoring_it_asks_no_stored_score_again(make_workspace, runtime_directory):
    with practice_server(PracticeOptions(latency_ms=150)) as url:
        root = make_workspace(pool=60, url=url)
        with engine_process(root) as before:
            engine = connected(root)
            await engine.do(Start(stages=("score",), confirmed=True))
            await first(engine, lambda now: now.scoring is not None and now.scoring.done >= 12)
            kill(before.pid)
            await engine.close()
        with Store(root / ".calibtui") as store:
            stored = store.scores.count()
        asked = read_books(url)["requests"]
        with engine_process(root):
            engine = connected(root)
            last = await first(engine, ended)
            await engine.close()
        books = read_books(url)
    assert 12 <= stored < 60
    assert asked - stored <= CONCURRENCY, "only requests in flight are lost"
    assert [job.state for job in last.jobs] == ["done"]
    assert (last.scoring.done, last.scoring.exact_hits) == (60, stored)
    assert books["requests"] - asked == 60 - stored, "nothing stored is asked again"


async def test_killed_in_mid_quantization_it_goes_on_and_pays_nothing_again(make_workspace, runtime_directory):
    with practice_server() as url:
        root = make_workspace(pool=40, url=url)
        stages = ("pool", "score", "select", "quantize")
        with engine_process(root) as before:
            engine = connected(root)
            await engine.do(Start(stages=stages, overrides=("selection.size=40",), confirmed=True))
            await first(engine, lambda now: running(now, "quantize"))
            kill(before.pid)
            await engine.close()
        paid = read_books(url)["requests"]
        with engine_process(root):
            engine = connected(root)
            last = await first(engine, ended)
            await engine.close()
        assert read_books(url)["requests"] == paid == 40
    assert [job.state for job in last.jobs] == ["done"]
    assert {stage.name: stage.state for stage in last.stages}["quantize"] == "done"


async def test_the_workers_die_with_their_engine(make_workspace, runtime_directory):
    with practice_server(PracticeOptions(latency_ms=300)) as url:
        root = make_workspace(pool=40, url=url)
        with engine_process(root) as place:
            engine = connected(root)
            await engine.do(Start(stages=("score",), confirmed=True))
            await first(engine, lambda now: running(now, "score"))
            workers = [int(pid) for pid in _children(place.pid)]
            kill(place.pid)
            await engine.close()
        assert workers
        until_true(lambda: not any(alive(pid) for pid in workers))
        asked = read_books(url)["requests"]
        await asyncio.sleep(1.0)
        assert read_books(url)["requests"] == asked


async def test_a_pause_outlives_a_kill(make_workspace, runtime_directory):
    root = make_workspace(pool=8)
    with engine_process(root) as before:
        engine = connected(root)
        await engine.do(Pause())
        await engine.do(Start(stages=("score",), confirmed=True))
        kill(before.pid)
        await engine.close()
    with engine_process(root):
        engine = connected(root)
        now = await anext(engine.snapshots())
        assert now.paused and [job.state for job in now.jobs] == ["paused"]
        await engine.do(Resume())
        last = await first(engine, ended)
        await engine.close()
    assert [job.state for job in last.jobs] == ["done"]


async def test_a_hangup_changes_nothing_and_a_term_leaves_the_job_to_the_next_engine(make_workspace, runtime_directory):
    with practice_server(PracticeOptions(latency_ms=150)) as url:
        root = make_workspace(pool=60, url=url)
        with engine_process(root) as before:
            engine = connected(root)
            await engine.do(Start(stages=("score",), confirmed=True))
            os.kill(before.pid, signal.SIGHUP)
            await first(engine, lambda now: now.scoring is not None and now.scoring.done >= 4)
            kill(before.pid, signal.SIGTERM)
            await engine.close()
        assert announced(root) is None, "a clean end leaves no address"
        asked = read_books(url)["requests"]
        with engine_process(root):
            engine = connected(root)
            last = await first(engine, ended)
            await engine.close()
        assert [job.state for job in last.jobs] == ["done"]
        assert read_books(url)["requests"] == 60 and asked < 60, "a safe point loses not even a request"


async def test_what_a_dead_engine_left_lying_about_is_cleaned_up(make_workspace, runtime_directory):
    root = make_workspace(pool=2)
    with engine_process(root) as before:
        kill(before.pid)
    assert before.socket.exists() and announced(root) == before
    assert running_engine(root) is None
    with engine_process(root) as second:
        assert second.pid != before.pid
        assert running_engine(root) == second


def test_a_directory_that_is_no_workspace_gets_no_engine_and_stays_as_it_is(tmp_path, runtime_directory):
    with pytest.raises(ConfigurationError, match="does not exist"):
        start_engine(tmp_path)
    assert list(tmp_path.iterdir()) == []


async def test_of_many_that_start_at_once_one_engine_comes_up_and_all_attach_to_it(make_workspace, runtime_directory):
    root = make_workspace(pool=2)
    places = await asyncio.gather(*(asyncio.to_thread(attach_or_start, root) for _ in range(4)))
    try:
        assert len({place.pid for place in places}) == 1
    finally:
        kill(places[0].pid)


async def test_an_engine_that_nobody_needs_ends(make_workspace, runtime_directory):
    root = make_workspace(pool=2)
    with engine_process(root, idle_s=0.5) as place:
        until_true(lambda: not alive(place.pid))
    assert not place.socket.exists()
    assert (root / ".calibtui" / "engine.lock").read_text() == ""
    log = (root / ".calibtui" / "calibtui.log").read_text().splitlines()
    assert [json.loads(line)["event"] for line in log][-2:] == ["engine_idle", "engine_ended"]


def _children(pid):
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
