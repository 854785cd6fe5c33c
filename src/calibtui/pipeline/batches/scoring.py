"""Scoring by the file: batches handed in at a lower price, waited for, and picked up again after any restart."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from calibtui.core.errors import BudgetExhaustedError, CalibtuiError, InterruptedByUser, JudgeFailedError
from calibtui.core.scores import CallRecord
from calibtui.gateway.batch.contract import BatchState, BatchUnavailableError
from calibtui.gateway.money.charging import Payer
from calibtui.gateway.money.forecast import Spent
from calibtui.gateway.money.ledger import Ledger
from calibtui.pipeline.batches.desk import Commit, Desk, OpenBatch
from calibtui.pipeline.batches.hand_in import hand_in
from calibtui.pipeline.batches.pace import Pace
from calibtui.pipeline.batches.results import Taken, take_results
from calibtui.pipeline.batches.waiting import rest, while_paused
from calibtui.pipeline.context import Context
from calibtui.pipeline.judges import ConfiguredJudge
from calibtui.scoring.judge import FrameToScore
from calibtui.scoring.run import HANDFUL, ScoringOutcome, StoppedBy

ARRIVES_WITHIN_S = 60.0
"""A batch that is not in the provider's list so long after the last of it can have left never arrived."""
LONGEST_WAIT = 30
"""Times the first wait between two looks."""
MOST_SILENT = 10

TooDear = Callable[[Ledger, str | None, Sequence[Spent], int], CalibtuiError | None]
"""(ledger, node charged, what each question has cost, questions left) -> why to ask no more."""


async def score_in_batches(
    context: Context,
    judge: ConfiguredJudge,
    payer: Payer,
    ledger: Ledger,
    missing: Sequence[FrameToScore],
    commit: Commit,
    too_dear: TooDear,
) -> ScoringOutcome:
    """Scores `missing` through the provider's batch API, beginning with what an earlier run has handed in.

    Ends early when `context.stop` is set, on an exhausted budget, on what the provider refuses, and when too many
    frames have failed. Batches that are out then stay out, their worst case held, and the next run goes on with them.
    Raises SettingsError, and what the store or the ledger raises.
    """
    desk = Desk.opened(context, judge, ledger, payer, commit)
    try:
        return await _Run(desk, missing, too_dear).go()
    finally:
        await desk.close()


def note_batches_out(context: Context) -> None:
    """For a live run: what an earlier one has handed in is fetched by a batch run alone."""
    out = len(context.store.batches.open())
    if out:
        context.note(
            f'Batches handed in earlier are still out ({out}), their worst case held: mode = "batch" fetches them.'
        )


