"""Who may spend, decided before the money is gone: every call's worst case is on disk before its request leaves.

    hold = await ledger.hold(node, worst_case, call_id)    # durable, or BudgetExhaustedError
    ...send...
    ledger.settle(hold, cost, measured=True)               # or release(hold) where nothing can have left

One Ledger a workspace owns the balances, in memory, on one event loop: check and hold are one step that nothing
interleaves with. The store is written in group commits and read only when the ledger is opened. A settlement that a
crash swallows costs no money: its call counts at the worst case until it is reconciled.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from calibtui.core.summary import BudgetLine
from calibtui.gateway.money.balances import fill
from calibtui.gateway.money.budget_tree import BudgetTree, Node, carry, correct, refusal, settle, take, written
from calibtui.gateway.money.caps import cap_of, caps_in_force, changes_of_file
from calibtui.gateway.money.group_commit import GroupCommit
from calibtui.gateway.money.os_user import os_user
from calibtui.gateway.money.reconciliation import LARGEST_MICRO_EUR, Correction, Difference, compared, left_alone
from calibtui.store.ledger import AuditRow, CallBooks, Entry, LedgerBatch, LedgerTable, WarningRow
from calibtui.store.scores import Scored
from calibtui.workspace.settings import BudgetSettings


@dataclass(frozen=True, slots=True)
class Hold:
    """The worst case of one call, set aside. `held_at`: the ledger's time, UTC seconds, which names its periods."""

    call_id: str
    node: str | None
    micro_eur: int
    held_at: float
    what: str


@dataclass(frozen=True, slots=True)
class BudgetWarning:
    """`percent` of a node's cap is spent, worst cases of crashed calls included; money in micro-EUR."""

    node: str
    percent: int
    cap: int
    spent: int

    def __str__(self) -> str:
        return f"The budget {self.node} has passed {self.percent} %: {written(self.spent)} of {written(self.cap)} EUR."


OnWarning = Callable[[BudgetWarning], None]


@dataclass(frozen=True, slots=True)
class _Asking:
    """A call that waits for calls in flight to give back what they don't use."""

    path: tuple[Node, ...]
    hold: tuple[str, str | None, int, str]
    granted: asyncio.Future[Hold]


