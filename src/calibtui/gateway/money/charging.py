"""Who pays for a call: a node of the ledger, or nobody where calls cost nothing.

Each request has a hold of its own, taken before it may leave, so that what is on disk is never less than what the
upstream may charge.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:  # the ledger brings the store with it, which a judge without budgets has no use for
    from calibtui.gateway.money.ledger import Hold


class Holds(Protocol):
    """What a gateway needs of a Ledger."""

    async def hold(self, node: str | None, worst_case_micro_eur: int, call_id: str, *, what: str = "") -> Hold:
        """Durable when it returns. Raises BudgetExhaustedError."""
        ...

    def settle(self, hold: Hold, cost_micro_eur: int, *, measured: bool) -> None: ...

    def release(self, hold: Hold) -> None: ...


@dataclass(frozen=True, slots=True)
class Payer:
    """Every call is charged to `node` of `holds`."""

    holds: Holds
    node: str | None


@dataclass(slots=True)
class Charge:
    """One request's money, from its hold to its end; it ends once, whatever else is called afterwards."""

    call_id: str
    payer: Payer | None
    hold: Hold | None

    @classmethod
    async def held(cls, payer: Payer | None, call_id: str, worst_micro_eur: int, what: str) -> Charge:
        """Raises BudgetExhaustedError; cancelling it leaves nothing held."""
        if payer is None:
            return cls(call_id, None, None)
        return cls(call_id, payer, await payer.holds.hold(payer.node, worst_micro_eur, call_id, what=what))

    def settle(self, cost_micro_eur: int, *, measured: bool) -> None:
        """The request came to this; `measured` False where the worst case stands in."""
        if self.payer is not None and self.hold is not None:
            hold, self.hold = self.hold, None
            self.payer.holds.settle(hold, cost_micro_eur, measured=measured)

    def release(self) -> None:
        """The request provably never left."""
        if self.payer is not None and self.hold is not None:
            hold, self.hold = self.hold, None
            self.payer.holds.release(hold)
