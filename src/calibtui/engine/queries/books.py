"""Who spent what, and who changed which cap."""

from __future__ import annotations

import time

from calibtui.engine.queries.registry import QueryContext, answers
from calibtui.engine.wire.money import Audit, Books, Money, Spend
from calibtui.engine.wire.snapshot import Budget
from calibtui.pipeline.money import balances
from calibtui.store.ledger import AuditRow
from calibtui.store.spending import SpendRow

MOST_AUDITED = 1000
WARNED = (95, 80, 50)


@answers(Money)
def books(context: QueryContext, query: Money) -> Books:
    """Read from the rows: a call in flight counts as unsettled, at its worst case. Raises SettingsError for budgets
    that can't be."""
    settings = context.settings.budgets
    lines = balances(context.settings, context.store, time.time()) if settings else ()
    unsettled = context.store.ledger.unsettled()
    return Books(
        budgets=tuple(
            Budget(
                node=line.node,
                cap=line.cap,
                spent=line.spent,
                held=line.held,
                period=settings[line.node].period,
                user=settings[line.node].user,
                warned=next((percent for percent in WARNED if 100 * line.spent >= percent * line.cap), 0),
            )
            for line in lines
        ),
        spending=tuple(map(_spend, context.store.spending.by_model())),
        audit=tuple(_audit(row) for row in reversed(context.store.ledger.audit(MOST_AUDITED))),
        unsettled=len(unsettled),
        unsettled_held=sum(call.held for call in unsettled),
    )


def _spend(row: SpendRow) -> Spend:
    return Spend(
        node=row.node or "",
        model=row.model,
        prompt=row.prompt,
        run=row.run,
        calls=row.calls,
        input_tokens=row.input_tokens,
        output_tokens=row.output_tokens,
        spent=row.spent,
    )


def _audit(row: AuditRow) -> Audit:
    return Audit(
        at=row.written_at,
        by=row.who,
        node=row.node or "",
        before=row.from_micro_eur,
        after=row.to_micro_eur,
        why=f"{row.why} (call {row.call_id})" if row.call_id else row.why,
    )
