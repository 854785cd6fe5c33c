"""A gateway's own budget stops the run at its first answer, and what a gateway announces is checked against it."""

from __future__ import annotations

import os

import pytest
from tests.gateways.bifrost import STATUSES, Bifrost, VirtualKey
from tests.gateways.conftest import BIFROST_KEY, BY_MODEL
from tests.gateways.fronts import CountingTransport, Front, Upstreams, chat_request, gateway_to
from tests.gateways.litellm_config import DEPLOYMENT_BUDGET_USD, LiteLLMKeys
from tests.gateways.loopback import Loopback

from calibtui.core.errors import BudgetExhaustedError
from calibtui.core.scores import CallRecord
from calibtui.gateway.client import Completion
from calibtui.gateway.intermediaries.announced_budgets import announced_budgets, budget_of_reply
from calibtui.gateway.intermediaries.canary import WatchedTransport, canary_picture

ENOUGH = 60


async def spend_all(front: Front, model: str) -> tuple[int, list[int], list[CallRecord]]:
    """Frames one after the other until the budget is exhausted: how many were answered, every status, every call."""
    transport, calls = CountingTransport(), []
    gateway = gateway_to(front.endpoint(), chat_request(model), transport)
    answered = 0
    try:
        with pytest.raises(BudgetExhaustedError):
            for number in range(ENOUGH):
                image = canary_picture(os.urandom(8))
                answer = await gateway.complete(image, digest=str(number), deadline_s=60, on_call=calls.append)
                answered += isinstance(answer, Completion)
        with pytest.raises(BudgetExhaustedError):
            await gateway.complete(image, digest="late", deadline_s=60, on_call=calls.append)
    finally:
        await transport.close()
    return answered, transport.statuses, calls


@pytest.mark.gateways
async def test_a_deployment_budget_of_litellm_stops_after_exactly_one_answer(
    litellm_proxy: tuple[str, LiteLLMKeys],
) -> None:
    address, keys = litellm_proxy
    answered, statuses, calls = await spend_all(Front("litellm", f"{address}/v1", keys.free, BY_MODEL), "capped")
    assert answered > 0
    assert statuses == [200] * answered + [429]
    assert calls[-1].status == "budget"
    assert calls[-1].cost_micro_eur == 0


@pytest.mark.gateways
async def test_a_key_budget_of_litellm_stops_after_exactly_one_answer(litellm_proxy: tuple[str, LiteLLMKeys]) -> None:
    address, keys = litellm_proxy
    answered, statuses, _ = await spend_all(Front("litellm", f"{address}/v1", keys.small, BY_MODEL), "practice-vlm-1")
    assert statuses == [200] * answered + [422]


@pytest.mark.gateways
async def test_litellm_answers_a_key_whose_announced_budget_is_spent_and_is_told_apart(
    litellm_proxy: tuple[str, LiteLLMKeys],
) -> None:
    address, keys = litellm_proxy
    front = Front("litellm", f"{address}/v1", keys.spent, BY_MODEL)
    inner = CountingTransport()
    watched = WatchedTransport(inner)
    gateway = gateway_to(front.endpoint(), chat_request("practice-vlm-1"), watched)
    await gateway.complete(canary_picture(b"x"), digest="d", deadline_s=60, on_call=lambda _: None)
    await inner.close()
    assert watched.last is not None
    announced = budget_of_reply(watched.last, "FRONT_KEY")
    assert announced is not None
    assert announced.lines[0].cap_usd == 200.0
    assert not announced.enforced


@pytest.mark.gateways
def test_litellm_without_a_database_announces_a_key_budget_that_it_does_not_enforce(
    litellm_proxy: tuple[str, LiteLLMKeys], upstreams: Upstreams
) -> None:
    address, keys = litellm_proxy
    before = upstreams.plain.books.requests
    (announced,) = announced_budgets(Front("litellm", f"{address}/v1", keys.spent, BY_MODEL).endpoint(), "capped")
    assert (announced.lines[0].cap_usd, announced.key) == (200.0, "FRONT_KEY")
    assert (announced.lines[1].what, announced.lines[1].cap_usd) == ("the deployment", DEPLOYMENT_BUDGET_USD)
    assert not announced.enforced
    assert "without a database" in announced.caveat
    assert upstreams.plain.books.requests == before


@pytest.mark.gateways
def test_a_litellm_key_without_a_budget_announces_none(litellm_front: Front) -> None:
    assert announced_budgets(litellm_front.endpoint(), "practice-vlm-1") == ()


