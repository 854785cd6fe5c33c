"""Who spent what: calls beside the budget node that the ledger charged them to."""

from __future__ import annotations

from dataclasses import dataclass

from calibtui.store.table import Table


@dataclass(frozen=True, slots=True)
class SpendRow:
    """One line of the bill; `node` None for calls made without [budgets]. `spent` in micro-EUR."""

    node: str | None
    run: str
    provider: str
    model: str
    prompt: str
    calls: int
    input_tokens: int
    output_tokens: int
    spent: int


class SpendingTable(Table):
    def by_model(self) -> list[SpendRow]:
        """By node, run, provider, answered model and prompt version; the dearest first."""
        sql = """
            WITH charged AS (SELECT call_id, any_value(node) AS node FROM ledger_entries GROUP BY call_id),
                 asked AS (SELECT run, digest, any_value(prompt) AS prompt FROM scores GROUP BY run, digest)
            SELECT charged.node, calls.run, calls.provider, calls.answered_model, coalesce(asked.prompt, ''), count(*),
                   sum(calls.input_tokens)::BIGINT, sum(calls.output_tokens)::BIGINT, sum(calls.cost_micro_eur)::BIGINT
            FROM calls LEFT JOIN charged USING (call_id) LEFT JOIN asked USING (run, digest)
            GROUP BY ALL ORDER BY 9 DESC, 1, 2, 3, 4, 5
        """
        return [SpendRow(*row) for row in self._rows(sql)]
