"""256 workers that ask through a Gateway until their budget is exhausted or the process is killed.

STATE URL CAP_MICRO_EUR INPUT_PRICE OUTPUT_PRICE (micro-EUR for a million tokens). What a call is called goes out with
its request, as it does nowhere else, so that the upstream's books can be laid beside ours call by call.
"""

from __future__ import annotations

import asyncio
import dataclasses
import os
import sys
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from tests.gateway.campaign_upstream import CALL_HEADER

from calibtui.core.errors import BudgetExhaustedError
from calibtui.core.money import MICRO, Price
from calibtui.core.scores import CallRecord
from calibtui.gateway.client import Gateway, RetryPolicy
from calibtui.gateway.dialects.dialect import ChatRequest
from calibtui.gateway.endpoint import Endpoint, resolve_endpoint
from calibtui.gateway.money.charging import Payer
from calibtui.gateway.money.ledger import Hold, Ledger
from calibtui.gateway.transport import HttpRequest, HttpResponse, HttpTransport
from calibtui.store.scores import Scored
from calibtui.store.store import Store
from calibtui.workspace.settings import BudgetSettings, PriceSettings, ProviderSettings

WORKERS = 256
NODE = "team/marco"
MODEL, MAX_TOKENS, IMAGE_TOKENS = "m", 60, 300
REQUEST = ChatRequest(MODEL, "You judge frames.", "How hard is it to detect the objects?", MAX_TOKENS, 0.0)
PATIENT = RetryPolicy(first_wait_s=0.01, longest_wait_s=0.05)
_asking: ContextVar[str] = ContextVar("asking")


def budgets(cap: int) -> dict[str, BudgetSettings]:
    return {node: BudgetSettings(node, cap / MICRO) for node in ("team", NODE)}


def endpoint(url: str) -> Endpoint:
    return resolve_endpoint(ProviderSettings("campaign", url, models={MODEL: PriceSettings(1.0, 1.0)}), {})


def gateway(url: str, price: Price, payer: Payer | None, transport: Any) -> Gateway:
    return Gateway(
        endpoint(url), REQUEST, price, transport, max_px=64, retry=PATIENT, payer=payer, concurrency=WORKERS,
        image_tokens=IMAGE_TOKENS,
    )  # fmt: skip


class NamingHolds:
    """The ledger; remembers which call each worker's next request is."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self.settle, self.release = ledger.settle, ledger.release

    async def hold(self, node: str | None, worst_case_micro_eur: int, call_id: str, *, what: str = "") -> Hold:
        hold = await self._ledger.hold(node, worst_case_micro_eur, call_id, what=what)
        _asking.set(call_id)
        return hold


class NamingTransport:
    def __init__(self) -> None:
        self._inner = HttpTransport(connections=WORKERS)

    async def send(self, request: HttpRequest) -> HttpResponse:
        headers = {**request.headers, CALL_HEADER: _asking.get()}
        return await self._inner.send(dataclasses.replace(request, headers=headers))

    async def close(self) -> None:
        await self._inner.close()


async def spend(state: Path, url: str, cap: int, price: Price) -> None:
    with Store(state) as store:
        async with Ledger.open(store.ledger, budgets(cap)) as ledger:
            asked = gateway(url, price, Payer(NamingHolds(ledger), NODE), NamingTransport())

            def keep(call: CallRecord) -> None:
                ledger.keep(Scored("campaign", calls=[call]))

            async def worker(number: int) -> None:
                try:
                    while True:
                        await asked.complete(os.urandom(600), digest=str(number), deadline_s=30, on_call=keep)
                except BudgetExhaustedError:
                    return

            print("ready", flush=True)
            await asyncio.gather(*map(worker, range(WORKERS)))
            await asked.close()


if __name__ == "__main__":
    asyncio.run(spend(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), Price(int(sys.argv[4]), int(sys.argv[5]))))
