"""A real Bifrost, where there is one. CALIBTUI_BIFROST_URL is its address without /v1, CALIBTUI_BIFROST_KEY a virtual
key and CALIBTUI_BIFROST_MODEL a vision model that the key may use. Costs a few small calls."""

from __future__ import annotations

import os

import pytest
from tests.gateways.fronts import CountingTransport, Front, canary_through, chat_request, gateway_to

from calibtui.core.errors import JudgeFailedError
from calibtui.core.scores import CallRecord
from calibtui.gateway.intermediaries.announced_budgets import announced_budgets
from calibtui.gateway.intermediaries.canary import canary_picture
from calibtui.gateway.intermediaries.identity import GatewayKind

pytestmark = pytest.mark.gateways


@pytest.fixture
def live() -> tuple[Front, str]:
    address = os.environ.get("CALIBTUI_BIFROST_URL", "").rstrip("/")
    if not address:
        pytest.skip("CALIBTUI_BIFROST_URL names no Bifrost")
    model = os.environ.get("CALIBTUI_BIFROST_MODEL", "openai/gpt-4o-mini")
    return Front("bifrost", f"{address}/v1", os.environ["CALIBTUI_BIFROST_KEY"], {"plain": model}), model


async def test_a_live_bifrost_passes_the_canary_and_is_known_by_its_replies(live: tuple[Front, str]) -> None:
    front, model = live
    calls: list[CallRecord] = []
    canary = await canary_through(front.endpoint(), model, calls)
    assert canary.kind is GatewayKind.BIFROST
    assert all(call.status == "ok" and call.measured for call in calls)


async def test_a_live_bifrost_refuses_an_unknown_key_with_one_answer(live: tuple[Front, str]) -> None:
    front, model = live
    stranger = Front("bifrost", front.base_url, "sk-bf-00000000000000000000", front.models)
    transport = CountingTransport()
    gateway = gateway_to(stranger.endpoint(), chat_request(model), transport)
    with pytest.raises(JudgeFailedError):
        await gateway.complete(canary_picture(b"x"), digest="d", deadline_s=30, on_call=lambda _: None)
    await transport.close()
    assert len(transport.statuses) == 1


def test_the_quota_of_a_live_bifrost_key_is_read_as_it_is_sent(live: tuple[Front, str]) -> None:
    """A key without a budget announces none; a budget has a cap and what was spent of it."""
    front, model = live
    for budget in announced_budgets(front.endpoint(), model):
        assert budget.gateway is GatewayKind.BIFROST
        assert all(line.cap_usd >= 0 and line.spent_usd is not None for line in budget.lines)
