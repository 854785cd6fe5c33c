"""While a provider is down or over its limits another one answers, at its own price, and every score says which."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web

from calibtui.core.errors import BudgetExhaustedError, JudgeFailedError
from calibtui.core.money import Price
from calibtui.gateway.client import CallFailure, Completion, RetryPolicy
from calibtui.gateway.upstream import FIRST_REST_S, PROBE_S, Upstream

Calling = Callable[..., Any]
Scripted = Any  # the servers of conftest.py
HASTY = RetryPolicy(first_wait_s=0.005, longest_wait_s=0.02, unreachable_after=2)
MESSAGE = {
    "type": "message",
    "id": "msg_1",
    "model": "claude-2026",
    "content": [{"type": "text", "text": "{}"}],
    "stop_reason": "end_turn",
    "usage": {"input_tokens": 500, "output_tokens": 10},
}


def error(status: int, kind: str = "server_error", **headers: str) -> Any:
    body = {"error": {"message": "no", "type": kind, "param": None, "code": None}}
    return lambda request, _: web.json_response(body, status=status, headers=headers)


def fallback(targeting: Callable[..., Any], url: str) -> Any:
    target = targeting(url, {"OTHER_KEY": "another-key-value"}, "claude", name="other", api="anthropic")
    return replace(target, price=Price(3_000_000, 4_000_000))


@pytest.mark.parametrize("trouble", [error(500), error(429, "rate_limit_error", **{"Retry-After": "3000"})])
async def test_another_provider_answers_in_its_own_api_at_its_own_price(
    scripted: Scripted, another: Scripted, calling: Calling, targeting: Callable[..., Any], trouble: Any
) -> None:
    scripted.answers, another.answers = [trouble], [MESSAGE]
    caller = calling(scripted.url, fallbacks=[fallback(targeting, another.url)])
    answer = await caller.complete(deadline_s=1.0)
    assert isinstance(answer, Completion)
    assert (answer.provider, answer.answered_model) == ("other", "claude-2026")
    assert answer.cost_micro_eur == 500 * 3 + 10 * 4
    assert another.headers[0]["x-api-key"] == "another-key-value"
    assert another.bodies[0]["model"] == "claude"
    told = [(call.provider, call.requested_model, call.status, call.cost_micro_eur > 0) for call in caller.calls]
    assert told[-1] == ("other", "claude", "ok", True)
    assert told[0][0] == "acme"
    assert sum(call.attempts for call in caller.calls) == len(scripted.bodies) + len(another.bodies)


async def test_a_provider_that_is_not_there_is_left_alone_for_a_while(
    another: Scripted, calling: Calling, targeting: Callable[..., Any]
) -> None:
    another.answers = [MESSAGE]
    caller = calling("http://127.0.0.1:1/v1", retry=HASTY, fallbacks=[fallback(targeting, another.url)])
    answers = [await caller.complete() for _ in range(3)]
    assert all(isinstance(answer, Completion) and answer.provider == "other" for answer in answers)


async def test_while_one_rests_frames_go_straight_to_the_other(
    scripted: Scripted, another: Scripted, calling: Calling, targeting: Callable[..., Any]
) -> None:
    scripted.answers, another.answers = [error(429, "rate_limit_error", **{"Retry-After": "3000"})], [MESSAGE]
    caller = calling(scripted.url, fallbacks=[fallback(targeting, another.url)])
    for _ in range(5):
        assert isinstance(await caller.complete(), Completion)
    assert (len(scripted.bodies), len(another.bodies)) == (1, 5)


async def test_the_fallback_is_left_time_to_answer(
    scripted: Scripted, another: Scripted, calling: Calling, targeting: Callable[..., Any]
) -> None:
    async def slow(request: web.Request, _: Any) -> Any:
        await asyncio.sleep(0.3)
        return MESSAGE

    scripted.answers, another.answers = [error(500)], [slow]
    caller = calling(scripted.url, fallbacks=[fallback(targeting, another.url)])
    assert isinstance(await caller.complete(deadline_s=2.0), Completion)


async def test_a_provider_that_failed_a_frame_is_not_asked_for_the_next_ones(
    scripted: Scripted, another: Scripted, calling: Calling, targeting: Callable[..., Any]
) -> None:
    scripted.answers, another.answers = [error(500)], [MESSAGE]
    caller = calling(scripted.url, fallbacks=[fallback(targeting, another.url)])
    assert isinstance(await caller.complete(deadline_s=0.4), Completion)
    asked = len(scripted.bodies)
    for _ in range(4):
        assert isinstance(await caller.complete(deadline_s=0.4), Completion)
    assert len(scripted.bodies) == asked


async def test_both_down_fails_the_frame_and_the_run_goes_on(
    scripted: Scripted, another: Scripted, calling: Calling, targeting: Callable[..., Any]
) -> None:
    scripted.answers, another.answers = [error(500)], [error(503)]
    caller = calling(scripted.url, fallbacks=[fallback(targeting, another.url)])
    assert isinstance(await caller.complete(deadline_s=0.2), CallFailure)
    assert isinstance(await caller.complete(deadline_s=0.2), CallFailure)
    assert scripted.bodies
    assert another.bodies


async def test_nobody_there_at_all_ends_the_run(calling: Calling, targeting: Callable[..., Any]) -> None:
    caller = calling("http://127.0.0.1:1/v1", retry=HASTY, fallbacks=[fallback(targeting, "http://127.0.0.1:1/v1")])
    with pytest.raises(JudgeFailedError, match="other can't be reached"):
        await caller.complete()


@pytest.mark.parametrize(
    ("trouble", "raised"), [(error(401), JudgeFailedError), (error(402, "budget_exceeded"), BudgetExhaustedError)]
)
async def test_what_somebody_must_fix_is_not_papered_over(
    scripted: Scripted,
    another: Scripted,
    calling: Calling,
    targeting: Callable[..., Any],
    trouble: Any,
    raised: type[Exception],
) -> None:
    scripted.answers, another.answers = [trouble], [MESSAGE]
    caller = calling(scripted.url, fallbacks=[fallback(targeting, another.url)])
    with pytest.raises(raised):
        await caller.complete()
    assert another.bodies == []


async def test_a_frame_that_is_refused_is_not_sent_elsewhere(
    scripted: Scripted, another: Scripted, calling: Calling, targeting: Callable[..., Any]
) -> None:
    scripted.answers, another.answers = [error(400, "invalid_request_error")], [MESSAGE]
    caller = calling(scripted.url, fallbacks=[fallback(targeting, another.url)])
    assert isinstance(await caller.complete(), CallFailure)
    assert another.bodies == []


async def test_the_secrets_of_every_provider_are_masked(
    scripted: Scripted, another: Scripted, calling: Calling, targeting: Callable[..., Any]
) -> None:
    caller = calling(scripted.url, fallbacks=[fallback(targeting, another.url)])
    assert "another-key-value" not in caller.gateway.redact("it was another-key-value")


def test_rests_grow_once_a_trouble_and_one_frame_probes_when_they_end(
    targeting: Callable[..., Any],
) -> None:
    upstream = Upstream(targeting("http://h/v1"), max_px=768, concurrency=4, rng=random.Random(0))
    upstream.rest(began=0.0, now=100.0)
    upstream.rest(began=50.0, now=101.0)
    assert upstream.rests(100.0 + FIRST_REST_S - 0.1)
    assert not upstream.rests(100.0 + FIRST_REST_S)
    assert upstream.rests(100.0 + FIRST_REST_S)
    assert not upstream.rests(100.0 + FIRST_REST_S + PROBE_S)
    upstream.works()
    assert not upstream.rests(100.0)
