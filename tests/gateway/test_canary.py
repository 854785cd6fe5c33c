"""Three small calls a key before anything else: a stored answer among them refuses the run, and says why."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import web

from calibtui.core.errors import BudgetExhaustedError, ConfigurationError, JudgeFailedError
from calibtui.core.money import Price
from calibtui.core.scores import CallRecord
from calibtui.gateway.client import Gateway, RetryPolicy
from calibtui.gateway.dialects.dialect import ChatRequest
from calibtui.gateway.endpoint import resolve_endpoint
from calibtui.gateway.intermediaries.canary import CANARY_PX, Canary, canary_needed
from calibtui.gateway.transport import HttpTransport
from calibtui.workspace.settings import KeySettings, ProviderSettings

Scripted = Any  # the server of conftest.py
REQUEST = ChatRequest("judge", "You judge.", "How hard?", 120, 0.0, {"type": "object"})


def reply(completion_id: str, headers: dict[str, str] | None = None, **more: Any) -> Callable[..., web.Response]:
    choice = {"message": {"role": "assistant", "content": "{}"}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 300, "completion_tokens": 9}
    body = {"id": completion_id, "model": "judge", "choices": [choice], "usage": usage, **more}
    return lambda request, _: web.json_response(body, headers=headers)


class Flown:
    """A canary over a scripted server, and the calls it was charged for."""

    def __init__(self, url: str, keys: tuple[str, ...] = ("KEY_A",)) -> None:
        self.calls: list[CallRecord] = []
        self.transport = HttpTransport(connections=4)
        provider = ProviderSettings("acme", url, keys=tuple(KeySettings(name) for name in keys))
        endpoint = resolve_endpoint(provider, {name: f"{name}-7Qd9xP2mZt4L" for name in keys})
        self.canary = Canary(endpoint, REQUEST, self.transport, self._gateway, deadline_s=3, stored_within_s=0.0)

    async def fly(self) -> None:
        try:
            await self.canary.passed(self.calls.append)
        finally:
            await self.transport.close()

    def _gateway(self, endpoint: Any, request: ChatRequest, transport: Any) -> Gateway:
        price, retry = Price(1_000_000, 2_000_000), RetryPolicy(first_wait_s=0.01, longest_wait_s=0.02)
        return Gateway(endpoint, request, price, transport, max_px=CANARY_PX, retry=retry)


def pictures(scripted: Scripted) -> list[bytes]:
    urls = [body["messages"][-1]["content"][1]["image_url"]["url"] for body in scripted.bodies]
    return [base64.b64decode(url.partition(",")[2]) for url in urls]


def texts(scripted: Scripted) -> list[str]:
    return [body["messages"][-1]["content"][0]["text"] for body in scripted.bodies]


async def test_it_sends_two_new_pictures_and_the_first_again_with_an_edited_prompt(scripted: Scripted) -> None:
    scripted.answers = [reply("a"), reply("b"), reply("c")]
    flown = Flown(scripted.url)
    await flown.fly()
    first, second, again = pictures(scripted)
    assert first == again != second
    assert texts(scripted)[:2] == ["How hard?"] * 2
    assert texts(scripted)[2] != "How hard?"
    assert [body["max_tokens"] for body in scripted.bodies] == [120] * 3


async def test_no_two_runs_send_the_same_picture(scripted: Scripted) -> None:
    scripted.answers = [reply(str(number)) for number in range(7)]
    for _ in range(2):
        await Flown(scripted.url).fly()
    assert len(set(pictures(scripted))) == 4


async def test_its_calls_are_told_of_with_what_they_cost(scripted: Scripted) -> None:
    scripted.answers = [reply("a"), reply("b"), reply("c")]
    flown = Flown(scripted.url)
    await flown.fly()
    assert [(call.status, call.cost_micro_eur, len(call.digest)) for call in flown.calls] == [("ok", 318, 64)] * 3


async def test_each_prompt_has_its_own_cache_key_and_nothing_is_to_be_stored(scripted: Scripted) -> None:
    scripted.answers = [reply("a"), reply("b"), reply("c")]
    await Flown(scripted.url).fly()
    keys = [headers["x-bf-cache-key"] for headers in scripted.headers]
    assert keys[0] == keys[1] != keys[2]
    assert {headers["x-bf-cache-type"] for headers in scripted.headers} == {"direct"}
    assert {headers["x-bf-cache-no-store"] for headers in scripted.headers} == {"true"}


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ([reply("a"), reply("b", {"x-litellm-cache-key": "k"}), reply("c")], "x-litellm-cache-key"),
        ([reply("a"), reply("b", {"x-portkey-cache-status": "SEMANTIC HIT"}), reply("c")], "x-portkey-cache-status"),
        ([reply("a"), reply("b", extra_fields={"cache_debug": {"cache_hit": True}}), reply("c")], "cache_debug"),
        ([reply("a"), reply("a"), reply("c")], "completion id a"),
        ([reply("a", {"x-litellm-cache-key": "k"}), reply("b")], "a picture it had never been sent"),
        ([reply("a"), reply("b"), reply("a")], "a prompt it had never been sent"),
    ],
)
async def test_a_stored_answer_refuses_the_run_and_says_what_gave_it_away(
    scripted: Scripted, answers: list[Any], said: str
) -> None:
    scripted.answers = answers
    with pytest.raises(ConfigurationError) as refused:
        await Flown(scripted.url).fly()
    assert said in refused.value.message
    assert "providers.acme" in refused.value.message
    assert "cache" in refused.value.hint
    assert refused.value.exit_code == 2


async def test_a_reply_that_says_it_missed_the_cache_passes(scripted: Scripted) -> None:
    missed = {"x-portkey-cache-status": "MISS", "x-litellm-cache-key": ""}
    scripted.answers = [reply(name, missed, extra_fields={"cache_debug": {"cache_hit": False}}) for name in "abc"]
    flown = Flown(scripted.url)
    await flown.fly()
    assert len(flown.calls) == 3


async def test_every_key_is_proved_alone(scripted: Scripted) -> None:
    scripted.answers = [reply(str(number)) for number in range(6)]
    await Flown(scripted.url, ("KEY_A", "KEY_B")).fly()
    used = [headers["Authorization"] for headers in scripted.headers]
    assert used == ["Bearer KEY_A-7Qd9xP2mZt4L"] * 3 + ["Bearer KEY_B-7Qd9xP2mZt4L"] * 3


async def test_many_callers_wait_for_one_canary(scripted: Scripted) -> None:
    scripted.answers = [reply("a"), reply("b"), reply("c"), reply("d")]
    flown = Flown(scripted.url)
    await asyncio.gather(*(flown.canary.passed(flown.calls.append) for _ in range(20)))
    await flown.transport.close()
    assert len(scripted.bodies) == 3


async def test_a_refusal_is_everybodys_and_nothing_more_is_sent(scripted: Scripted) -> None:
    scripted.answers = [reply("a")]
    flown = Flown(scripted.url)
    outcomes = await asyncio.gather(
        *(flown.canary.passed(flown.calls.append) for _ in range(20)), return_exceptions=True
    )
    await flown.transport.close()
    assert all(isinstance(outcome, ConfigurationError) for outcome in outcomes)
    assert len(scripted.bodies) == 2


async def test_a_first_caller_that_is_cancelled_leaves_the_proof_to_the_next(scripted: Scripted) -> None:
    async def slow(request: web.Request, _: Any) -> web.Response:
        await asyncio.sleep(30)
        return web.Response()

    scripted.answers = [slow, reply("a"), reply("b"), reply("c")]
    flown = Flown(scripted.url)
    first = asyncio.create_task(flown.canary.passed(flown.calls.append))
    await scripted.arrived.wait()
    first.cancel()
    await flown.fly()
    assert [call.status for call in flown.calls] == ["cancelled", "ok", "ok", "ok"]


async def test_an_exhausted_budget_and_a_silent_gateway_are_told_as_what_they_are(scripted: Scripted) -> None:
    def broke(request: web.Request, _: Any) -> web.Response:
        return web.json_response({"type": "budget_exceeded", "error": {"message": "no"}}, status=402)

    scripted.answers = [broke]
    with pytest.raises(BudgetExhaustedError):
        await Flown(scripted.url).fly()
    scripted.answers = [lambda request, _: web.Response(status=500)]
    with pytest.raises(JudgeFailedError, match="cache check"):
        await Flown(scripted.url).fly()


@pytest.mark.parametrize(
    ("url", "needed"),
    [
        ("https://api.openai.com/v1", False),
        ("https://acme.openai.azure.com/openai/v1", False),
        ("https://gateway.acme.example/v1", True),
        ("https://api.openai.com.evil.example/v1", True),
        ("http://127.0.0.1:8080/v1", True),
    ],
)
def test_only_a_providers_own_host_needs_no_canary(url: str, needed: bool) -> None:
    assert canary_needed(resolve_endpoint(ProviderSettings("acme", url), {})) is needed
