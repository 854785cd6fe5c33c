"""Jobs that score in batches: a pause holds them for everyone, and neither it nor a kill loses what was handed in."""

from __future__ import annotations

import asyncio

from tests.cli.test_batch_apis import speaking
from tests.engines import connected, engine_process, first, kill, serving

from calibtui.engine.wire.runs import Pause, Resume, Start
from calibtui.practice.options import PracticeOptions
from calibtui.practice.process import practice_server, read_books

FRAMES = 8


async def books_say(url: str, what: str, count: int) -> None:
    for _ in range(600):
        if (await asyncio.to_thread(read_books, url))[what] >= count:
            return
        await asyncio.sleep(0.1)
    raise AssertionError(f"the judge never had {count} {what}")


def ended(snapshot) -> bool:
    return bool(snapshot.jobs) and snapshot.jobs[0].ended_at is not None


async def test_while_all_is_paused_a_batch_that_ends_is_not_fetched(make_workspace, runtime_directory):
    with practice_server(PracticeOptions(batch_delay_ms=1500)) as url:
        root = make_workspace(pool=FRAMES, document=speaking("anthropic", url))
        with serving(root):
            engine = connected(root)
            await engine.do(Start(stages=("score",), confirmed=True))
            await books_say(url, "batches", 1)
            await engine.do(Pause())
            await books_say(url, "answered", FRAMES)
            await asyncio.sleep(1.0)
            now = await first(engine, lambda now: now.paused)
            assert now.jobs[0].state == "paused" and not (now.scoring and now.scoring.done)
            await engine.do(Resume())
            last = await first(engine, ended)
            assert (last.jobs[0].state, last.scoring.done) == ("done", FRAMES)
            await engine.close()
        assert (read_books(url)["batches"], read_books(url)["answered"]) == (1, FRAMES)


async def test_an_engine_that_is_killed_while_its_batch_waits_leaves_it_to_the_next_one(
    make_workspace, runtime_directory
):
    with practice_server(PracticeOptions(batch_delay_ms=3000)) as url:
        root = make_workspace(pool=FRAMES, document=speaking("gemini", url))
        with engine_process(root) as before:
            engine = connected(root)
            await engine.do(Start(stages=("score",), confirmed=True))
            await books_say(url, "batches", 1)
            kill(before.pid)
            await engine.close()
        with engine_process(root):
            engine = connected(root)
            last = await first(engine, ended)
            await engine.close()
        assert (last.jobs[0].state, last.scoring.done) == ("done", FRAMES)
        assert (read_books(url)["batches"], read_books(url)["answered"]) == (1, FRAMES)
