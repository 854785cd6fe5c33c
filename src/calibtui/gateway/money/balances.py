"""A budget tree filled from the store: what opening the ledger finds, after a clean end or a crash."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from calibtui.gateway.money.budget_tree import BudgetTree, Node
from calibtui.store.ledger import LedgerTable, WarningRow


def fill(tree: BudgetTree, table: LedgerTable, caps: Mapping[str, int], now: float) -> None:
    """Puts the caps in force and the balances of the periods of `now` into the tree. A call that was never settled
    counts at its worst case; one charged to a node that is declared no more counts in the nodes above it."""
    for node in tree:
        node.cap = caps[node.name]
        node.enter(now)
    for since in {node.period.starts_at for node in tree}:
        for total in table.totals(since):
            for node in tree.lineage(total.node):
                if node.period.starts_at == since:
                    node.spent += total.spent
                    node.lost += total.unsettled
    given = [row for row in table.warnings() if row.node in caps]
    for node in tree:
        node.warned = _warned(node, given)


def _warned(node: Node, given: Iterable[WarningRow]) -> set[int]:
    return {
        row.percent
        for row in given
        if (row.node, row.period_starts_at, row.cap_micro_eur) == (node.name, node.period.starts_at, node.cap)
    }
