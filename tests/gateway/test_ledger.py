"""The ledger lets no call leave that a budget couldn't pay for, whatever happens in between."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime

import pytest

from calibtui.core.errors import BudgetExhaustedError, SettingsError, WorkspaceUnwritableError
from calibtui.core.summary import BudgetLine
from calibtui.gateway.money.ledger import BudgetWarning, Ledger
from calibtui.gateway.money.os_user import os_user
from calibtui.store.store import Store
from calibtui.workspace.settings import BudgetSettings

EUR = 1_000_000


class Clock:
    """A clock that stands where it is put."""

    def __init__(self, text: str = "2026-11-22T12:00") -> None:
        self.set(text)

    def set(self, text: str) -> None:
        self.now = datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()

    def __call__(self) -> float:
        return self.now


def budgets(period: str = "none", **eur: float) -> dict[str, BudgetSettings]:
    nodes = {name.replace("__", "/"): value for name, value in eur.items()}
    return {name: BudgetSettings(name, value, period=period) for name, value in nodes.items()}


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path) as store:
        yield store


async def test_a_hold_is_on_disk_when_it_returns(store):
    async with Ledger.open(store.ledger, budgets(team=1)) as ledger:
        hold = await ledger.hold("team", 400_000, "call-1", what="openai gpt-4o")
        (books,) = store.ledger.unsettled()
        assert (books.call_id, books.node, books.held, books.what) == ("call-1", "team", 400_000, "openai gpt-4o")
        assert books.held_at == hold.held_at
        assert ledger.lines() == (BudgetLine("team", EUR, 0, 400_000),)


async def test_a_settled_call_counts_at_its_cost_and_a_released_one_not_at_all(store):
    async with Ledger.open(store.ledger, budgets(team=1)) as ledger:
        ledger.settle(await ledger.hold("team", 400_000, "a"), 150_000, measured=True)
        ledger.release(await ledger.hold("team", 400_000, "b"))
        assert ledger.lines() == (BudgetLine("team", EUR, 150_000, 0),)
    again = Ledger.open(store.ledger, budgets(team=1))
    assert again.lines() == (BudgetLine("team", EUR, 150_000, 0),)
    assert await again.unsettled() == []


async def test_a_call_that_was_never_settled_counts_at_its_worst_case_after_a_restart(store):
    async with Ledger.open(store.ledger, budgets(team=1, team__marco=1)) as ledger:
        await ledger.hold("team/marco", 900_000, "lost")
        assert await ledger.unsettled() == []
    again = Ledger.open(store.ledger, budgets(team=1, team__marco=1))
    assert [line.held for line in again.lines()] == [900_000, 900_000]
    assert [call.call_id for call in await again.unsettled()] == ["lost"]
    with pytest.raises(BudgetExhaustedError, match=r"0\.90 counted for calls that a crash left open"):
        await again.hold("team", 200_000, "next")


async def test_a_call_is_refused_by_the_first_node_that_can_never_pay_it(store):
    async with Ledger.open(store.ledger, budgets(team=1, team__marco=2)) as ledger:
        with pytest.raises(BudgetExhaustedError, match=r"The budget team is exhausted: of 1\.00 EUR") as refused:
            await ledger.hold("team/marco", EUR + 1, "a")
        assert "calibtui budget set team EUR" in refused.value.hint
        assert store.ledger.unsettled() == []


async def test_without_budgets_calls_are_recorded_and_never_refused(store):
    async with Ledger.open(store.ledger, {}) as ledger:
        ledger.settle(await ledger.hold(ledger.node_of("anybody"), 10**12, "a"), 5, measured=True)
        assert ledger.lines() == ()
        with pytest.raises(SettingsError, match="no node 'team'"):
            await ledger.hold("team", 1, "b")
    assert [(call.call_id, call.cost) for call in store.ledger.calls(["a"])] == [("a", 5)]


async def test_a_call_waits_for_calls_in_flight_to_give_back_what_they_do_not_use(store):
    async with Ledger.open(store.ledger, budgets(team=1)) as ledger:
        first = await ledger.hold("team", 700_000, "a")
        with pytest.raises(BudgetExhaustedError):
            await ledger.hold("team", 600_000, "impatient", wait=False)
        waiting = asyncio.create_task(ledger.hold("team", 600_000, "b"))
        await asyncio.sleep(0.02)
        assert not waiting.done()
        ledger.settle(first, 100_000, measured=True)
        ledger.settle(await waiting, 600_000, measured=True)
        assert ledger.lines() == (BudgetLine("team", EUR, 700_000, 0),)


async def test_who_waits_is_refused_once_nothing_in_flight_can_help(store):
    async with Ledger.open(store.ledger, budgets(team=1)) as ledger:
        first = await ledger.hold("team", 700_000, "a")
        waiting = asyncio.create_task(ledger.hold("team", 600_000, "b"))
        await asyncio.sleep(0)
        ledger.settle(first, 700_000, measured=True)
        with pytest.raises(BudgetExhaustedError):
            await waiting


async def test_a_cancelled_hold_leaves_nothing_held(store):
    async with Ledger.open(store.ledger, budgets(team=100)) as ledger:
        rng = random.Random(3)
        for number in range(40):
            task = asyncio.create_task(ledger.hold("team", EUR, f"call-{number}"))
            for _ in range(rng.randrange(4)):
                await asyncio.sleep(0.001 * rng.randrange(3))
            task.cancel()
            outcome = (await asyncio.gather(task, return_exceptions=True))[0]
            if not isinstance(outcome, asyncio.CancelledError):
                ledger.release(outcome)
        assert ledger.lines() == (BudgetLine("team", 100 * EUR, 0, 0),)
    assert store.ledger.unsettled() == []


async def test_a_cancelled_waiter_takes_no_money_even_when_it_was_just_granted(store):
    async with Ledger.open(store.ledger, budgets(team=1)) as ledger:
        first = await ledger.hold("team", EUR, "a")
        waiting = asyncio.create_task(ledger.hold("team", EUR, "b"))
        await asyncio.sleep(0)
        ledger.release(first)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        assert ledger.lines() == (BudgetLine("team", EUR, 0, 0),)


async def test_a_reply_dearer_than_its_worst_case_is_booked_as_it_is_and_stops_the_budget(store):
    async with Ledger.open(store.ledger, budgets(team=1)) as ledger:
        ledger.settle(await ledger.hold("team", 100_000, "a"), 1_500_000, measured=True)
        assert ledger.lines() == (BudgetLine("team", EUR, 1_500_000, 0),)
        with pytest.raises(BudgetExhaustedError):
            await ledger.hold("team", 0, "free")
        row = (await ledger.audit())[-1]
        assert (row.kind, row.call_id, row.from_micro_eur, row.to_micro_eur) == ("overrun", "a", 100_000, 1_500_000)


async def test_an_absurd_cost_is_bounded_and_does_not_break_the_books(store):
    async with Ledger.open(store.ledger, budgets(team=1)) as ledger:
        ledger.settle(await ledger.hold("team", 100_000, "a"), 10**40, measured=True)
    assert store.ledger.calls(["a"])[0].cost == 10**15


async def test_a_hold_ends_once_and_with_no_negative_cost(store):
    async with Ledger.open(store.ledger, budgets(team=1)) as ledger:
        hold = await ledger.hold("team", 100_000, "a")
        with pytest.raises(ValueError, match="in flight already"):
            await ledger.hold("team", 1, "a")
        with pytest.raises(ValueError, match="cost of -1"):
            ledger.settle(hold, -1, measured=True)
        ledger.settle(hold, 1, measured=True)
        with pytest.raises(ValueError, match="not open"):
            ledger.release(hold)
        with pytest.raises(ValueError, match="worst case of -1"):
            await ledger.hold("team", -1, "b")


async def test_a_cap_set_by_hand_holds_across_restarts_until_the_file_changes(store):
    async with Ledger.open(store.ledger, budgets(team=1), who="marco") as ledger:
        await ledger.set_cap("team", "2.5", "giulia", "two more products")
        assert ledger.lines()[0].cap == 2_500_000
        with pytest.raises(SettingsError, match="can't be set"):
            await ledger.set_cap("team", "lots", "giulia", "")
        with pytest.raises(SettingsError, match="no node 'tema'"):
            await ledger.set_cap("tema", 1, "giulia", "")
    assert Ledger.open(store.ledger, budgets(team=1)).lines()[0].cap == 2_500_000
    ledger = Ledger.open(store.ledger, budgets(team=3), who="ada")
    assert ledger.lines()[0].cap == 3_000_000
    assert [(r.kind, r.who, r.from_micro_eur, r.to_micro_eur, r.why) for r in await ledger.audit()] == [
        ("file", "marco", None, 1_000_000, "new in calibtui.toml"),
        ("set", "giulia", 1_000_000, 2_500_000, "two more products"),
        ("file", "ada", 2_500_000, 3_000_000, "changed in calibtui.toml"),
    ]


def test_who_pays_can_not_be_chosen_by_an_environment_variable(store, monkeypatch):
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "somebody-else")
    assert os_user() != "somebody-else"
    Ledger.open(store.ledger, budgets(team=1))
    assert store.ledger.audit()[0].who == os_user()


async def test_a_cap_lowered_under_what_is_held_lets_nothing_more_leave(store):
    async with Ledger.open(store.ledger, budgets(team=1)) as ledger:
        hold = await ledger.hold("team", 800_000, "a")
        waiting = asyncio.create_task(ledger.hold("team", 300_000, "b"))
        await asyncio.sleep(0)
        await ledger.set_cap("team", 0.2, "ada", "month is over")
        with pytest.raises(BudgetExhaustedError):
            await waiting
        assert ledger.lines() == (BudgetLine("team", 200_000, 0, 800_000),)
        ledger.settle(hold, 800_000, measured=True)
        with pytest.raises(BudgetExhaustedError, match=r"of 0\.20 EUR, 0\.80 are spent"):
            await ledger.hold("team", 1, "c")


async def test_raising_a_cap_lets_those_who_wait_go_on(store):
    async with Ledger.open(store.ledger, budgets(team=1)) as ledger:
        await ledger.hold("team", 800_000, "a")
        waiting = asyncio.create_task(ledger.hold("team", 900_000, "b"))
        await asyncio.sleep(0)
        await ledger.set_cap("team", 2, "ada", "")
        assert (await waiting).micro_eur == 900_000


async def test_each_warning_is_given_once_even_across_restarts(store):
    told: list[BudgetWarning] = []
    ledger = Ledger.open(store.ledger, budgets(team=1, team__marco=2), on_warning=told.append)
    for number in range(9):
        ledger.settle(await ledger.hold("team/marco", 100_000, f"{number}"), 100_000, measured=True)
    await ledger.hold("team/marco", 100_000, "in flight: nothing is gone yet")
    await ledger.close()
    assert [(warning.node, warning.percent) for warning in told] == [("team", 50), ("team", 80)]
    assert str(told[0]) == "The budget team has passed 50 %: 0.50 of 1.00 EUR."
    told.clear()
    for _ in range(2):
        Ledger.open(store.ledger, budgets(team=1, team__marco=2), on_warning=told.append)
    assert [(warning.node, warning.percent) for warning in told] == [("team", 95), ("team/marco", 50)]


async def test_a_new_period_has_its_whole_cap_and_the_old_one_keeps_its_calls(store):
    clock = Clock("2026-11-30T23:59:59")
    async with Ledger.open(store.ledger, budgets("month", team=1), clock=clock) as ledger:
        over = await ledger.hold("team", 600_000, "november")
        clock.set("2026-12-01T00:00:00")
        assert ledger.lines() == (BudgetLine("team", EUR, 0, 0),)
        await ledger.hold("team", 900_000, "december")
        ledger.settle(over, 500_000, measured=True)
        assert ledger.lines() == (BudgetLine("team", EUR, 0, 900_000),)
    again = Ledger.open(store.ledger, budgets("month", team=1), clock=clock)
    assert again.lines() == (BudgetLine("team", EUR, 0, 900_000),)


@pytest.mark.parametrize("restart", [False, True])
async def test_a_clock_set_back_never_opens_an_old_periods_money(store, restart):
    clock = Clock("2026-12-01T00:00:01")
    ledger = Ledger.open(store.ledger, budgets("month", team=1), clock=clock)
    ledger.settle(await ledger.hold("team", 900_000, "december"), 900_000, measured=True)
    clock.set("2026-11-15T12:00")
    if restart:
        await ledger.close()
        ledger = Ledger.open(store.ledger, budgets("month", team=1), clock=clock)
    with pytest.raises(BudgetExhaustedError) as refused:
        await ledger.hold("team", 200_000, "november again")
    assert "clock is 1,339,201 s behind" in refused.value.hint
    assert ledger.lines()[0].spent == 900_000
    await ledger.close()


async def test_a_clock_set_back_between_calls_still_settles_every_one(store):
    clock = Clock("2026-12-01T12:00")
    async with Ledger.open(store.ledger, budgets("day", team=1), clock=clock) as ledger:
        for number, day in enumerate(("2026-11-20", "2026-12-02", "2026-11-25", "2026-12-02")):
            clock.set(f"{day}T12:00")
            ledger.settle(await ledger.hold("team", 300_000, f"{day} {number}"), 300_000, measured=True)
        assert ledger.lines() == (BudgetLine("team", EUR, 900_000, 0),)


async def test_nodes_of_different_periods_each_renew_at_their_own_time(store):
    clock = Clock("2026-11-28T09:00")
    declared = {**budgets("month", team=3), **budgets("day", team__marco=1)}
    async with Ledger.open(store.ledger, declared, clock=clock) as ledger:
        for day in ("2026-11-28", "2026-11-29", "2026-11-30"):
            clock.set(f"{day}T12:00")
            ledger.settle(await ledger.hold("team/marco", EUR, day), 900_000, measured=True)
        assert [line.spent for line in ledger.lines()] == [2_700_000, 900_000]
        clock.set("2026-11-30T13:00")
        with pytest.raises(BudgetExhaustedError, match="The budget team/marco"):
            await ledger.hold("team/marco", 200_000, "too much today")
    assert [line.spent for line in Ledger.open(store.ledger, declared, clock=clock).lines()] == [2_700_000, 900_000]


async def test_what_a_removed_node_spent_still_counts_above_it(store):
    async with Ledger.open(store.ledger, budgets(team=1, team__marco=1)) as ledger:
        ledger.settle(await ledger.hold("team/marco", 400_000, "a"), 400_000, measured=True)
    assert Ledger.open(store.ledger, budgets(team=1)).lines() == (BudgetLine("team", EUR, 400_000, 0),)


async def test_256_workers_at_random_never_pass_any_cap_of_the_tree(store):
    """The upstream's own books, kept where a request would arrive, are what is checked."""
    rng = random.Random(11)
    declared = budgets(co=3, co__a=2, co__a__x=1.2, co__a__y=1.2, co__b=2)
    upstream = dict.fromkeys(declared, 0)
    leaves = ["co/a/x", "co/a/y", "co/b", "co/a"]
    sent = 0

    async def worker(number: int, ledger: Ledger) -> None:
        nonlocal sent
        for call in range(1000):
            node, worst = leaves[number % 4], rng.randrange(1, 20_000)
            try:
                hold = await ledger.hold(node, worst, f"{number}-{call}")
            except BudgetExhaustedError:
                return
            cost, sent = rng.randrange(worst + 1), sent + 1
            for place in declared:
                if node == place or node.startswith(place + "/"):
                    upstream[place] += cost
            await asyncio.sleep(0.001 * rng.random())
            ledger.settle(hold, cost, measured=True)

    async with Ledger.open(store.ledger, declared) as ledger:
        await asyncio.gather(*(worker(number, ledger) for number in range(256)))
        lines = {line.node: line for line in ledger.lines()}
    assert {node: line.spent for node, line in lines.items()} == upstream
    assert all(line.spent <= line.cap and line.held == 0 for line in lines.values())
    assert sent > 256
    assert lines["co"].spent > 0.98 * 3 * EUR
    assert Ledger.open(store.ledger, declared).lines() == tuple(lines.values())


async def test_after_a_write_that_failed_nothing_leaves_any_more(store, monkeypatch):
    """The disk is made to fail where the store says that it is full; everything above it is real."""
    ledger = Ledger.open(store.ledger, budgets(team=1))
    hold = await ledger.hold("team", 1, "a")

    def full(_: object) -> None:
        raise WorkspaceUnwritableError("The disk is full.")

    monkeypatch.setattr(ledger._commits, "_write", full)
    holds = (ledger.hold("team", 1, f"b{number}") for number in range(8))
    outcomes = await asyncio.gather(*holds, return_exceptions=True)
    assert all(isinstance(outcome, WorkspaceUnwritableError) for outcome in outcomes)
    with pytest.raises(WorkspaceUnwritableError):
        await ledger.hold("team", 1, "c")
    ledger.settle(hold, 1, measured=True)
    with pytest.raises(WorkspaceUnwritableError):
        await ledger.close()
    assert [call.call_id for call in store.ledger.unsettled()] == ["a"]