@pytest.mark.gateways
def test_portkey_announces_nothing(portkey_front: Front) -> None:
    assert announced_budgets(portkey_front.endpoint(), "practice-vlm-1") == ()


def bifrost(loopback: Loopback, upstreams: Upstreams, key: VirtualKey) -> tuple[Front, Bifrost]:
    simulated = Bifrost(upstreams.routes(), {BIFROST_KEY: key})
    return Front("bifrost", loopback.app(simulated.app()) + "/v1", BIFROST_KEY, BY_MODEL), simulated


async def test_a_budget_of_bifrost_stops_after_exactly_one_answer(loopback: Loopback, upstreams: Upstreams) -> None:
    front, _ = bifrost(loopback, upstreams, VirtualKey(limit_usd=0.006))
    answered, statuses, calls = await spend_all(front, "practice-vlm-1")
    assert statuses == [200] * answered + [402]
    assert answered > 1
    assert calls[-1].status == "budget"


async def test_the_quota_of_bifrost_is_read_for_each_key(loopback: Loopback, upstreams: Upstreams) -> None:
    front, _ = bifrost(loopback, upstreams, VirtualKey(limit_usd=50.0, used_usd=12.5))
    (announced,) = announced_budgets(front.endpoint(), "practice-vlm-1")
    (line,) = announced.lines
    assert (line.cap_usd, line.spent_usd, line.period) == (50.0, 12.5, "1M")
    assert announced.enforced
    assert "after the reply" in announced.caveat
    assert "12.5000 of 50.0000 USD" in str(announced)


async def test_a_gateway_that_is_not_there_announces_nothing(loopback: Loopback, upstreams: Upstreams) -> None:
    front = Front("nobody", "http://127.0.0.1:9/v1", BIFROST_KEY, BY_MODEL)
    assert announced_budgets(front.endpoint(), "practice-vlm-1", timeout_s=1.0) == ()


async def test_a_model_server_that_is_no_gateway_announces_nothing(upstreams: Upstreams) -> None:
    front = Front("direct", upstreams.plain.url, BIFROST_KEY, BY_MODEL)
    assert announced_budgets(front.endpoint(), "practice-vlm-1") == ()


STOPPING = ["virtual_key_required", "virtual_key_not_found", "model_blocked", "provider_blocked", "access_blocked"]


@pytest.mark.parametrize("trouble", [*STOPPING, "budget_exceeded"])
async def test_what_bifrost_refuses_for_good_stops_after_one_answer(
    trouble: str, loopback: Loopback, upstreams: Upstreams
) -> None:
    front, simulated = bifrost(loopback, upstreams, VirtualKey(trouble=trouble))
    transport = CountingTransport()
    gateway = gateway_to(front.endpoint(), chat_request("practice-vlm-1"), transport)
    code = 3 if trouble == "budget_exceeded" else 4
    with pytest.raises(Exception, match="front") as stopped:
        await gateway.complete(canary_picture(b"x"), digest="d", deadline_s=30, on_call=lambda _: None)
    await transport.close()
    assert getattr(stopped.value, "exit_code", None) == code
    assert simulated.answers == 1
    assert transport.statuses == [STATUSES[trouble]]


@pytest.mark.parametrize(
    "trouble", ["token_limited", "rate_limited", "request_limited", "upstream_credentials_exhausted"]
)
async def test_what_passes_at_bifrost_is_tried_again(trouble: str, loopback: Loopback, upstreams: Upstreams) -> None:
    key = VirtualKey(trouble=trouble)
    front, _ = bifrost(loopback, upstreams, key)
    transport = _Healing(key)
    gateway = gateway_to(front.endpoint(), chat_request("practice-vlm-1"), transport)
    answer = await gateway.complete(canary_picture(b"x"), digest="d", deadline_s=30, on_call=lambda _: None)
    await transport.close()
    assert isinstance(answer, Completion)
    assert transport.statuses == [STATUSES[trouble], STATUSES[trouble], 200]


class _Healing(CountingTransport):
    """Ends a virtual key's trouble with its second answer."""

    def __init__(self, key: VirtualKey) -> None:
        super().__init__()
        self._key = key

    async def send(self, request):  # type: ignore[no-untyped-def]
        reply = await super().send(request)
        if len(self.statuses) == 2:
            self._key.trouble = ""
        return reply
