"""While scoring in batches is paused, nothing is handed in and nothing fetched; it goes on where it was, or stops."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.cli.test_batch_apis import speaking

from calibtui.core.progress import Progress, StopFlag
from calibtui.gateway.batch.contract import BatchLimits
from calibtui.gateway.batch.openai import OpenAiBatches
from calibtui.pipeline.run import Outcome, run_stages
from calibtui.practice.options import PracticeOptions
from calibtui.practice.process import practice_server, read_books
from calibtui.workspace.load import load_settings

FRAMES = 6
SEVERAL_LOOKS_S = 0.8


class Running:
    """A scoring run in a thread; `told`: how many frames it said were done, newest last."""

    def __init__(self, root: Path) -> None:
        self.stop, self.told = StopFlag(), [0]
        self._threads = ThreadPoolExecutor(1)
        self.outcome: Future[Outcome] = self._threads.submit(self._run, root)

    def _run(self, root: Path) -> Outcome:
        return run_stages(load_settings(root), ("score",), command="score", on_progress=self._tell, stop=self.stop)

    def _tell(self, progress: Progress) -> None:
        if progress.stage == "score":
            self.told.append(progress.done)

    def scoring(self) -> dict[str, Any]:
        return self.outcome.result(60).summary.as_json()["scoring"]

    def close(self) -> None:
        self.stop.set()
        self._threads.shutdown()


@contextmanager
def running(root: Path) -> Iterator[Running]:
    run = Running(root)
    try:
        yield run
    finally:
        run.close()


def until(true: Callable[[], bool]) -> None:
    ends = time.monotonic() + 60
    while not true():
        assert time.monotonic() < ends, "it never came to be so"
        time.sleep(0.02)


def test_a_batch_that_ends_during_a_pause_is_fetched_after_it(make_workspace):
    with practice_server(PracticeOptions(batch_delay_ms=1000)) as url:
        root = make_workspace(pool=FRAMES, document=speaking("anthropic", url))
        with running(root) as run:
            until(lambda: read_books(url)["batches"] == 1)
            run.stop.pause()
            until(lambda: read_books(url)["answered"] == FRAMES)
            time.sleep(SEVERAL_LOOKS_S)
            assert not run.outcome.done() and run.told[-1] == 0
            run.stop.resume()
            told = run.scoring()
        assert (told["scored"], told["held_eur"]) == (FRAMES, 0)
        assert read_books(url)["batches"] == 1


def test_during_a_pause_nothing_more_is_handed_in(make_workspace, monkeypatch):
    monkeypatch.setattr(OpenAiBatches.__init__, "__defaults__", (BatchLimits(2, 200_000_000),))
    with practice_server(PracticeOptions(latency_ms=500)) as url:
        root = make_workspace(pool=FRAMES, document=speaking("openai", url))
        with running(root) as run:
            # The reply to the first hand-in is still on its way.
            until(lambda: read_books(url)["batches"] == 1)
            run.stop.pause()
            time.sleep(0.5 + SEVERAL_LOOKS_S)
            assert read_books(url)["batches"] == 1 and not run.outcome.done()
            run.stop.resume()
            assert run.scoring()["scored"] == FRAMES
        assert read_books(url)["batches"] == 3


def test_a_stop_ends_a_paused_run_and_the_batch_stays_out_for_the_next_one(make_workspace):
    with practice_server(PracticeOptions(batch_delay_ms=500)) as url:
        root = make_workspace(pool=FRAMES, document=speaking("gemini", url))
        with running(root) as run:
            until(lambda: read_books(url)["batches"] == 1)
            run.stop.pause()
            until(lambda: read_books(url)["answered"] == FRAMES)
            run.stop.set()
            told = run.scoring()
            assert (told["stopped_by"], told["scored"]) == ("interrupt", 0) and told["held_eur"] > 0
        with running(root) as run:
            told = run.scoring()
        assert (told["scored"], told["held_eur"]) == (FRAMES, 0)
        assert read_books(url)["batches"] == 1
