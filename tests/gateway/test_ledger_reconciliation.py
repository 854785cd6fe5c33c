"""Other people's figures beside ours: every difference is explained, booked once, and audited."""

from __future__ import annotations

import asyncio

import pytest

from calibtui.core.errors import BudgetExhaustedError, ConfigurationError
from calibtui.core.summary import BudgetLine
from calibtui.gateway.money.ledger import Ledger
from calibtui.store.store import Store
from calibtui.workspace.settings import BudgetSettings

EUR = 1_000_000
BUDGETS = {"team": BudgetSettings("team", 1), "team/marco": BudgetSettings("team/marco", 1)}


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path) as store:
        yield store


@pytest.fixture
async def crashed(store) -> Ledger:
    """`a` and `b` lost at 0.30 each, `c` settled at 0.10, `d` settled at its worst case of 0.20 without a usage."""
    async with Ledger.open(store.ledger, BUDGETS) as ledger:
        for call_id in "ab":
            await ledger.hold("team/marco", 300_000, call_id)
        ledger.settle(await ledger.hold("team/marco", 200_000, "c"), 100_000, measured=True)
        ledger.settle(await ledger.hold("team/marco", 200_000, "d"), 200_000, measured=False)
    return Ledger.open(store.ledger, BUDGETS)


async def test_a_lost_call_gets_its_stated_cost_and_its_money_comes_back(store, crashed):
    with pytest.raises(BudgetExhaustedError):
        await crashed.hold("team", 200_000, "no room")
    rows = await crashed.reconcile({"a": 50_000}, who="ada", why="invoice 7")
    assert [(row.call_id, row.held, row.settled, row.difference) for row in rows] == [
        ("a", 300_000, 50_000, -250_000),
        ("b", 300_000, 300_000, 0),
    ]
    assert rows[1].why == "left unsettled and not in the statement: it counts at its worst case"
    assert set(crashed.lines()) == {BudgetLine(node, EUR, 350_000, 300_000) for node in BUDGETS}
    audit = (await crashed.audit())[-1]
    assert (audit.kind, audit.who, audit.call_id, audit.from_micro_eur, audit.to_micro_eur) == (
        "reconcile",
        "ada",
        "a",
        300_000,
        50_000,
    )
    assert audit.why == "left unsettled, now at its stated cost; invoice 7"
    await crashed.hold("team", 200_000, "room")
    await crashed.close()
    assert store.ledger.calls(["a"])[0].cost == 50_000


async def test_a_complete_statement_frees_what_it_does_not_have(crashed):
    rows = await crashed.reconcile({}, who="ada", complete=True)
    assert [(row.call_id, row.settled) for row in rows] == [("a", 0), ("b", 0)]
    assert "was never charged" in rows[0].why
    assert await crashed.unsettled() == []
    assert crashed.lines()[0] == BudgetLine("team", EUR, 300_000, 0)


async def test_calls_that_are_settled_already_are_compared_and_corrected(crashed):
    rows = await crashed.reconcile({"c": 100_000, "d": 130_000}, who="ada")
    assert {row.call_id: (row.difference, row.why) for row in rows if row.call_id in "cd"} == {
        "c": (0, "both books agree"),
        "d": (-70_000, "settled here at 0.20 EUR, stated otherwise"),
    }
    assert crashed.lines()[0].spent == 230_000
    assert [row.kind for row in await crashed.audit()] == ["file", "file", "reconcile"]


async def test_doing_it_again_changes_nothing(store, crashed):
    statement = {"a": 50_000, "d": 130_000, "b": 0}
    await asyncio.gather(crashed.reconcile(statement, who="x"), crashed.reconcile(statement, who="y"))
    again = await crashed.reconcile(statement, who="ada")
    assert [row.difference for row in again] == [0, 0, 0]
    assert crashed.lines()[0] == BudgetLine("team", EUR, 280_000, 0)
    await crashed.close()
    assert Ledger.open(store.ledger, BUDGETS).lines() == crashed.lines()


async def test_a_call_that_we_do_not_know_is_told_and_not_booked(crashed):
    rows = await crashed.reconcile({"stranger": 70_000}, who="ada")
    (stranger,) = [row for row in rows if row.call_id == "stranger"]
    assert (stranger.difference, stranger.booked) == (70_000, False)
    assert "charged by something other than this workspace" in stranger.why
    assert crashed.lines()[0].spent == 300_000


async def test_calls_in_flight_are_left_to_their_replies(crashed):
    hold = await crashed.hold("team", 50_000, "now")
    rows = await crashed.reconcile({"now": 10_000}, who="ada", complete=True)
    (row,) = [row for row in rows if row.call_id == "now"]
    assert (row.booked, row.why) == (False, "still in flight here: left alone")
    crashed.settle(hold, 20_000, measured=True)
    assert crashed.lines()[0] == BudgetLine("team", EUR, 320_000, 0)


async def test_a_statement_with_a_cost_that_can_be_none_is_refused_whole(crashed):
    with pytest.raises(ConfigurationError, match=r"call 'b' a cost of -5 micro-EUR"):
        await crashed.reconcile({"a": 1, "b": -5}, who="ada")
    assert len(await crashed.unsettled()) == 2


async def test_calls_without_budgets_are_reconciled_as_well(store):
    async with Ledger.open(store.ledger, {}) as ledger:
        await ledger.hold(None, 9, "a")
    ledger = Ledger.open(store.ledger, {})
    assert [row.difference for row in await ledger.reconcile({"a": 4}, who="ada")] == [-5]
    assert await ledger.unsettled() == []


async def test_a_call_that_a_crash_left_open_can_be_taken_over_and_settled_as_if_nothing_had_happened(store, crashed):
    holds = await crashed.adopt(["a", "c", "never heard of"])
    assert {name: (hold.node, hold.micro_eur) for name, hold in holds.items()} == {"a": ("team/marco", 300_000)}
    assert [call.call_id for call in await crashed.unsettled()] == ["b"]
    assert crashed.lines()[0] == BudgetLine("team", EUR, 300_000, 600_000), "held as before"
    crashed.settle(holds["a"], 50_000, measured=True)
    assert crashed.lines()[0] == BudgetLine("team", EUR, 350_000, 300_000)
    await crashed.durable()
    assert store.ledger.calls(["a"])[0].cost == 50_000
    await crashed.close()
    again = Ledger.open(store.ledger, BUDGETS)
    assert again.lines() == crashed.lines(), "a restart finds the same"
    await again.close()


async def test_what_was_taken_over_is_in_flight_so_a_statement_leaves_it_alone(store, crashed):
    holds = await crashed.adopt(["a"])
    assert await crashed.adopt(["a"]) == {}, "nobody else can take it over"
    rows = await crashed.reconcile({"a": 1}, who="ada", complete=True)
    assert {row.call_id: row.booked for row in rows} == {"a": False, "b": True}
    crashed.release(holds["a"])
    assert crashed.lines()[0].held == 0
    await crashed.close()


async def test_a_hold_of_a_node_that_is_declared_no_more_can_still_be_settled(store, crashed):
    await crashed.close()
    async with Ledger.open(store.ledger, {"team": BUDGETS["team"]}) as ledger:
        holds = await ledger.adopt(["a", "b"])
        for hold in holds.values():
            ledger.settle(hold, 10_000, measured=True)
        assert ledger.lines() == (BudgetLine("team", EUR, 320_000, 0),)
