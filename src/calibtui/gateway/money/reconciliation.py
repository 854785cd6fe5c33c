"""Our books beside somebody else's: what a crash left open gets its true cost, and every difference its reason."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from calibtui.core.errors import ConfigurationError
from calibtui.gateway.money.budget_tree import written
from calibtui.store.ledger import AuditRow, CallBooks, Entry

LARGEST_MICRO_EUR = 10**15
"""A billion EUR: a dearer call is a mistake of whoever states it, and sums of these still fit into the store."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One call, in micro-EUR: `held` before it left, `counted` in our books until now (its cost, or its worst case
    where it had none), `settled` in the other books or by this reconciliation; `booked`: whether ours now say the
    same."""

    call_id: str
    node: str | None
    held: int
    counted: int
    settled: int
    booked: bool
    why: str

    @property
    def difference(self) -> int:
        return self.settled - self.counted


@dataclass(frozen=True, slots=True)
class Correction:
    """What makes our books agree about one call."""

    books: CallBooks
    cost: int
    why: str

    @property
    def entry(self) -> Entry:
        books = self.books
        kind, amount = ("stated", self.cost) if books.cost is None else ("correction", self.cost - books.cost)
        return Entry(books.call_id, kind, books.node, amount, books.held_at, books.what)

    def audit(self, who: str, why: str, at: float) -> AuditRow:
        books = self.books
        before = books.held if books.cost is None else books.cost
        text = f"{self.why}; {why}" if why else self.why
        return AuditRow(at, "reconcile", books.node, books.call_id, who, before, self.cost, None, text)


def compared(
    statement: Mapping[str, int], books: Iterable[CallBooks], *, complete: bool
) -> tuple[list[Difference], list[Correction]]:
    """Our `books` of calls beside a `statement` of micro-EUR by call id.

    `books` are the stated calls that the ledger knows, and all unsettled ones; none of them may still be in flight.
    With `complete` the statement lists every call that was charged, so that an unsettled one it leaves out cost
    nothing; else that one goes on counting at its worst case. Raises ConfigurationError for a cost that can't be one.
    """
    _check(statement)
    known = {call.call_id: call for call in books}
    rows: list[Difference] = []
    corrections: list[Correction] = []
    for call in known.values():
        cost, why = _verdict(call, statement.get(call.call_id), complete)
        before = call.held if call.cost is None else call.cost
        if cost is not None and cost != call.cost:
            corrections.append(Correction(call, cost, why))
        settled = before if cost is None else cost
        rows.append(Difference(call.call_id, call.node, call.held, before, settled, True, why))
    why = "in the statement alone: charged by something other than this workspace"
    rows += [
        Difference(call_id, None, 0, 0, cost, False, why) for call_id, cost in statement.items() if call_id not in known
    ]
    return rows, corrections


def left_alone(call_id: str, node: str | None, held: int, stated: int) -> Difference:
    """The row of a call that is stated while it is in flight here: its reply will settle it."""
    return Difference(call_id, node, held, held, stated, False, "still in flight here: left alone")


def _verdict(call: CallBooks, stated: int | None, complete: bool) -> tuple[int | None, str]:
    """The cost the call should have from now on, None where nothing is known of it, and why."""
    if stated is not None and stated == call.cost:
        return stated, "both books agree"
    if stated is not None and call.cost is not None:
        return stated, f"settled here at {written(call.cost)} EUR, stated otherwise"
    if stated is not None:
        return stated, "left unsettled, now at its stated cost"
    if complete:
        return 0, "left unsettled, and the complete statement has no such call: it was never charged"
    return None, "left unsettled and not in the statement: it counts at its worst case"


def _check(statement: Mapping[str, int]) -> None:
    for call_id, cost in statement.items():
        if not 0 <= cost <= LARGEST_MICRO_EUR:
            raise ConfigurationError(
                f"The statement gives the call {call_id!r:.80} a cost of {cost:,} micro-EUR.",
                "A cost is a whole number from 0 on; credits and fees of a bill belong to no call.",
            )
