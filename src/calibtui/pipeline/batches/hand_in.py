"""Handing questions in: written down, paid for in advance, then sent, in that order, so that no crash loses one.

A request is in the store before money is held for it, and its money is on disk before its batch may leave.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from calibtui.core.errors import BudgetExhaustedError, CalibtuiError, JudgeFailedError
from calibtui.core.scores import FailedScore
from calibtui.gateway.batch.contract import BatchApi, BatchFile, BatchUnavailableError, QueueFullError
from calibtui.gateway.money.ledger import Hold
from calibtui.pipeline.batches.desk import Desk, OpenBatch
from calibtui.pipeline.batches.waiting import rest, while_paused
from calibtui.pipeline.context import workers
from calibtui.scoring.judge import FrameToScore
from calibtui.store.batches import BatchRequestRow, BatchRow

CHUNK = 64
"""Pictures that are in memory together."""
TRIES = 3


@dataclass(slots=True)
class HandedIn:
    """`batch` None where nothing could be: no frame was left, no money, or the run was told to stop. `refused`: why a
    frame had to stay behind. `failed`: frames that can't be read. `full`: why the provider let none of the `tried`
    requests wait."""

    batch: OpenBatch | None = None
    refused: BudgetExhaustedError | None = None
    failed: int = 0
    full: str | None = None
    tried: int = 0


async def hand_in(desk: Desk, queue: deque[FrameToScore], most: int | None = None) -> HandedIn:
    """One batch of the frames at the head of `queue`, as large as the provider, the budget and the queue allow, and of
    at most `most` requests; frames that it has no room for stay in the queue. Waits while the run is paused.

    Raises what the provider's refusal means; the money is given back then, and the frames are in the queue again.
    """
    api = desk.api(desk.key_source)
    row = _row(desk)
    batch = OpenBatch(row, (), api, api.dialect, None)
    store = desk.context.store.batches
    await asyncio.to_thread(store.begin, row)
    file = BatchFile(api.shape, api.limits, desk.context.state)
    frames: dict[str, FrameToScore] = {}
    try:
        done = await _fill(desk, batch, file, queue, frames, most)
        await while_paused(desk.context.stop)
        if not frames or desk.context.stop:
            await _take_back(desk, batch, queue, frames)
            return done
        await asyncio.to_thread(store.submitting, row.id, time.time())
        batch.requests = await asyncio.to_thread(store.requests, row.id)
        try:
            batch.remote_id = await _submitted(desk, api, row.id, file)
        except QueueFullError as error:
            done.full, done.tried = error.message, len(frames)
            await _take_back(desk, batch, queue, frames)
            return done
        except CalibtuiError:
            await _take_back(desk, batch, queue, frames)
            raise
        batch.left_by = time.monotonic()
        if batch.remote_id is not None:
            await asyncio.to_thread(store.submitted, row.id, batch.remote_id)
        done.batch = batch
        return done
    finally:
        file.close()


def _row(desk: Desk) -> BatchRow:
    identity, upstream = desk.judge.questions.identity, desk.upstream
    return BatchRow(
        id=f"batch{uuid.uuid4().hex}",
        run=desk.context.run,
        provider=desk.provider,
        key_source=desk.key_source,
        prompt=identity.prompt,
        prompt_digest=identity.prompt_digest,
        model=identity.model,
        parameters_digest=identity.parameters_digest,
        input_micro_eur=upstream.price.input_micro_eur,
        output_micro_eur=upstream.price.output_micro_eur,
        worst_input_tokens=upstream.worst.input_tokens,
        worst_output_tokens=upstream.worst.output_tokens,
        state="preparing",
        remote_id=None,
        written_at=time.time(),
    )


async def _fill(
    desk: Desk,
    batch: OpenBatch,
    file: BatchFile,
    queue: deque[FrameToScore],
    frames: dict[str, FrameToScore],
    most: int | None,
) -> HandedIn:
    """Moves frames from the queue into the file, and names them in `frames` by their custom ids."""
    done = HandedIn()
    number = 0
    while queue and done.refused is None and not desk.context.stop:
        await while_paused(desk.context.stop)
        size = min(CHUNK, len(queue), CHUNK if most is None else most - len(frames))
        if size <= 0:
            return done
        chunk = [queue.popleft() for _ in range(size)]
        lines = await _lines(desk, batch, chunk, number)
        number += len(chunk)
        unreadable = [line for line in lines.values() if isinstance(line, FailedScore)]
        if unreadable:
            await asyncio.to_thread(desk.commit, list(unreadable))
            done.failed += len(unreadable)
        asked = dict(zip(lines, chunk, strict=True))
        sendable = {custom_id: line for custom_id, line in lines.items() if isinstance(line, bytes)}
        held, done.refused = await _held(desk, batch, {custom_id: asked[custom_id] for custom_id in sendable})
        left = [custom_id for custom_id in sendable if custom_id not in held]
        full = False
        for custom_id, hold in held.items():
            full = full or not file.takes(sendable[custom_id])
            if full:
                desk.ledger.release(hold)
                left.append(custom_id)
            else:
                file.add(sendable[custom_id])
                desk.holds[custom_id], frames[custom_id] = hold, asked[custom_id]
        if left:
            await asyncio.to_thread(desk.context.store.batches.remove, left)
            staying = set(left)
            queue.extendleft(frame for custom_id, frame in reversed(asked.items()) if custom_id in staying)
            return done
    return done


async def _lines(
    desk: Desk, batch: OpenBatch, chunk: Sequence[FrameToScore], number: int
) -> dict[str, bytes | FailedScore]:
    turn = asyncio.Semaphore(workers())

    def worded(custom_id: str, frame: FrameToScore) -> bytes | FailedScore:
        try:
            return batch.api.line(custom_id, desk.reader.prepare(frame))
        except CalibtuiError as error:
            return FailedScore(frame.uri, frame.digest, "unreadable_frame", error.message)

    async def made(custom_id: str, frame: FrameToScore) -> bytes | FailedScore:
        async with turn:
            return await asyncio.to_thread(worded, custom_id, frame)

    named = {f"{batch.row.id}-{number + place}": frame for place, frame in enumerate(chunk)}
    lines = await asyncio.gather(*(made(custom_id, frame) for custom_id, frame in named.items()))
    return dict(zip(named, lines, strict=True))


async def _held(
    desk: Desk, batch: OpenBatch, frames: dict[str, FrameToScore]
) -> tuple[dict[str, Hold], BudgetExhaustedError | None]:
    """The holds that could be had, in order, and why there are no more."""
    requests = [
        BatchRequestRow(
            custom_id,
            batch.row.id,
            frame.uri,
            frame.digest,
            desk.payloads[frame.digest],
            frame.pass_number,
        )
        for custom_id, frame in frames.items()
    ]
    if requests:
        await asyncio.to_thread(desk.context.store.batches.add, requests)
    worst, what = batch.price.cost(batch.worst.input_tokens, batch.worst.output_tokens), f"{desk.upstream.what}, batch"
    got = await asyncio.gather(
        *(desk.ledger.hold(desk.node, worst, custom_id, what=what, wait=False) for custom_id in frames),
        return_exceptions=True,
    )
    held = {custom_id: hold for custom_id, hold in zip(frames, got, strict=True) if isinstance(hold, Hold)}
    refused = None
    for error in got:
        if isinstance(error, BudgetExhaustedError):
            refused = refused or error
        elif isinstance(error, BaseException):
            raise error
    return held, refused


async def _take_back(desk: Desk, batch: OpenBatch, queue: deque[FrameToScore], frames: dict[str, FrameToScore]) -> None:
    """Nothing has left: money and frames are as before."""
    for custom_id in frames:
        desk.ledger.release(desk.holds.pop(custom_id))
    await desk.ledger.durable()
    await asyncio.to_thread(desk.context.store.batches.forget, batch.row.id)
    queue.extendleft(reversed(frames.values()))


async def _submitted(desk: Desk, api: BatchApi, batch_id: str, file: BatchFile) -> str | None:
    """Sends it, again where it provably never left. The provider's id; None where it may have arrived all the same,
    which a look at its list will tell."""
    wait = desk.judge.scoring.batch_poll_s
    for attempt in range(1, TRIES + 1):
        try:
            return await api.submit(batch_id, file)
        except QueueFullError:
            raise
        except BatchUnavailableError as error:
            if error.maybe_taken:
                return None
            if attempt == TRIES or desk.context.stop:
                raise JudgeFailedError(error.message, error.hint) from error
        await rest(desk.context.stop, min(wait * attempt, 30.0))
    return None
