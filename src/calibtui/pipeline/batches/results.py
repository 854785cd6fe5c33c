"""What came of a batch: every request's score or failure is stored, then its money is settled, then it is forgotten.

In that order, so that a crash at any point repeats a step that changes nothing the second time.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from itertools import islice

from calibtui.core.errors import JudgeFailedError
from calibtui.core.scores import CallRecord, FailedScore, Score, Usage
from calibtui.gateway.batch.contract import BatchAnswer, BatchFailure, BatchState, BatchStatus
from calibtui.gateway.dialects.dialect import ParsedReply
from calibtui.gateway.errors import ErrorClass
from calibtui.pipeline.batches.desk import Desk, OpenBatch
from calibtui.scoring.judge import FrameToScore, Record
from calibtui.store.batches import BatchRequestRow

CHUNK = 256
WHY = "the results of its batch"


@dataclass(slots=True)
class Taken:
    """`calls` of this run; `again`: frames to be asked once more, since only the wording of the request was refused, or
    their batch as a whole because of what else waits there."""

    scored: int = 0
    failed: int = 0
    calls: list[CallRecord] = field(default_factory=list)
    again: list[FrameToScore] = field(default_factory=list)


async def take_results(desk: Desk, batch: OpenBatch, status: BatchStatus, taken: Taken) -> None:
    """Of a batch that is no longer worked on, into `taken`, whatever it ends with.

    Raises JudgeFailedError for one that was refused as a whole, when its money has been given back, and
    BatchUnavailableError where the results can't be fetched now.
    """
    left = {request.custom_id: request for request in batch.requests}
    if status.state in (BatchState.REFUSED, BatchState.FULL):
        await _given_back(desk, batch)
        if status.state is BatchState.FULL:
            taken.again += [desk.frame(request) for request in left.values() if desk.is_asked(request)]
            return
        message = f"{desk.provider} refused a batch of {len(left):,} requests: {status.message or 'without a reason'}."
        raise JudgeFailedError(
            message, "Nothing was charged. See the provider's limits on batches, or set mode = live."
        )
    if status.state is BatchState.ENDED and batch.remote_id is not None:
        chunk: list[tuple[BatchRequestRow, BatchAnswer]] = []
        async for answer in batch.api.results(batch.remote_id):
            request = left.pop(answer.custom_id, None)
            if request is not None:
                chunk.append((request, answer))
            if len(chunk) >= CHUNK:
                await _enter(desk, batch, chunk, taken)
                chunk = []
        await _enter(desk, batch, chunk, taken)
    unanswered = iter([(request, BatchAnswer(request.custom_id, status.unanswered)) for request in left.values()])
    while rest := list(islice(unanswered, CHUNK)):
        await _enter(desk, batch, rest, taken)
    await asyncio.to_thread(desk.context.store.batches.ended, batch.row.id, time.time())


async def _given_back(desk: Desk, batch: OpenBatch) -> None:
    """The money of every request, of a batch that was turned down as a whole."""
    calls = [request.custom_id for request in batch.requests]
    await _settled(desk, dict.fromkeys(calls, 0), measured=set(calls))
    await asyncio.to_thread(desk.context.store.batches.remove, calls)
    await asyncio.to_thread(desk.context.store.batches.ended, batch.row.id, time.time())


async def _enter(desk: Desk, batch: OpenBatch, chunk: list[tuple[BatchRequestRow, BatchAnswer]], taken: Taken) -> None:
    if not chunk:
        return
    records: list[Record] = []
    calls = []
    for request, answer in chunk:
        call, verdict = _read(desk, batch, request, answer, taken)
        calls.append(call)
        records += [call] if verdict is None else [call, verdict]
        taken.scored += isinstance(verdict, Score)
        taken.failed += isinstance(verdict, FailedScore)
    await asyncio.to_thread(desk.commit, records)
    measured = {call.call_id for call in calls if call.measured}
    await _settled(desk, {call.call_id: call.cost_micro_eur for call in calls}, measured=measured)
    entered = [request.custom_id for request, _ in chunk]
    await asyncio.to_thread(desk.context.store.batches.remove, entered)
    # What is entered is asked for no more, should fetching the rest fail here.
    gone = set(entered)
    batch.requests = [request for request in batch.requests if request.custom_id not in gone]
    taken.calls += calls


def _read(
    desk: Desk, batch: OpenBatch, request: BatchRequestRow, answer: BatchAnswer, taken: Taken
) -> tuple[CallRecord, Score | FailedScore | None]:
    """The call, and its verdict where the frame is still one of those that are judged."""
    outcome = answer.outcome
    known = desk.is_asked(request)
    if isinstance(outcome, ParsedReply):
        return _completed(desk, batch, request, outcome, known=known)
    usage = batch.worst if outcome.charged else Usage(0, 0)
    call = desk.call(batch, request, outcome.kind, usage)
    if _rewords(batch, outcome):
        if known:
            taken.again.append(desk.frame(request))
        return call, None
    said = desk.redact(outcome.message) or outcome.kind
    return call, FailedScore(request.frame_uri, request.digest, outcome.kind, said) if known else None


def _completed(
    desk: Desk, batch: OpenBatch, request: BatchRequestRow, reply: ParsedReply, *, known: bool
) -> tuple[CallRecord, Score | FailedScore | None]:
    completion = desk.completion(batch, reply)
    answered, completion_id = completion.answered_model, completion.completion_id
    call = desk.call(batch, request, "ok", completion.usage, answered=answered, completion_id=completion_id)
    return call, desk.verdict(request, completion) if known else None


def _rewords(batch: OpenBatch, failure: BatchFailure) -> bool:
    """Whether later requests differ from this one, whose wording the endpoint has refused. Learned once a batch: its
    other requests were refused for the same words."""
    trouble = failure.trouble
    if trouble is None or trouble.kind is not ErrorClass.BAD_REQUEST:
        return False
    if batch.api.dialect == batch.dialect:
        learned = batch.dialect.learned(trouble.param, trouble.message)
        if learned is not None:
            batch.api.dialect = learned
    return batch.api.dialect != batch.dialect


async def _settled(desk: Desk, costs: dict[str, int], *, measured: set[str]) -> None:
    """Durable when it returns. A call that somebody settled by hand meanwhile gets its true cost, audited."""
    by_hand: dict[str, int] = {}
    for call_id, cost in costs.items():
        hold = desk.holds.pop(call_id, None)
        if hold is None:
            by_hand[call_id] = cost
        else:
            desk.ledger.settle(hold, cost, measured=call_id in measured)
    if by_hand:
        await desk.ledger.reconcile(by_hand, who="calibtui", why=WHY)
    await desk.ledger.durable()
