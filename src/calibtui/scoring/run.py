"""The run loop: frames through a judge, every record durable before its worker's next request leaves.

So a run that is killed has lost at most one request a worker, and the same call with what is left goes on from there.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

from calibtui.core.errors import BudgetExhaustedError, CalibtuiError, InterruptedByUser, JudgeFailedError
from calibtui.core.progress import OnProgress, Progress, StopFlag, silent
from calibtui.core.scores import CallRecord, FailedScore, Score
from calibtui.scoring.judge import FrameToScore, Judge, Record
from calibtui.scoring.sink import Sink

HANDFUL = 5
"""So many failures are allowed however small the pool is, unless nothing else came out of it."""
GRACE_S = 10.0
WATCH_S = 0.1
TELL_EVERY_S = 0.1
AT_ONCE_S = 0.01
MOST_AT_ONCE = 8
"""Frames that are prepared in microseconds go to a thread several at a time: waking it costs more than the work."""

StoppedBy = Literal["budget", "failures", "interrupt"]


@dataclass(frozen=True, slots=True)
class ScoringOutcome:
    """`calls`: requests sent; `retries`: those beyond the first of a frame. `error`: what ended the run early, for the
    caller to raise once its own work is done; None where every frame was tried and few enough failed."""

    scored: int
    failed: int
    remaining: int
    calls: int
    retries: int
    seconds: float
    spent_micro_eur: int
    stopped_by: StoppedBy | None
    error: CalibtuiError | None


async def score_frames(
    frames: Sequence[FrameToScore],
    judge: Judge,
    sink: Sink,
    *,
    concurrency: int,
    stop: StopFlag,
    on_progress: OnProgress = silent,
    max_failed: float = 0.02,
    pool_size: int | None = None,
    prepare_threads: int | None = None,
    grace_s: float = GRACE_S,
) -> ScoringOutcome:
    """Scores `frames` with `concurrency` workers; `prepare_threads` (default: the cores, at most 4) prepare ahead of
    them.

    Ends early when `stop` is set (requests in flight get `grace_s`, then are given up and counted at their worst
    case), on an exhausted budget, on a rejected key or unknown model, and when more than `max_failed` of `pool_size`
    (default: of `frames`) have failed. Every record goes to `sink`, those of given-up requests too. Raises what the
    sink raises.
    """
    threads = prepare_threads or min(4, os.cpu_count() or 1)
    run = _Run(frames, judge, sink, concurrency, threads, on_progress)
    run.allowed = max(HANDFUL, int(max_failed * (pool_size or len(frames))))
    return await run.go(stop, grace_s)


class _Run:
    """The state of one score_frames()."""

    def __init__(
        self, frames: Sequence[FrameToScore], judge: Judge, sink: Sink, workers: int, threads: int, tell: OnProgress
    ) -> None:
        self.allowed = 0
        self._total = len(frames)
        self._frames: Iterator[FrameToScore] = iter(frames)
        self._judge = judge
        self._sink = sink
        self._workers = max(1, workers)
        self._feeders = max(1, threads)
        self._threads = ThreadPoolExecutor(self._feeders, "prepare")
        self._tell = tell
        self._told_at = 0.0
        self._untold = False
        # Prepared frames are held in memory, so few of them; at least one batch a thread, or none could begin.
        self._ahead = asyncio.Semaphore(MOST_AT_ONCE * self._feeders + min(self._workers, 64))
        self._ready: asyncio.Queue[tuple[FrameToScore, object] | None] = asyncio.Queue()
        self._asking: set[asyncio.Task[None]] = set()
        self._given_up: list[CallRecord] = []
        self._halted = asyncio.Event()
        self._going = asyncio.Event()
        self._going.set()
        self._stopped_by: StoppedBy | None = None
        self._error: CalibtuiError | None = None
        self._scored = self._failed = self._calls = self._retries = self._spent = 0

    async def go(self, stop: StopFlag, grace_s: float) -> ScoringOutcome:
        started = time.monotonic()
        feed = asyncio.create_task(self._feed())
        watch = asyncio.create_task(self._watch(stop))
        workers = [asyncio.create_task(self._work()) for _ in range(self._workers)]
        halted = asyncio.create_task(self._halted.wait())
        try:
            await self._all_done(workers, halted, feed, grace_s)
        finally:
            await _ended([feed, watch, halted, *workers])
            self._threads.shutdown(wait=False, cancel_futures=True)
            # Requests that were given up may have been charged, however the run came to its end.
            await self._sink.put(self._given_up)
            await self._sink.durable()
        self._judge_failures()
        self._progress(final=True)
        return self._outcome(time.monotonic() - started)

    async def _all_done(
        self, workers: list[asyncio.Task[None]], halted: asyncio.Task[bool], feed: asyncio.Task[None], grace_s: float
    ) -> None:
        """Until every worker has ended, and after a halt only as long as the grace allows. Raises what a worker
        raised."""
        pending: set[asyncio.Task[None]] = set(workers)
        while pending and not self._halted.is_set():
            waited: set[asyncio.Task[object]] = {*pending, halted}
            if not feed.done():
                waited.add(feed)
            done, _ = await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
            pending -= done
        if pending:
            self._release_idle(feed)
            await asyncio.wait(pending, timeout=grace_s)
            for task in self._asking:
                task.cancel()
            await asyncio.wait(pending)
        for worker in workers:
            if worker.done() and not worker.cancelled():
                worker.result()

    def _release_idle(self, feed: asyncio.Task[None]) -> None:
        """Workers that wait for a frame which won't come are told so; prepared frames are dropped, they cost
        nothing."""
        feed.cancel()
        while not self._ready.empty():
            self._ready.get_nowait()
        for _ in range(self._workers):
            self._ready.put_nowait(None)

    async def _feed(self) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(self._feeders):
                group.create_task(self._prepare())
        for _ in range(self._workers):
            self._ready.put_nowait(None)

    async def _prepare(self) -> None:
        loop = asyncio.get_running_loop()
        size = 1
        while batch := list(itertools.islice(self._frames, size)):
            for _ in batch:
                await self._ahead.acquire()
            prepared, seconds = await loop.run_in_executor(self._threads, self._prepared, batch)
            for item in prepared:
                self._ready.put_nowait(item)
            size = max(1, min(MOST_AT_ONCE, int(len(batch) * AT_ONCE_S / max(seconds, 1e-9))))

    def _prepared(self, batch: Sequence[FrameToScore]) -> tuple[list[tuple[FrameToScore, object]], float]:
        """Runs in a thread: the frames with what the judge made of each, and the seconds that took."""
        started = time.monotonic()
        results: list[tuple[FrameToScore, object]] = []
        for frame in batch:
            try:
                results.append((frame, self._judge.prepare(frame)))
            except CalibtuiError as error:
                results.append((frame, FailedScore(frame.uri, frame.digest, "unreadable_frame", error.message)))
        return results, time.monotonic() - started

    async def _work(self) -> None:
        while not self._halted.is_set():
            item = await self._ready.get()
            if item is None or self._halted.is_set():
                return
            self._ahead.release()
            frame, prepared = item
            await self._going.wait()
            if self._halted.is_set():
                return
            calls: list[CallRecord] = []
            verdict = await self._ask(frame, prepared, calls)
            records: list[Record] = [*calls, *([] if verdict is None else [verdict])]
            await self._sink.put(records)
            self._count(verdict, calls)

    async def _ask(self, frame: FrameToScore, prepared: object, calls: list[CallRecord]) -> Score | FailedScore | None:
        """None where the run ends without this frame's verdict."""
        if isinstance(prepared, FailedScore):
            return prepared
        task = asyncio.current_task()
        assert task is not None
        self._asking.add(task)
        try:
            return await self._judge.ask(frame, prepared, calls.append)
        except BudgetExhaustedError as error:
            self._halt("budget", error)
        except JudgeFailedError as error:
            self._halt("failures", error)
        except asyncio.CancelledError:
            self._given_up += calls
            self._count(None, calls)
            raise
        finally:
            self._asking.discard(task)
        return None

    def _count(self, verdict: Score | FailedScore | None, calls: Sequence[CallRecord]) -> None:
        sent = sum(call.attempts for call in calls)
        self._calls += sent
        self._retries += max(0, sent - 1)
        self._spent += sum(call.cost_micro_eur for call in calls)
        self._scored += isinstance(verdict, Score)
        self._failed += isinstance(verdict, FailedScore)
        if self._failed > self.allowed:
            self._halt("failures", self._too_many())
        self._progress()

    def _judge_failures(self) -> None:
        """A pool of which nothing could be scored is a failure even where a handful is allowed."""
        if self._failed == self._total > 0:
            self._halt("failures", self._too_many())

    def _too_many(self) -> CalibtuiError:
        tried = self._scored + self._failed
        return JudgeFailedError(
            f"The judge failed for {self._failed} of {tried} frames, and {self.allowed} may fail.",
            "See the failed frames' replies, then raise scoring.max_failed or change the prompt, model or max_tokens.",
        )

    def _halt(self, by: StoppedBy, error: CalibtuiError) -> None:
        if self._stopped_by is None:
            self._stopped_by, self._error = by, error
            self._halted.set()
            self._going.set()

    async def _watch(self, stop: StopFlag) -> None:
        """A flag that signal handlers and other threads set can't wake a loop by itself."""
        while not stop:
            if stop.paused:
                self._going.clear()
            elif not self._going.is_set():
                self._going.set()
            # While it is paused no answer follows that would tell of the last ones.
            if self._untold:
                self._progress()
            await asyncio.sleep(WATCH_S)
        message = "Interrupted; every score so far is kept."
        self._halt("interrupt", InterruptedByUser(message, "Run the same command again to resume."))

    def _progress(self, final: bool = False) -> None:
        now = time.monotonic()
        self._untold = not final and now - self._told_at < TELL_EVERY_S
        if not self._untold:
            self._told_at = now
            note = f"{self._failed} failed" if self._failed else ""
            self._tell(Progress("scoring", self._scored + self._failed, self._total, note))

    def _outcome(self, seconds: float) -> ScoringOutcome:
        return ScoringOutcome(
            scored=self._scored,
            failed=self._failed,
            remaining=self._total - self._scored - self._failed,
            calls=self._calls,
            retries=self._retries,
            seconds=seconds,
            spent_micro_eur=self._spent,
            stopped_by=self._stopped_by,
            error=self._error,
        )


async def _ended(tasks: Sequence[asyncio.Task[object]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
