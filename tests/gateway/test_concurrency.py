"""Requests at once grow while latency holds, halve when there are too many, and never pass the ceiling."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import web

from calibtui.gateway.client import Completion
from calibtui.gateway.concurrency import FIRST, AdaptiveLimiter, Concurrency


def after(state: Concurrency, latencies: list[float]) -> Concurrency:
    """With every slot in use at each reply."""
    for latency in latencies:
        state = state.answered(latency, state.slots)
    return state


def test_it_begins_low_and_doubles_each_round_up_to_the_ceiling() -> None:
    state = Concurrency.up_to(64)
    assert state.slots == FIRST
    assert after(state, [1.0] * FIRST).slots == 2 * FIRST
    assert after(state, [1.0] * 500).slots == 64


@pytest.mark.parametrize("ceiling", [1, 3, 16, 1024])
def test_the_ceiling_holds_whatever_happens(ceiling: int) -> None:
    state = after(Concurrency.up_to(ceiling), [0.1] * 3000)
    assert state.slots == ceiling
    assert after(state.throttled(1.0, 2.0), [0.1] * 3000).slots <= ceiling


def test_it_halves_once_for_all_requests_that_left_before() -> None:
    state = after(Concurrency.up_to(64), [1.0] * 100)
    halved = state.throttled(10.0, 11.0)
    assert halved.slots == 32
    assert halved.throttled(10.5, 11.5) == halved
    assert halved.throttled(11.2, 12.0).slots == 16


def test_it_never_falls_below_one() -> None:
    state = Concurrency.up_to(64)
    for now in range(20):
        state = state.throttled(now + 0.5, now + 0.6)
    assert state.slots == 1


def test_after_a_halving_it_grows_by_one_a_round() -> None:
    state = after(Concurrency.up_to(64), [1.0] * 100).throttled(1.0, 2.0)
    assert after(state, [1.0] * 32).slots == 32
    assert after(state, [1.0] * 33).slots == 33


def test_it_stays_while_latency_is_far_above_its_best_and_goes_on_when_it_holds_again() -> None:
    state = after(Concurrency.up_to(64), [1.0] * 4)
    slowed = after(state, [20.0] * 50)
    assert slowed.slots <= state.slots + 1
    assert after(slowed, [1.0] * 3000).slots == 64


def test_milliseconds_more_are_noise() -> None:
    assert after(Concurrency.up_to(64), [0.001] * 5 + [0.05] * 200).slots == 64


def test_a_limit_that_is_not_reached_does_not_grow() -> None:
    state = Concurrency.up_to(64)
    for _ in range(100):
        state = state.answered(1.0, 2)
    assert state.slots == FIRST


async def test_no_more_than_the_limit_are_in_at_once_and_all_get_their_turn() -> None:
    limiter, most, done = AdaptiveLimiter(4), 0, 0

    async def one() -> None:
        nonlocal most, done
        async with limiter:
            most = max(most, limiter.in_use)
            await asyncio.sleep(0)
        done += 1

    await asyncio.gather(*(one() for _ in range(50)))
    assert (most, done, limiter.in_use) == (4, 50, 0)


async def test_a_cancelled_wait_leaves_no_slot_taken() -> None:
    limiter = AdaptiveLimiter(1)
    entered = asyncio.Event()

    async def one() -> None:
        async with limiter:
            entered.set()
            await asyncio.sleep(0)

    async with limiter:
        waiting = [asyncio.create_task(one()) for _ in range(3)]
        await asyncio.sleep(0)
        waiting[0].cancel()
    waiting[1].cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert entered.is_set()
    assert limiter.in_use == 0


async def test_a_gateway_never_sends_more_at_once_than_it_may(scripted: Any, calling: Callable[..., Any]) -> None:
    now = most = 0

    async def counting(request: web.Request, body: Any) -> web.Response:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.01)
        now -= 1
        choice = {"message": {"content": "{}"}}
        return web.json_response({"choices": [choice], "usage": {"prompt_tokens": 9, "completion_tokens": 1}})

    scripted.answers = [counting]
    caller = calling(scripted.url, concurrency=3)
    answers = await asyncio.gather(*(caller.complete() for _ in range(20)))
    assert all(isinstance(answer, Completion) for answer in answers)
    assert most == 3


async def test_a_gateway_that_is_told_too_many_sends_half_as_many(scripted: Any, calling: Callable[..., Any]) -> None:
    now, most = 0, {"before": 0, "after": 0}
    crowd = asyncio.Event()

    async def counting(request: web.Request, body: Any) -> web.Response:
        nonlocal now
        phase = "after" if crowd.is_set() else "before"
        now += 1
        most[phase] = max(most[phase], now)
        if now == FIRST:
            crowd.set()
        await crowd.wait()
        await asyncio.sleep(0.01)
        now -= 1
        if phase == "before":
            return web.json_response({"error": {"message": "slow down"}}, status=429)
        usage = {"prompt_tokens": 9, "completion_tokens": 1}
        return web.json_response({"choices": [{"message": {"content": "{}"}}], "usage": usage})

    scripted.answers = [counting]
    caller = calling(scripted.url, concurrency=64)
    answers = await asyncio.gather(*(caller.complete() for _ in range(40)))
    assert all(isinstance(answer, Completion) for answer in answers)
    assert most["before"] == FIRST
    # Half of them, and one more for each round since.
    assert most["after"] <= FIRST // 2 + 5
