"""The run loop pays for nothing it can't keep, and stops when it should."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from calibtui.core.errors import BudgetExhaustedError, InterruptedByUser, JudgeFailedError
from calibtui.core.progress import Progress, StopFlag
from calibtui.core.scores import CallRecord, FailedScore, Score
from calibtui.gateway.client import OnCall
from calibtui.practice.server import PracticeServer
from calibtui.scoring.judge import FrameToScore, Record
from calibtui.scoring.run import HANDFUL, MOST_AT_ONCE, ScoringOutcome, score_frames
from calibtui.scoring.sink import GroupCommitSink
from calibtui.scoring.vlm import VlmJudge

Practice = Callable[..., Awaitable[PracticeServer]]
Judging = Callable[..., VlmJudge]
Frames = Callable[[int], list[FrameToScore]]


def nameless(count: int) -> list[FrameToScore]:
    return [FrameToScore(f"{n}.jpg", Path(f"{n}.jpg"), f"{n:064}") for n in range(count)]


def score_of(frame: FrameToScore) -> Score:
    return Score(frame.uri, frame.digest, 0.5, (), "p@1", "", "m", "m", "x", 1, None, 9, 1, 10, None, 1.0, time.time())


def call_of(frame: FrameToScore, status: str = "ok", attempts: int = 1, cost: int = 10) -> CallRecord:
    return CallRecord(frame.uri, frame.digest, "x", "m", "m", "c", status, attempts, 9, 1, True, cost, 1.0, time.time())


class Judge:
    """Answers by a function of the frame; keeps what it was asked."""

    def __init__(self, answer: Callable[[FrameToScore, OnCall], Any]) -> None:
        self.answer = answer
        self.asked: list[str] = []

    def prepare(self, frame: FrameToScore) -> object:
        return threading.get_ident()

    async def ask(self, frame: FrameToScore, prepared: object, on_call: OnCall) -> Score | FailedScore:
        assert prepared != threading.get_ident()
        self.asked.append(frame.uri)
        result = self.answer(frame, on_call)
        if asyncio.iscoroutine(result):
            result = await result
        if result is None:
            on_call(call_of(frame))
            result = score_of(frame)
        verdict: Score | FailedScore = result
        return verdict

    async def close(self) -> None:
        """Holds nothing."""


class Kept:
    """A sink that keeps records in memory."""

    def __init__(self) -> None:
        self.records: list[Record] = []

    async def put(self, records: Sequence[Record]) -> None:
        await asyncio.sleep(0)
        self.records += records

    async def durable(self) -> None:
        """put() has returned, so it is."""

    def of(self, kind: type) -> list[Any]:
        return [record for record in self.records if isinstance(record, kind)]


async def run(frames: Sequence[FrameToScore], judge: Any, sink: Any = None, **options: Any) -> ScoringOutcome:
    given = {"concurrency": 4, "stop": StopFlag(), **options}
    return await asyncio.wait_for(score_frames(frames, judge, sink or Kept(), **given), 60)


async def test_every_frame_gets_one_record_and_every_call_too() -> None:
    sink = Kept()
    outcome = await run(nameless(50), Judge(lambda frame, _: None), sink)
    assert sorted(score.frame_uri for score in sink.of(Score)) == sorted(frame.uri for frame in nameless(50))
    assert len(sink.of(CallRecord)) == 50
    assert (outcome.scored, outcome.failed, outcome.remaining, outcome.calls) == (50, 0, 0, 50)
    assert (outcome.retries, outcome.spent_micro_eur, outcome.stopped_by, outcome.error) == (0, 500, None, None)


async def test_no_frames_is_done_at_once() -> None:
    outcome = await run([], Judge(lambda frame, _: None))
    assert (outcome.scored, outcome.failed, outcome.stopped_by) == (0, 0, None)


async def test_a_worker_takes_its_next_frame_only_after_its_record_is_durable() -> None:
    asked: set[str] = set()
    durable: set[str] = set()
    beyond: list[int] = []

    def note(frame: FrameToScore, _: OnCall) -> None:
        asked.add(frame.uri)
        beyond.append(len(asked - durable))

    def slow_commit(records: list[Record]) -> None:
        time.sleep(0.01)
        durable.update(record.frame_uri for record in records if isinstance(record, Score))

    sink = GroupCommitSink(slow_commit)
    await run(nameless(60), Judge(note), sink, concurrency=5)
    await sink.close()
    assert max(beyond) <= 5
    assert durable == asked


async def test_no_more_than_the_concurrency_is_asked_at_once_and_all_of_it_is_used() -> None:
    running = peak = 0

    async def wait(frame: FrameToScore, _: OnCall) -> None:
        nonlocal running, peak
        running += 1
        peak = max(peak, running)
        await asyncio.sleep(0.01)
        running -= 1

    await run(nameless(40), Judge(wait), concurrency=6)
    assert peak == 6


async def test_retries_and_failed_calls_are_counted_and_paid() -> None:
    def answer(frame: FrameToScore, on_call: OnCall) -> Score | FailedScore:
        on_call(call_of(frame, "upstream", attempts=2, cost=100))
        on_call(call_of(frame, "unreadable", attempts=1, cost=10))
        return FailedScore(frame.uri, frame.digest, "unreadable", "?") if frame.uri == "0.jpg" else score_of(frame)

    sink = Kept()
    outcome = await run(nameless(3), Judge(answer), sink)
    assert (outcome.calls, outcome.retries, outcome.spent_micro_eur) == (9, 6, 330)
    assert (outcome.scored, outcome.failed) == (2, 1)
    assert len(sink.of(CallRecord)) == 6


async def test_a_frame_that_cannot_be_prepared_is_recorded_and_not_asked(
    practice: Practice, judging: Judging, frames: Frames
) -> None:
    made = frames(4)
    made[2].path.write_bytes(b"\xff\xd8 no more a picture")
    server, sink = await practice(), Kept()
    outcome = await run(made, judging(server.url), sink)
    (failed,) = sink.of(FailedScore)
    assert (failed.frame_uri, failed.error) == (made[2].uri, "unreadable_frame")
    assert "0002.jpg" in failed.reply
    assert (outcome.scored, outcome.failed, server.books.requests) == (3, 1, 3)


async def test_an_exhausted_budget_ends_the_run_and_keeps_what_was_paid() -> None:
    def answer(frame: FrameToScore, on_call: OnCall) -> None:
        if int(frame.uri[:-4]) >= 10:
            on_call(call_of(frame, "budget", cost=0))
            raise BudgetExhaustedError("The budget is exhausted.")

    sink, judge = Kept(), Judge(answer)
    outcome = await run(nameless(500), judge, sink)
    assert outcome.stopped_by == "budget"
    assert isinstance(outcome.error, BudgetExhaustedError)
    assert len(sink.of(Score)) == outcome.scored == 10
    assert outcome.remaining == 490
    assert len(judge.asked) <= 10 + 4
    assert all(call.status in ("ok", "budget") for call in sink.of(CallRecord))


async def test_a_rejected_key_ends_the_run_as_failures() -> None:
    def answer(frame: FrameToScore, _: OnCall) -> None:
        raise JudgeFailedError("The key in KEY was rejected.")

    outcome = await run(nameless(100), Judge(answer))
    assert (outcome.stopped_by, outcome.scored, outcome.failed) == ("failures", 0, 0)
    assert isinstance(outcome.error, JudgeFailedError)


def failing(share: int) -> Judge:
    def answer(frame: FrameToScore, _: OnCall) -> FailedScore | None:
        return FailedScore(frame.uri, frame.digest, "unreadable", "?") if int(frame.uri[:-4]) % share == 0 else None

    return Judge(answer)


async def test_too_many_failures_end_the_run_with_a_count() -> None:
    judge = failing(2)
    outcome = await run(nameless(1000), judge, max_failed=0.02)
    assert outcome.stopped_by == "failures"
    assert isinstance(outcome.error, JudgeFailedError)
    assert outcome.error.exit_code == 4
    assert 20 < outcome.failed <= 25
    assert len(judge.asked) < 100


async def test_as_many_failures_as_allowed_do_not() -> None:
    outcome = await run(nameless(1000), failing(50), max_failed=0.02)
    assert (outcome.failed, outcome.scored, outcome.stopped_by) == (20, 980, None)


async def test_a_handful_may_fail_however_few_frames_there_are() -> None:
    outcome = await run(nameless(10), failing(2), max_failed=0.02)
    assert (outcome.failed, outcome.stopped_by) == (HANDFUL, None)


async def test_a_resumed_rest_is_measured_by_the_whole_pool() -> None:
    rest = nameless(40)
    assert (await run(rest, failing(4), max_failed=0.02, pool_size=1000)).stopped_by is None
    assert (await run(rest, failing(4), max_failed=0.02)).stopped_by == "failures"


async def test_a_run_in_which_nothing_could_be_scored_has_failed() -> None:
    outcome = await run(nameless(2), failing(1))
    assert (outcome.stopped_by, outcome.failed, outcome.remaining) == ("failures", 2, 0)


async def test_an_interrupt_lets_what_is_in_flight_finish() -> None:
    stop, sink = StopFlag(), Kept()

    async def answer(frame: FrameToScore, _: OnCall) -> None:
        stop.set()
        await asyncio.sleep(0.4)

    outcome = await run(nameless(100), Judge(answer), sink, stop=stop)
    assert outcome.stopped_by == "interrupt"
    assert isinstance(outcome.error, InterruptedByUser)
    assert len(sink.of(Score)) == outcome.scored == 4
    assert outcome.remaining == 96


async def test_while_it_is_paused_the_last_answers_are_told_too() -> None:
    stop, told = StopFlag(), []
    stop.pause()

    async def go_on() -> None:
        await asyncio.sleep(0.5)
        stop.resume()
        await asyncio.sleep(0.5)
        stop.pause()
        answered = [progress.done for progress in told][-1]
        await asyncio.sleep(1.0)
        assert told[-1].done == len(judge.asked) > answered
        stop.resume()

    judge = Judge(lambda frame, _: asyncio.sleep(0.09))
    going = asyncio.create_task(go_on())
    await run(nameless(60), judge, stop=stop, on_progress=told.append)
    await going


async def test_what_does_not_finish_within_the_grace_is_given_up_and_its_cost_kept() -> None:
    stop, sink = StopFlag(), Kept()

    async def answer(frame: FrameToScore, on_call: OnCall) -> None:
        stop.set()
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            on_call(call_of(frame, "cancelled", cost=77))
            raise

    outcome = await run(nameless(100), Judge(answer), sink, stop=stop, grace_s=0.1)
    assert (outcome.stopped_by, outcome.scored) == ("interrupt", 0)
    assert [call.status for call in sink.of(CallRecord)] == ["cancelled"] * 4
    assert outcome.spent_micro_eur == 4 * 77


async def test_a_run_that_is_itself_cancelled_keeps_the_cost_of_what_was_in_flight() -> None:
    sink, asked = Kept(), asyncio.Event()

    async def answer(frame: FrameToScore, on_call: OnCall) -> None:
        asked.set()
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            on_call(call_of(frame, "cancelled"))
            raise

    task = asyncio.create_task(score_frames(nameless(9), Judge(answer), sink, concurrency=1, stop=StopFlag()))
    await asked.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [call.status for call in sink.of(CallRecord)] == ["cancelled"]


async def test_a_sink_that_fails_ends_the_run_with_its_error_and_asks_no_more() -> None:
    def full(_: list[Record]) -> None:
        raise OSError("no space left on device")

    judge, sink = Judge(lambda frame, _: None), GroupCommitSink(full)
    with pytest.raises(OSError, match="no space"):
        await run(nameless(500), judge, sink)
    await sink.close()
    assert len(judge.asked) <= 8


async def test_an_unforeseen_error_of_a_judge_is_not_swallowed() -> None:
    def answer(frame: FrameToScore, _: OnCall) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await run(nameless(50), Judge(answer))


async def test_progress_ends_at_the_total() -> None:
    told: list[Progress] = []
    await run(nameless(30), failing(10), on_progress=told.append)
    assert (told[-1].stage, told[-1].done, told[-1].total, told[-1].note) == ("scoring", 30, 30, "3 failed")
    assert [p.done for p in told] == sorted(p.done for p in told)


async def test_few_frames_are_prepared_ahead_of_their_turn() -> None:
    prepared: list[int] = []
    release = asyncio.Event()

    class Greedy(Judge):
        def prepare(self, frame: FrameToScore) -> object:
            prepared.append(1)
            return super().prepare(frame)

    async def answer(frame: FrameToScore, _: OnCall) -> None:
        await release.wait()

    task = asyncio.create_task(run(nameless(1000), Greedy(answer), concurrency=4, prepare_threads=2))
    await asyncio.sleep(0.3)
    assert len(prepared) <= 4 + 4 + 2 * MOST_AT_ONCE
    release.set()
    assert (await task).scored == 1000


@pytest.mark.parametrize(("workers", "threads"), [(1, 1), (1, 4), (3, 2)])
async def test_a_run_with_few_workers_and_quick_preparation_comes_to_its_end(workers: int, threads: int) -> None:
    outcome = await run(nameless(200), Judge(lambda f, _: None), concurrency=workers, prepare_threads=threads)
    assert outcome.scored == 200


async def test_a_run_over_http_with_trouble_of_every_kind_scores_what_can_be(
    practice: Practice, judging: Judging, frames: Frames
) -> None:
    server = await practice(fail_rate=0.2, garbage_rate=0.2, rate_limit=150.0, seed=3, key_env="KEY")
    sink, made = Kept(), frames(60)
    outcome = await run(made, judging(server.url, concurrency=8), sink, concurrency=8, max_failed=0.5)
    assert outcome.scored + outcome.failed == 60
    assert outcome.scored >= 45
    assert outcome.calls == server.books.requests
    assert outcome.spent_micro_eur == 2 * server.books.input_tokens + 8 * server.books.output_tokens
    assert all(failed.reply for failed in sink.of(FailedScore))


async def test_a_key_that_is_refused_ends_a_run_over_http_after_one_answer_a_worker(
    practice: Practice, judging: Judging, frames: Frames, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = await practice(key_env="KEY")
    server._key = b"another"
    outcome = await run(frames(30), judging(server.url), concurrency=4)
    assert outcome.stopped_by == "failures"
    assert "KEY" in str(outcome.error)
    assert server.books.requests <= 4
