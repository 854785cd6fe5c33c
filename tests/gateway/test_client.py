"""One completion within its deadline, whatever the other side does; every request that may cost is told of."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import web

from calibtui.core.errors import BudgetExhaustedError, CalibtuiError, JudgeFailedError
from calibtui.gateway.client import CallFailure, Completion, RetryPolicy
from calibtui.gateway.errors import ErrorClass

Calling = Callable[..., Any]
Scripted = Any  # the server of conftest.py
CANARY = "sk-canary-7Qd9xP2mZt4LwR8uYb3N"


def completion(**more: Any) -> dict[str, Any]:
    """A chat completion as OpenAI sends it; `more` replaces its top-level fields."""
    choice = {"index": 0, "message": {"role": "assistant", "content": "{}"}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 900, "completion_tokens": 20, "total_tokens": 920}
    return {"id": "chatcmpl-1", "model": "judge-2026", "choices": [choice], "usage": usage, **more}


def error(status: int, kind: str = "server_error", message: str = "no", headers: dict[str, str] | None = None) -> Any:
    body = {"error": {"message": message, "type": kind, "param": None, "code": None}}
    return lambda request, _: web.json_response(body, status=status, headers=headers)


def hang_up(request: web.Request, _: Any) -> web.Response:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def hang(request: web.Request, _: Any) -> web.Response:
    await asyncio.sleep(60)
    return web.Response()


def raw(text: str, status: int = 200) -> Any:
    return lambda request, _: web.Response(text=text, status=status, content_type="text/html")


async def test_a_completion_brings_text_model_usage_and_its_price(scripted: Scripted, calling: Calling) -> None:
    caller = calling(scripted.url)
    answer = await caller.complete()
    assert isinstance(answer, Completion)
    assert (answer.answered_model, answer.completion_id) == ("judge-2026", "chatcmpl-1")
    assert answer.usage.measured
    assert answer.cost_micro_eur == 900 + 2 * 20


async def test_a_call_is_told_of_with_what_it_cost_and_who_answered(scripted: Scripted, calling: Calling) -> None:
    caller = calling(scripted.url)
    await caller.complete()
    (call,) = caller.calls
    assert (call.status, call.attempts, call.digest, call.provider) == ("ok", 1, "d" * 64, "acme")
    assert (call.requested_model, call.answered_model, call.completion_id) == ("judge", "judge-2026", "chatcmpl-1")
    assert (call.input_tokens, call.output_tokens, call.measured, call.cost_micro_eur) == (900, 20, True, 940)


async def test_absent_usage_is_charged_at_the_worst_case_and_said(scripted: Scripted, calling: Calling) -> None:
    scripted.answers = [completion(usage=None)]
    caller = calling(scripted.url)
    answer = await caller.complete()
    assert isinstance(answer, Completion)
    assert not answer.usage.measured
    assert not caller.calls[0].measured
    assert caller.calls[0].output_tokens == 120
    assert caller.calls[0].cost_micro_eur == answer.cost_micro_eur > 940


async def test_key_and_headers_from_the_environment_reach_the_endpoint(scripted: Scripted, calling: Calling) -> None:
    caller = calling(scripted.url, headers={"x-bf-vk": "env:HEADER_KEY", "x-plain": "yes"})
    await caller.complete()
    sent = scripted.headers[0]
    assert sent["Authorization"] == f"Bearer {CANARY}"
    assert sent["x-bf-vk"] == f"hdr-{CANARY}"
    assert sent["x-plain"] == "yes"


async def test_an_endpoint_without_keys_is_sent_none(scripted: Scripted, calling: Calling) -> None:
    await calling(scripted.url, keys={}).complete()
    assert "Authorization" not in scripted.headers[0]


async def test_keys_are_used_in_proportion_to_their_weights(scripted: Scripted, calling: Calling) -> None:
    caller = calling(scripted.url, keys={"KEY_A": "value-of-key-a", "KEY_B": "value-of-key-b"})
    for _ in range(40):
        await caller.complete()
    used = Counter(headers["Authorization"] for headers in scripted.headers)
    assert set(used) == {"Bearer value-of-key-a", "Bearer value-of-key-b"}
    assert min(used.values()) >= 8


@pytest.mark.parametrize(
    "trouble",
    [error(500), error(503), error(429, "rate_limit_error"), raw("<html>Bad Gateway</html>", 502), hang_up, raw("{")],
    ids=["500", "503", "429", "HTML 502", "hung up", "cut JSON"],
)
async def test_passing_trouble_is_tried_again(scripted: Scripted, calling: Calling, trouble: Any) -> None:
    scripted.answers = [trouble, completion()]
    caller = calling(scripted.url)
    assert isinstance(await caller.complete(), Completion)
    assert sum(call.attempts for call in caller.calls) == 2


async def test_an_error_answer_costs_nothing_and_counts_as_traffic(scripted: Scripted, calling: Calling) -> None:
    scripted.answers = [error(500), error(503), completion()]
    caller = calling(scripted.url)
    await caller.complete()
    assert [(call.status, call.attempts, call.cost_micro_eur) for call in caller.calls] == [("ok", 3, 940)]


async def test_a_request_that_got_lost_is_charged_at_its_worst_case(scripted: Scripted, calling: Calling) -> None:
    scripted.answers = [hang_up, completion()]
    caller = calling(scripted.url)
    await caller.complete()
    lost, answered = caller.calls
    assert (lost.status, lost.measured, lost.output_tokens) == ("upstream", False, 120)
    assert lost.cost_micro_eur > answered.cost_micro_eur == 940


@pytest.mark.parametrize("status", [408, 504, 524])
async def test_a_request_that_somebody_between_gave_up_on_is_charged_at_its_worst_case(
    scripted: Scripted, calling: Calling, status: int
) -> None:
    scripted.answers = [error(status), completion()]
    caller = calling(scripted.url)
    assert isinstance(await caller.complete(), Completion)
    assert [(call.status, call.measured) for call in caller.calls] == [("upstream", False), ("ok", True)]


async def test_a_server_that_closes_every_connection_loses_a_bounded_number_of_requests(
    scripted: Scripted, calling: Calling
) -> None:
    scripted.answers = [hang_up]
    caller = calling(scripted.url)
    answer = await caller.complete()
    assert isinstance(answer, CallFailure)
    assert answer.kind is ErrorClass.UPSTREAM
    assert len(scripted.bodies) == RetryPolicy().most_lost


async def test_a_hanging_server_ends_with_the_deadline_and_its_worst_case(scripted: Scripted, calling: Calling) -> None:
    scripted.answers = [hang]
    caller = calling(scripted.url)
    answer = await caller.complete(deadline_s=0.4)
    assert isinstance(answer, CallFailure)
    assert caller.calls
    assert all(not call.measured and call.cost_micro_eur > 0 for call in caller.calls)


async def test_one_hung_request_leaves_time_for_another(scripted: Scripted, calling: Calling) -> None:
    scripted.answers = [hang, completion()]
    assert isinstance(await calling(scripted.url).complete(deadline_s=2.0), Completion)


async def test_retry_after_is_waited_for(scripted: Scripted, calling: Calling) -> None:
    times: list[float] = []

    def limited(request: web.Request, _: Any) -> web.Response:
        times.append(asyncio.get_running_loop().time())
        return web.json_response({"error": {"message": "slow"}}, status=429, headers={"Retry-After": "0.3"})

    def then(request: web.Request, _: Any) -> Any:
        times.append(asyncio.get_running_loop().time())
        return completion()

    scripted.answers = [limited, then]
    assert isinstance(await calling(scripted.url).complete(), Completion)
    assert times[1] - times[0] >= 0.3


async def test_a_key_told_to_wait_rests_while_another_works(scripted: Scripted, calling: Calling) -> None:
    def by_key(request: web.Request, _: Any) -> Any:
        if request.headers["Authorization"].endswith("-a"):
            return web.json_response({"error": {"message": "slow"}}, status=429, headers={"Retry-After": "3000"})
        return completion()

    scripted.answers = [by_key]
    caller = calling(scripted.url, keys={"KEY_A": "value-of-key-a", "KEY_B": "value-of-key-b"})
    answers = [await caller.complete() for _ in range(12)]
    assert all(isinstance(answer, Completion) for answer in answers)
    assert sum(headers["Authorization"].endswith("-a") for headers in scripted.headers) == 1


async def test_a_frame_out_of_time_was_not_told_to_wait(scripted: Scripted, calling: Calling) -> None:
    scripted.answers = [error(500, message="out of memory")]
    caller = calling(scripted.url, retry=RetryPolicy(first_wait_s=0.001, longest_wait_s=0.001))
    answers = [await caller.complete(deadline_s=0.02) for _ in range(20)]
    assert {answer.kind for answer in answers} == {ErrorClass.UPSTREAM}


async def test_a_key_that_fails_is_used_less(scripted: Scripted, calling: Calling) -> None:
    def by_key(request: web.Request, _: Any) -> Any:
        bad = request.headers["Authorization"].endswith("-a")
        return web.json_response({"error": {"message": "no"}}, status=500) if bad else completion()

    scripted.answers = [by_key]
    caller = calling(scripted.url, keys={"KEY_A": "value-of-key-a", "KEY_B": "value-of-key-b"})
    for _ in range(60):
        assert isinstance(await caller.complete(), Completion)
    assert 1 <= sum(headers["Authorization"].endswith("-a") for headers in scripted.headers) <= 20


async def test_a_wait_past_the_deadline_fails_the_frame_at_once_and_sends_nothing_more(
    scripted: Scripted, calling: Calling
) -> None:
    scripted.answers = [error(429, "rate_limit_error", headers={"Retry-After": "3000"})]
    caller = calling(scripted.url)
    answers = [await caller.complete(), await caller.complete()]
    assert all(isinstance(answer, CallFailure) and answer.kind is ErrorClass.RATE_LIMIT for answer in answers)
    assert len(scripted.bodies) == 1


BUDGET_BODIES = [
    (402, {"type": "budget_exceeded", "error": {"message": "budget exceeded: 105.5 >= 100.0 dollars"}}),
    (422, {"error": {"message": "Budget has been exceeded!", "type": "budget_exceeded", "code": "422"}}),
    (429, {"error": {"message": "No deployments available - crossed budget", "type": "internal_server_error"}}),
    (412, {"message": "budget"}),
]


@pytest.mark.parametrize(("status", "body"), BUDGET_BODIES)
async def test_an_exhausted_budget_stops_after_exactly_one_answer(
    scripted: Scripted, calling: Calling, status: int, body: Any
) -> None:
    scripted.answers = [lambda request, _: web.json_response(body, status=status)]
    caller = calling(scripted.url)
    with pytest.raises(BudgetExhaustedError, match="acme") as caught:
        await caller.complete()
    with pytest.raises(BudgetExhaustedError):
        await caller.complete()
    assert len(scripted.bodies) == 1
    assert caught.value.exit_code == 3
    assert [(call.status, call.cost_micro_eur) for call in caller.calls] == [("budget", 0)]


async def test_an_exhausted_budget_ends_the_waits_of_others(scripted: Scripted, calling: Calling) -> None:
    scripted.answers = [error(500), error(402, "budget_exceeded")]
    caller = calling(scripted.url, retry=RetryPolicy(first_wait_s=600.0, longest_wait_s=600.0))
    waiting = asyncio.create_task(caller.complete(deadline_s=3600))
    await scripted.arrived.wait()
    with pytest.raises(BudgetExhaustedError):
        await caller.complete()
    with pytest.raises(BudgetExhaustedError):
        await asyncio.wait_for(waiting, 10)
    assert len(scripted.bodies) == 2


async def test_a_rejected_key_is_named_by_its_variable(scripted: Scripted, calling: Calling) -> None:
    scripted.answers = [error(401, "authentication_error", f"Incorrect API key provided: {CANARY}")]
    with pytest.raises(JudgeFailedError) as caught:
        await calling(scripted.url).complete()
    assert "acme" in str(caught.value)
    assert "CANARY_KEY" in str(caught.value)
    assert caught.value.hint
    assert len(scripted.bodies) == 1


async def test_an_unknown_model_is_named_with_where_to_look(scripted: Scripted, calling: Calling) -> None:
    scripted.answers = [error(404, "invalid_request_error", "The model `judge` does not exist")]
    with pytest.raises(JudgeFailedError, match="judge") as caught:
        await calling(scripted.url).complete()
    assert "base_url" in caught.value.hint


async def test_an_endpoint_that_is_not_there_ends_the_run_and_was_sent_nothing(calling: Calling) -> None:
    caller = calling("http://127.0.0.1:1/v1")
    with pytest.raises(JudgeFailedError, match="can't be reached") as caught:
        await caller.complete()
    assert "base_url" in caught.value.hint
    assert "Connection refused" in str(caught.value)
    assert caller.calls == []


async def test_a_bad_request_fails_its_frame_without_another_try(scripted: Scripted, calling: Calling) -> None:
    scripted.answers = [error(400, "invalid_request_error", "image too strange")]
    answer = await calling(scripted.url).complete()
    assert answer == CallFailure(ErrorClass.BAD_REQUEST, "image too strange")
    assert len(scripted.bodies) == 1


async def test_response_format_is_left_out_for_good_once_it_is_refused(scripted: Scripted, calling: Calling) -> None:
    def picky(request: web.Request, body: dict[str, Any]) -> Any:
        if "response_format" in body:
            return web.json_response({"error": {"message": "response_format is unknown"}}, status=400)
        return completion()

    scripted.answers = [picky]
    caller = calling(scripted.url)
    assert isinstance(await caller.complete(), Completion)
    assert isinstance(await caller.complete(), Completion)
    assert ["response_format" in body for body in scripted.bodies] == [True, False, False]


async def test_every_call_in_flight_survives_the_refusal_of_a_parameter(scripted: Scripted, calling: Calling) -> None:
    async def picky(request: web.Request, body: dict[str, Any]) -> Any:
        await asyncio.sleep(0.02)
        if "max_tokens" in body:
            message = "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."
            return web.json_response({"error": {"message": message, "param": "max_tokens"}}, status=400)
        return completion()

    scripted.answers = [picky]
    caller = calling(scripted.url)
    answers = await asyncio.gather(*(caller.complete() for _ in range(6)))
    assert all(isinstance(answer, Completion) for answer in answers)
    assert scripted.bodies[-1]["max_completion_tokens"] == 120


async def test_an_endpoint_that_goes_on_refusing_the_same_parameter_fails_the_frame(
    scripted: Scripted, calling: Calling
) -> None:
    scripted.answers = [error(400, "invalid_request_error", "response_format, temperature: all wrong")]
    answer = await calling(scripted.url).complete()
    assert isinstance(answer, CallFailure)
    assert len(scripted.bodies) <= 4


async def test_a_cancelled_call_that_may_have_left_is_told_of_at_its_worst_case(
    scripted: Scripted, calling: Calling
) -> None:
    scripted.answers = [hang]
    caller = calling(scripted.url)
    task = asyncio.create_task(caller.complete())
    await scripted.arrived.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [(call.status, call.measured) for call in caller.calls] == [("cancelled", False)]


ECHO = f"key {CANARY} of header hdr-{CANARY}, also {CANARY[:16]}… and Bearer {CANARY}"


@pytest.mark.parametrize(
    "trouble",
    [
        error(401, "authentication_error", ECHO),
        error(404, "model_not_found", ECHO),
        error(402, "budget_exceeded", ECHO),
        error(400, "invalid_request_error", ECHO),
        raw(f"<html>{ECHO}</html>", 403),
        raw(ECHO, 200),
        error(429, "rate_limit_error", ECHO, {"Retry-After": "3000"}),
    ],
)
async def test_an_echoed_key_shows_nowhere(
    scripted: Scripted, calling: Calling, trouble: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    scripted.answers = [trouble]
    caller = calling(scripted.url, headers={"x-bf-vk": "env:HEADER_KEY"})
    try:
        shown = repr(await caller.complete())
    except CalibtuiError as stopped:
        shown = str(stopped) + repr(stopped) + "".join(traceback.format_exception(stopped))
    assert "canary" not in shown
    assert "canary" not in repr(caller.gateway) + repr(caller.calls) + caplog.text


async def test_a_key_echoed_as_an_identifier_shows_nowhere(scripted: Scripted, calling: Calling) -> None:
    scripted.answers = [completion(id=CANARY, model=f"m-{CANARY}", system_fingerprint=CANARY)]
    caller = calling(scripted.url)
    answer = await caller.complete()
    assert isinstance(answer, Completion)
    assert "canary" not in f"{answer!r} {caller.calls!r}"