@dataclass(slots=True)
class _Run:
    """The state of one score_in_batches(). `full`: why the provider let nothing more wait when it was last asked to."""

    desk: Desk
    missing: Sequence[FrameToScore]
    too_dear: TooDear
    queue: deque[FrameToScore] = field(default_factory=deque)
    out: list[OpenBatch] = field(default_factory=list)
    scored: int = 0
    failed: int = 0
    calls: dict[str, list[CallRecord]] = field(default_factory=lambda: defaultdict(list))
    silent: int = 0
    pace: Pace = field(default_factory=Pace)
    full: str = ""

    async def go(self) -> ScoringOutcome:
        started = time.monotonic()
        error: CalibtuiError | None = None
        try:
            await self._resume()
            await self._all()
        except (BudgetExhaustedError, JudgeFailedError, InterruptedByUser, BatchUnavailableError) as stopped:
            error = stopped
        if error is None and self.failed == len(self.missing) > 0:
            error = self._too_many()
        return self._outcome(time.monotonic() - started, error)

    async def _resume(self) -> None:
        """Takes over what is out, its money included; what was never sent is undone."""
        store, others = self.desk.context.store.batches, 0
        asked: set[tuple[str, int]] = set()
        for row in await asyncio.to_thread(store.open):
            requests = await asyncio.to_thread(store.requests, row.id)
            if not self.desk.is_ours(row, requests):
                others += 1
                continue
            self.desk.holds |= await self.desk.ledger.adopt([request.custom_id for request in requests])
            api = self.desk.api(row.key_source)
            batch = OpenBatch(row, requests, api, api.dialect, row.remote_id)
            if row.state == "preparing":
                await self._undo(batch)
                continue
            self.out.append(batch)
            asked |= {(request.digest, request.pass_number) for request in requests}
        self.queue.extend(frame for frame in self.missing if (frame.digest, frame.pass_number) not in asked)
        if others:
            self.desk.context.note(
                f"Batches handed in earlier with another prompt, model, picture size or parameter are still out "
                f"({others}), their worst case held: they are fetched when those settings run again."
            )

    async def _all(self) -> None:
        wait = first = self.desk.judge.scoring.batch_poll_s
        while self.queue or self.out:
            refused = await self._hand_in()
            if refused is not None and not self.out:
                raise refused
            self._told()
            if not await self._look():
                self._told()
                await rest(self.desk.context.stop, wait)
                wait = min(wait * 2, first * LONGEST_WAIT)
                continue
            wait = first
            if self.failed > self._allowed():
                raise self._too_many()
            if self.queue and not self.out and not self.desk.context.confirmed:
                dear = self.too_dear(self.desk.ledger, self.desk.node, self._spent(), len(self.queue))
                if dear is not None:
                    raise dear

    async def _hand_in(self) -> BudgetExhaustedError | None:
        while self.queue:
            await self._go_on()
            room = self.pace.room(self._requests_out())
            if room == 0:
                return None
            done = await hand_in(self.desk, self.queue, room)
            self.failed += done.failed
            if done.full is not None:
                self._turned_down(done.tried, done.full)
                return None
            if done.batch is not None:
                self.out.append(done.batch)
                self.full = ""
                self._told()
            if done.refused is not None or (done.batch is None and not self.queue):
                return done.refused
        return None

    def _turned_down(self, requests: int, said: str) -> bool:
        """More waits at the provider than may. Whether fewer requests can be tried at once. Raises
        JudgeFailedError where it has let nothing in for longer than anything waits there."""
        fewer, self.full = self.pace.refused(requests, self._requests_out()), said
        if self.pace.hopeless:
            raise JudgeFailedError(
                f"{self.desk.provider} has let no request wait for more than a day: {said}",
                "See its limits on batches, or set mode = live.",
            )
        self.desk.context.note(
            f"{self.desk.provider} turned batches down because more waits there than may; what they asked was handed "
            "in again in smaller ones."
        )
        return fewer

    async def _look(self) -> bool:
        """Whether any batch came to its end."""
        ended = False
        for batch in list(self.out):
            await self._go_on()
            try:
                ended |= await self._look_at(batch)
                self.silent = 0
            except BatchUnavailableError as error:
                self.silent += 1
                if self.silent >= MOST_SILENT:
                    raise JudgeFailedError(error.message, error.hint) from error
        return ended

    async def _look_at(self, batch: OpenBatch) -> bool:
        if batch.remote_id is None and not await self._found(batch):
            return batch not in self.out
        assert batch.remote_id is not None
        status = await batch.api.poll(batch.remote_id)
        batch.answered = status.done
        if status.state is BatchState.WORKING:
            return False
        taken = Taken()
        try:
            await take_results(self.desk, batch, status, taken)
        except BatchUnavailableError:
            # The rest is fetched at the next look.
            raise
        except CalibtuiError:
            self.out.remove(batch)
            raise
        finally:
            self._enter(taken)
        self.out.remove(batch)
        if status.state is BatchState.FULL:
            return self._turned_down(len(batch.requests), status.message)
        self.pace.taken()
        return True

    async def _found(self, batch: OpenBatch) -> bool:
        """Looks for a batch that was sent, and whose id was lost with the answer or the process."""
        row = batch.row
        found = await batch.api.find(row.id, requests=len(batch.requests), since=row.written_at)
        if found.remote_id is not None:
            batch.remote_id = found.remote_id
            await asyncio.to_thread(self.desk.context.store.batches.submitted, row.id, found.remote_id)
            return True
        if found.certain and time.monotonic() > batch.left_by + ARRIVES_WITHIN_S:
            asked = {(frame.digest, frame.pass_number) for frame in self.missing}
            again = [r for r in batch.requests if (r.digest, r.pass_number) in asked]
            await self._undo(batch)
            self.queue.extend(self.desk.frame(request) for request in again)
            self.out.remove(batch)
        return False

    async def _undo(self, batch: OpenBatch) -> None:
        for request in batch.requests:
            hold = self.desk.holds.pop(request.custom_id, None)
            if hold is not None:
                self.desk.ledger.release(hold)
        await self.desk.ledger.durable()
        await asyncio.to_thread(self.desk.context.store.batches.forget, batch.row.id)

    def _enter(self, taken: Taken) -> None:
        self.scored += taken.scored
        self.failed += taken.failed
        asked = {(frame.digest, frame.pass_number) for frame in self.missing} if taken.again else set()
        self.queue.extend(frame for frame in taken.again if (frame.digest, frame.pass_number) in asked)
        for call in taken.calls:
            self.calls[call.digest].append(call)

    async def _go_on(self) -> None:
        """Waits while the run is paused: nothing is handed in then, and nothing fetched."""
        await while_paused(self.desk.context.stop)
        self._raise_if_stopped()

    def _requests_out(self) -> int:
        return sum(len(batch.requests) for batch in self.out)

    def _raise_if_stopped(self) -> None:
        if self.desk.context.stop:
            out = f"; {len(self.out)} batches stay handed in" if self.out else ""
            raise InterruptedByUser(
                f"Interrupted{out}; every score so far is kept.", "Run the same command again to resume."
            )

    def _told(self) -> None:
        done = self.scored + self.failed
        note = f"{self.failed} failed" if self.failed else ""
        if self.out:
            answered = sum(batch.answered for batch in self.out)
            asked = sum(len(batch.requests) for batch in self.out)
            note = f"{len(self.out)} batches at {self.desk.provider}, {answered:,} of {asked:,} answered"
        elif self.full:
            note = f"waiting until {self.desk.provider} takes more: {self.full}"
        self.desk.context.tell("score", done, len(self.missing), note)

    def _spent(self) -> list[Spent]:
        return [
            Spent(
                len(calls),
                sum(call.input_tokens for call in calls),
                sum(call.output_tokens for call in calls),
                sum(call.cost_micro_eur for call in calls),
            )
            for calls in self.calls.values()
        ]

    def _allowed(self) -> int:
        return max(HANDFUL, int(self.desk.judge.scoring.max_failed * len(self.desk.judge.questions)))

    def _too_many(self) -> JudgeFailedError:
        tried = self.scored + self.failed
        return JudgeFailedError(
            f"The judge failed for {self.failed} of {tried} frames, and {self._allowed()} may fail.",
            "See the failed frames' replies, then raise scoring.max_failed or change the prompt, model or max_tokens.",
        )

    def _outcome(self, seconds: float, error: CalibtuiError | None) -> ScoringOutcome:
        calls = [call for made in self.calls.values() for call in made]
        return ScoringOutcome(
            scored=self.scored,
            failed=self.failed,
            remaining=max(0, len(self.missing) - self.scored - self.failed),
            calls=len(calls),
            retries=max(0, len(calls) - len(self.calls)),
            seconds=seconds,
            spent_micro_eur=sum(call.cost_micro_eur for call in calls),
            stopped_by=_stopped_by(error),
            error=error,
        )


def _stopped_by(error: CalibtuiError | None) -> StoppedBy | None:
    if error is None:
        return None
    if isinstance(error, InterruptedByUser):
        return "interrupt"
    return "budget" if isinstance(error, BudgetExhaustedError) else "failures"