class Ledger:
    """Open it with `open`, end it with `close` or `async with`. Its methods belong to one event loop.

    Time never runs backwards here: under a clock that is set back, the newest period that had a hold goes on, so that
    no old period's money can be spent again.
    """

    def __init__(
        self, table: LedgerTable, tree: BudgetTree, *, clock: Callable[[], float], newest: float, on_warning: OnWarning
    ) -> None:
        self._table = table
        self._tree = tree
        self._clock = clock
        self._latest = max(clock(), newest)
        self._on_warning = on_warning
        self._commits = GroupCommit(table.commit)
        self._in_flight: dict[str, Hold] = {}
        self._asking: list[_Asking] = []
        self._by_hand = asyncio.Lock()

    @classmethod
    def open(
        cls,
        table: LedgerTable,
        budgets: Mapping[str, BudgetSettings],
        *,
        clock: Callable[[], float] = time.time,
        who: str | None = None,
        on_warning: OnWarning = lambda _: None,
    ) -> Ledger:
        """Balances as the store has them, with every call that was never settled at its worst case.

        Caps that calibtui.toml changed since are written to the audit as `who`'s (default: the OS user's) doing.
        Raises SettingsError for budgets that can't be.
        """
        tree = BudgetTree.from_settings(budgets)
        history = table.caps()
        changes = changes_of_file(budgets, history, who or os_user(), clock())
        ledger = cls(table, tree, clock=clock, newest=table.newest_hold(), on_warning=on_warning)
        fill(tree, table, caps_in_force([*history, *changes]), ledger._now())
        table.commit(LedgerBatch(audit=changes, warnings=ledger._due(tree)))
        return ledger

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Everything settled so far is on disk. Raises what made a write fail, if one did."""
        await self._commits.close()

    def node_of(self, user: str) -> str | None:
        """The node that an OS user's calls are charged to; None without budgets. Raises SettingsError."""
        return self._tree.node_of(user)

    async def hold(
        self, node: str | None, worst_case_micro_eur: int, call_id: str, *, what: str = "", wait: bool = True
    ) -> Hold:
        """Sets the worst case aside under `node` and every node above it; on disk when it returns.

        Where only calls in flight stand in the way, it waits for what they give back (not with `wait` False), so settle
        or release one hold before asking for the next. `what` describes the call to people. Cancelling it leaves
        nothing held. Raises BudgetExhaustedError, SettingsError for an unknown node.
        """
        if not 0 <= worst_case_micro_eur <= LARGEST_MICRO_EUR:
            raise ValueError(f"a worst case of {worst_case_micro_eur} micro-EUR")
        if self._commits.failure is not None:
            raise self._commits.failure
        path = self._tree.path(node)
        asked = (call_id, node, worst_case_micro_eur, what)
        hold = self._try(path, asked, patient=wait) or await self._room(path, asked)
        try:
            await self._commits.committed()
        except BaseException:
            self.release(hold)
            raise
        return hold

    def settle(self, hold: Hold, cost_micro_eur: int, *, measured: bool) -> None:
        """The call came to this; `measured` False where its worst case, or a guess, stands in for a reply's usage.

        Written with the next commit. A cost above the hold is booked as it is, with an audit row, and where it passes a
        cap nothing more leaves. Raises ValueError for a negative cost and a hold that isn't open.
        """
        if cost_micro_eur < 0:
            raise ValueError(f"a cost of {cost_micro_eur} micro-EUR")
        cost = min(cost_micro_eur, LARGEST_MICRO_EUR)
        self._end(hold, "measured" if measured else "worst_case", cost)
        if cost > hold.micro_eur:
            why = "the reply cost more than its worst case"
            row = (hold.node, hold.call_id, "calibtui", hold.micro_eur, cost, None, why)
            self._commits.add(AuditRow(self._clock(), "overrun", *row))

    def release(self, hold: Hold) -> None:
        """Gives the whole hold back: only where the request provably never left. Raises ValueError as settle does."""
        self._end(hold, "released", 0)

    def keep(self, scored: Scored) -> None:
        """What a call was for, in the next commit: on disk with its settlement, and before any later hold is, so
        before any later request leaves. Raises what made an earlier write fail."""
        if self._commits.failure is not None:
            raise self._commits.failure
        self._commits.add(scored)

    async def durable(self) -> None:
        """Returns when everything settled and kept so far is on disk. Raises what made a write fail, if one did."""
        await self._commits.committed()

    async def adopt(self, call_ids: Collection[str]) -> dict[str, Hold]:
        """Takes over those of the named calls that an earlier process left open: from here on they are in flight like
        any other, for whoever learns what they came to. Calls that are settled, unknown or in flight are left out."""
        async with self._by_hand:
            wanted = [call_id for call_id in call_ids if call_id not in self._in_flight]
            books = await self._commits.read(lambda: self._table.calls(wanted))
            adopted = [call for call in books if call.cost is None and call.call_id not in self._in_flight]
            for call in adopted:
                self._in_flight[call.call_id] = Hold(call.call_id, call.node, call.held, call.held_at, call.what)
                carry(self._lineage(call.node), call.held_at, call.held)
            return {call.call_id: self._in_flight[call.call_id] for call in adopted}

    def lines(self) -> tuple[BudgetLine, ...]:
        """Every node's cap and balance in its current period, in the order of calibtui.toml. `held` counts calls in
        flight and those that a crash left open."""
        return self._tree.lines(self._now())

    async def set_cap(self, node: str, eur: float | int | str, who: str, why: str) -> None:
        """Changes a node's cap, durable and audited when it returns; lower than what is gone or held already is
        allowed, and lets nothing more leave. Raises SettingsError."""
        place, cap = self._tree.node(node), cap_of(eur)
        async with self._by_hand:
            # A lower cap holds from this moment, a higher one only once it is on disk.
            before, place.cap = place.cap, min(cap, place.cap)
            self._commits.add(AuditRow(self._clock(), "set", node, None, who, before, cap, None, why))
            await self._commits.committed()
            place.cap = cap
            if cap != before:
                place.warned.clear()
        self._warn((place,))
        self._serve()

    async def audit(self, limit: int = 1000) -> list[AuditRow]:
        """The newest changes of caps and corrections of costs, in the order they were made."""
        return await self._commits.read(lambda: self._table.audit(limit))

    async def unsettled(self) -> list[CallBooks]:
        """Calls that a crash left open, oldest first; those in flight now aren't among them."""
        began = self._latest
        in_flight = set(self._in_flight)
        calls = await self._commits.read(self._table.unsettled)
        return [call for call in calls if call.held_at <= began and call.call_id not in in_flight]

    async def reconcile(
        self, statement: Mapping[str, int], *, who: str, why: str = "", complete: bool = False
    ) -> list[Difference]:
        """Books the costs of a provider's, a gateway's or an operator's `statement`, micro-EUR by call id, audited and
        durable when it returns; a row for each call in it and each unsettled one. Calls in flight are left alone.

        With `complete`, an unsettled call that the statement leaves out cost nothing. Raises ConfigurationError for a
        cost that can't be one.
        """
        async with self._by_hand:
            flying = dict(self._in_flight)
            unsettled = await self.unsettled()
            stated = await self._commits.read(lambda: self._table.calls(statement))
            flying |= self._in_flight
            books = [call for call in stated if call.cost is not None] + unsettled
            settled = {call_id: cost for call_id, cost in statement.items() if call_id not in flying}
            rows, corrections = compared(
                settled, [call for call in books if call.call_id not in flying], complete=complete
            )
            self._commits.add(*(fix.entry for fix in corrections))
            self._commits.add(*(fix.audit(who, why, self._clock()) for fix in corrections))
            await self._commits.committed()
            for fix in corrections:
                self._corrected(fix)
        self._serve()
        return rows + [
            left_alone(call_id, hold.node, hold.micro_eur, statement[call_id])
            for call_id, hold in flying.items()
            if call_id in statement
        ]

    def _try(self, path: tuple[Node, ...], asked: tuple[str, str | None, int, str], *, patient: bool) -> Hold | None:
        """A hold, taken and queued for the disk; None where waiting can help. Raises BudgetExhaustedError."""
        call_id, node, worst_case, what = asked
        if call_id in self._in_flight:
            raise ValueError(f"the call {call_id} is in flight already")
        now = self._latest = self._now()
        for place in path:
            place.enter(now)
        refused = refusal(path, worst_case)
        if refused is not None and (refused.final or not patient):
            raise refused.error(now - self._clock())
        if refused is not None:
            return None
        take(path, worst_case)
        hold = self._in_flight[call_id] = Hold(call_id, node, worst_case, now, what)
        self._commits.add(Entry(call_id, "hold", node, worst_case, now, what))
        return hold

    async def _room(self, path: tuple[Node, ...], asked: tuple[str, str | None, int, str]) -> Hold:
        granted: asyncio.Future[Hold] = asyncio.get_running_loop().create_future()
        self._asking.append(_Asking(path, asked, granted))
        try:
            return await granted
        except asyncio.CancelledError:
            if granted.done() and not granted.cancelled() and granted.exception() is None:
                self.release(granted.result())
            raise

    def _serve(self) -> None:
        """Lets those who wait for money ask again, first come first served."""
        asking, self._asking = self._asking, []
        for one in asking:
            if one.granted.done():
                continue
            try:
                hold = self._try(one.path, one.hold, patient=True)
            except Exception as error:
                one.granted.set_exception(error)
                continue
            if hold is None:
                self._asking.append(one)
            else:
                one.granted.set_result(hold)

    def _end(self, hold: Hold, kind: str, cost: int) -> None:
        if self._in_flight.get(hold.call_id) is not hold:
            raise ValueError(f"the hold of the call {hold.call_id} is not open")
        del self._in_flight[hold.call_id]
        path = self._lineage(hold.node)
        settle(path, hold.held_at, hold.micro_eur, cost)
        self._commits.add(Entry(hold.call_id, kind, hold.node, cost, hold.held_at, hold.what))
        self._warn(path)
        if self._asking:
            self._serve()

    def _lineage(self, node: str | None) -> tuple[Node, ...]:
        """Of a hold that may be older than calibtui.toml is now."""
        return () if node is None else self._tree.lineage(node)

    def _corrected(self, fix: Correction) -> None:
        call = fix.books
        if call.node is None:
            return
        lost, spent = (-call.held, fix.cost) if call.cost is None else (0, fix.cost - call.cost)
        path = self._tree.lineage(call.node)
        correct(path, call.held_at, lost=lost, spent=spent)
        self._warn(path)

    def _now(self) -> float:
        """Later than every hold, and than every beginning of a period, so far; a hold's time is its own."""
        return max(self._clock(), math.nextafter(self._latest, math.inf))

    def _warn(self, nodes: Iterable[Node]) -> None:
        due = self._due(nodes)
        if due:
            self._commits.add(*due)

    def _due(self, nodes: Iterable[Node]) -> list[WarningRow]:
        """Gives the warnings that are due; what remembers them."""
        rows = []
        for node in nodes:
            for percent in node.crossed():
                self._on_warning(BudgetWarning(node.name, percent, node.cap, node.certain))
                rows.append(WarningRow(node.name, node.period.starts_at, percent, node.cap, self._clock()))
        return rows
