"""No request leaves before its worst case is on disk, and what the upstream charged never passes the cap."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from calibtui.core.errors import BudgetExhaustedError
from calibtui.core.money import Price, eur
from calibtui.core.scores import CallRecord
from calibtui.gateway.client import CallFailure, Completion, RetryPolicy
from calibtui.gateway.money.charging import Payer
from calibtui.gateway.money.ledger import Ledger
from calibtui.store.store import Store
from calibtui.workspace.settings import BudgetSettings

Calling = Callable[..., Any]
Scripted = Any  # the server of conftest.py
NODE = "team/marco"
PRICE = Price(1_000_000, 2_000_000)


def completion(prompt: int = 900, output: int = 20) -> dict[str, Any]:
    usage = {"prompt_tokens": prompt, "completion_tokens": output}
    return {"id": "c", "model": "m", "choices": [{"message": {"content": "{}"}}], "usage": usage}


@dataclass
class Money:
    """A ledger in a real store, and what is on its disk."""

    store: Store
    ledger: Ledger

    @property
    def payer(self) -> Payer:
        return Payer(self.ledger, NODE)

    def on_disk(self) -> dict[str, list[tuple[str, int]]]:
        """(kind, micro-EUR) of every entry by call."""
        rows = self.store.ledger._rows("SELECT call_id, kind, micro_eur FROM ledger_entries ORDER BY rowid")
        made: dict[str, list[tuple[str, int]]] = {}
        for call_id, kind, micro_eur in rows:
            made.setdefault(call_id, []).append((kind, micro_eur))
        return made

    async def settled(self) -> dict[str, list[tuple[str, int]]]:
        await self.ledger.audit()
        return self.on_disk()

    def spent(self) -> int:
        return self.ledger.lines()[0].spent


@pytest.fixture
async def money(tmp_path: Path) -> AsyncIterator[Callable[[int], Money]]:
    """money(cap) opens a ledger with a cap of so many micro-EUR for the team."""
    stores: list[Store] = []
    ledgers: list[Ledger] = []

    def open_ledger(cap: int) -> Money:
        stores.append(Store(tmp_path / "state"))
        budgets = {"team": BudgetSettings("team", eur(cap)), NODE: BudgetSettings(NODE, 1000.0)}
        ledgers.append(Ledger.open(stores[-1].ledger, budgets))
        return Money(stores[-1], ledgers[-1])

    yield open_ledger
    for ledger in ledgers:
        await ledger.close()
    for store in stores:
        store.close()


async def test_the_worst_case_is_on_disk_when_the_request_arrives(
    scripted: Scripted, calling: Calling, money: Callable[[int], Money]
) -> None:
    account = money(10_000_000)
    seen: list[dict[str, list[tuple[str, int]]]] = []

    def look(request: web.Request, _: Any) -> Any:
        seen.append(account.on_disk())
        return completion()

    scripted.answers = [look]
    caller = calling(scripted.url, payer=account.payer)
    await caller.complete()
    worst = PRICE.cost(caller.gateway.worst.input_tokens, caller.gateway.worst.output_tokens)
    (call,) = caller.calls
    assert seen == [{call.call_id: [("hold", worst)]}]
    assert await account.settled() == {call.call_id: [("hold", worst), ("measured", 940)]}
    assert worst == caller.gateway.worst_micro_eur > 940
    assert caller.gateway.node == NODE


async def test_a_request_that_never_left_gives_its_money_back(calling: Calling, money: Callable[[int], Money]) -> None:
    account = money(10_000_000)
    caller = calling("http://127.0.0.1:1/v1", payer=account.payer)
    with pytest.raises(Exception, match="can't be reached"):
        await caller.complete()
    entries = await account.settled()
    assert entries
    assert all([kind for kind, _ in call] == ["hold", "released"] for call in entries.values())
    assert account.spent() == 0


def hang_up(request: web.Request, _: Any) -> web.Response:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def hang(request: web.Request, _: Any) -> web.Response:
    await asyncio.sleep(60)
    return web.Response()


async def test_a_lost_request_stays_at_its_worst_case(
    scripted: Scripted, calling: Calling, money: Callable[[int], Money]
) -> None:
    account = money(10_000_000)
    scripted.answers = [hang_up, completion()]
    caller = calling(scripted.url, payer=account.payer)
    assert isinstance(await caller.complete(), Completion)
    lost, answered = [calls[1] for calls in (await account.settled()).values()]
    assert lost == ("worst_case", caller.gateway.worst_micro_eur)
    assert answered == ("measured", 940)
    assert account.spent() == sum(call.cost_micro_eur for call in caller.calls)


async def test_a_cancelled_request_stays_at_its_worst_case(
    scripted: Scripted, calling: Calling, money: Callable[[int], Money]
) -> None:
    account = money(10_000_000)
    scripted.answers = [hang]
    caller = calling(scripted.url, payer=account.payer)
    task = asyncio.create_task(caller.complete())
    await scripted.arrived.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    (entries,) = (await account.settled()).values()
    assert entries[1] == ("worst_case", caller.gateway.worst_micro_eur)


async def test_an_answer_that_is_an_error_costs_nothing(
    scripted: Scripted, calling: Calling, money: Callable[[int], Money]
) -> None:
    account = money(10_000_000)
    scripted.answers = [lambda request, _: web.json_response({"error": {"message": "no"}}, status=500), completion()]
    await calling(scripted.url, payer=account.payer).complete()
    assert [calls[1] for calls in (await account.settled()).values()] == [("measured", 0), ("measured", 940)]


async def test_absent_usage_is_settled_at_the_worst_case_and_said(
    scripted: Scripted, calling: Calling, money: Callable[[int], Money]
) -> None:
    account = money(10_000_000)
    scripted.answers = [{**completion(), "usage": None}]
    caller = calling(scripted.url, payer=account.payer)
    await caller.complete()
    (entries,) = (await account.settled()).values()
    assert entries[1] == ("worst_case", caller.gateway.worst_micro_eur)


async def test_usage_above_the_worst_case_is_booked_as_it_is_and_held_from_then_on(
    scripted: Scripted, calling: Calling, money: Callable[[int], Money]
) -> None:
    account = money(1_000_000_000)
    scripted.answers = [completion(prompt=400_000, output=500)]
    caller = calling(scripted.url, payer=account.payer)
    before = caller.gateway.worst_micro_eur
    await caller.complete()
    await caller.complete()
    first, second = (await account.settled()).values()
    assert first == [("hold", before), ("measured", 401_000)]
    assert second[0][1] >= 401_000
    overrun = [row for row in await account.ledger.audit() if row.kind == "overrun"]
    assert [(row.from_micro_eur, row.to_micro_eur) for row in overrun] == [(before, 401_000)]


async def test_an_exhausted_budget_ends_the_run_with_nothing_sent(
    scripted: Scripted, calling: Calling, money: Callable[[int], Money]
) -> None:
    account = money(100)
    caller = calling(scripted.url, payer=account.payer)
    for _ in range(2):
        with pytest.raises(BudgetExhaustedError, match="team") as caught:
            await caller.complete()
        assert caught.value.exit_code == 3
    assert scripted.bodies == []
    assert caller.calls == []
    assert await account.settled() == {}


async def test_waiting_for_money_does_not_eat_the_deadline(
    scripted: Scripted, calling: Calling, money: Callable[[int], Money]
) -> None:
    async def slow(request: web.Request, _: Any) -> Any:
        await asyncio.sleep(0.2)
        return completion()

    scripted.answers = [slow]
    worst = calling(scripted.url).gateway.worst_micro_eur
    account = money(worst + 4 * 940)  # one in flight at a time
    caller = calling(scripted.url, payer=account.payer)
    answers = await asyncio.gather(*(caller.complete(deadline_s=0.6) for _ in range(5)))
    assert all(isinstance(answer, Completion) for answer in answers)
    assert account.spent() == 5 * 940


class Bookkeeper:
    """An upstream that charges what it declares, and the most it may where nobody will hear of it."""

    def __init__(self, seed: int, worst: Any) -> None:
        self.rng = random.Random(seed)
        self.worst = worst
        self.charged = 0

    async def answer(self, request: web.Request, _: Any) -> Any:
        fate = self.rng.random()
        if fate < 0.05:
            return web.json_response({"error": {"message": "busy"}}, status=503)
        if fate < 0.10:
            return web.json_response({"error": {"message": "slow down"}}, status=429, headers={"Retry-After": "0.01"})
        prompt = self.rng.randrange(1, self.worst.input_tokens + 1)
        output = self.rng.randrange(1, self.worst.output_tokens + 1)
        self.charged += PRICE.cost(prompt, output)
        await asyncio.sleep(0.01 * self.rng.random())
        if fate < 0.15:
            return hang_up(request, None)
        if fate < 0.20:
            return web.Response(text="<html>oops</html>")
        return completion(prompt, output)


@pytest.mark.parametrize("seed", range(3))
async def test_sixty_four_workers_never_spend_more_than_the_cap_by_the_upstreams_own_books(
    scripted: Scripted, calling: Calling, money: Callable[[int], Money], seed: int
) -> None:
    probe = calling(scripted.url).gateway
    books = Bookkeeper(seed, probe.worst)
    scripted.answers = [books.answer]
    cap = 60 * probe.worst_micro_eur
    account = money(cap)
    caller = calling(scripted.url, payer=account.payer, retry=RetryPolicy(first_wait_s=0.002, longest_wait_s=0.01))
    rng, stopped = random.Random(seed), 0

    async def work() -> None:
        nonlocal stopped
        while True:
            call = asyncio.create_task(caller.complete(deadline_s=20.0))
            if rng.random() < 0.05:
                await asyncio.sleep(0.01)
                call.cancel()
            try:
                assert isinstance(await call, Completion | CallFailure)
            except BudgetExhaustedError:
                stopped += 1
                return
            except asyncio.CancelledError:
                continue

    await asyncio.gather(*(work() for _ in range(64)))
    calls: list[CallRecord] = caller.calls
    assert stopped == 64
    assert books.charged <= account.spent() <= cap
    assert account.spent() > cap - probe.worst_micro_eur, "a cap is for spending"
    assert account.spent() == sum(call.cost_micro_eur for call in calls)
    assert account.ledger.lines()[0].held == 0
    assert {call.call_id for call in calls if call.cost_micro_eur} <= (await account.settled()).keys()
