"""LiteLLM's budget of a deployment lets calls at the same time pass many times its cap; ours lets none pass."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest
from tests.gateways.conftest import BY_MODEL
from tests.gateways.fronts import QUICK, Front, chat_request
from tests.gateways.litellm_config import DEPLOYMENT_BUDGET_USD, USD_PER_TOKEN, LiteLLMKeys

from calibtui.core.errors import BudgetExhaustedError
from calibtui.core.money import Price, micro_eur
from calibtui.gateway.client import Gateway
from calibtui.gateway.completion import CallFailure, Completion
from calibtui.gateway.intermediaries.canary import CANARY_PX, canary_picture
from calibtui.gateway.money.charging import Payer
from calibtui.gateway.money.ledger import Ledger
from calibtui.gateway.transport import HttpTransport
from calibtui.practice.books import Books
from calibtui.practice.server import PracticeServer
from calibtui.store.store import Store
from calibtui.workspace.settings import BudgetSettings

pytestmark = pytest.mark.gateways

CALLS = 32
CAP_EUR = DEPLOYMENT_BUDGET_USD
PRICE = Price(micro_eur(USD_PER_TOKEN * 1_000_000), micro_eur(USD_PER_TOKEN * 1_000_000))
"""A EUR for each of LiteLLM's USD, so that both caps mean the same calls."""
IMAGE_TOKENS = 255
"""What the practice judge counts for a picture of one tile."""


async def all_at_once(
    proxy: tuple[str, LiteLLMKeys], model: str, payer: Payer | None
) -> list[Completion | CallFailure | BaseException]:
    """Each call through a Gateway of its own, so that nothing but budgets holds any of them back."""
    address, keys = proxy
    endpoint = Front("litellm", f"{address}/v1", keys.free, {**BY_MODEL, model: model}).endpoint()
    transport = HttpTransport(connections=CALLS)
    more = {"max_px": CANARY_PX, "retry": QUICK, "payer": payer, "image_tokens": IMAGE_TOKENS}

    async def call(number: int) -> Completion | CallFailure:
        gateway = Gateway(endpoint, chat_request(model), PRICE, transport, **more)
        image = canary_picture(os.urandom(8))
        return await gateway.complete(image, digest=str(number), deadline_s=120, on_call=lambda _: None)

    try:
        return await asyncio.gather(*(call(number) for number in range(CALLS)), return_exceptions=True)
    finally:
        await transport.close()


def spent_micro_eur(books: Books) -> int:
    """What the upstream itself says it did, at the price."""
    return PRICE.cost(books.input_tokens, books.output_tokens)


async def test_without_a_cap_of_ours_calls_at_the_same_time_pass_litellms_many_times_over(
    litellm_proxy: tuple[str, LiteLLMKeys], slow_judges: dict[str, PracticeServer]
) -> None:
    """The configuration that the next test is about."""
    await all_at_once(litellm_proxy, "capped-unguarded", None)
    assert spent_micro_eur(slow_judges["capped-unguarded"].books) > 3 * micro_eur(CAP_EUR)


@pytest.mark.parametrize("times", [1, 3])
async def test_with_our_cap_the_upstreams_own_books_never_pass_it(
    times: int, litellm_proxy: tuple[str, LiteLLMKeys], slow_judges: dict[str, PracticeServer], tmp_path: Path
) -> None:
    """Our cap is LiteLLM's own, and three times that, where several calls are in flight together."""
    model, cap = f"capped-guarded-{times}", times * CAP_EUR
    with Store(tmp_path) as store:
        async with Ledger.open(store.ledger, {"team": BudgetSettings("team", cap)}) as ledger:
            outcomes = await all_at_once(litellm_proxy, model, Payer(ledger, "team"))
            (line,) = ledger.lines()
    books = slow_judges[model].books
    assert times <= books.answered < CALLS
    assert spent_micro_eur(books) <= line.spent <= micro_eur(cap)
    assert line.held == 0
    stopped = [outcome for outcome in outcomes if not isinstance(outcome, Completion)]
    assert all(isinstance(error, BudgetExhaustedError) for error in stopped)
    assert len(stopped) >= CALLS - books.answered
