"""Money set aside and spent, call by call, with an audit of everything that changed a cap or a cost by hand.

Written several hundred times a second, so what is committed goes through the journal, and scores with the money that
they cost.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from operator import attrgetter
from typing import Any

from calibtui.store.journal import Journal, Rows
from calibtui.store.scores import Scored, scored_rows
from calibtui.store.table import Table


@dataclass(frozen=True, slots=True)
class Entry:
    """micro-EUR of one call. `kind`: hold, measured, worst_case, released, stated or correction (a difference).
    `held_at` is the ledger's time of the call's hold, UTC seconds; `what` describes the call for people."""

    call_id: str
    kind: str
    node: str | None
    micro_eur: int
    held_at: float
    what: str


@dataclass(frozen=True, slots=True)
class AuditRow:
    """Who changed what, when and why. `kind`: file or set for a cap, reconcile or overrun for a call's cost.
    `from_micro_eur` and `to_micro_eur` are None where there was, or is, no cap."""

    written_at: float
    kind: str
    node: str | None
    call_id: str | None
    who: str
    from_micro_eur: int | None
    to_micro_eur: int | None
    period: str | None
    why: str


@dataclass(frozen=True, slots=True)
class WarningRow:
    node: str
    period_starts_at: float
    percent: int
    cap_micro_eur: int
    written_at: float


@dataclass(slots=True)
class LedgerBatch:
    """What is committed together. `scored`: what the calls were for, durable with the money of whatever comes next."""

    entries: list[Entry] = field(default_factory=list)
    audit: list[AuditRow] = field(default_factory=list)
    warnings: list[WarningRow] = field(default_factory=list)
    scored: list[Scored] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.entries or self.audit or self.warnings or self.scored)


@dataclass(frozen=True, slots=True)
class CallBooks:
    """One call as booked: `held` at first, `cost` since, None where it is not settled."""

    call_id: str
    node: str | None
    held_at: float
    what: str
    held: int
    cost: int | None


@dataclass(frozen=True, slots=True)
class NodeTotal:
    """micro-EUR of the calls charged to the node itself, descendants not included: `spent` by the settled, `unsettled`
    the worst cases of the rest."""

    node: str
    spent: int
    unsettled: int


_TABLES: dict[type[Any], str] = {Entry: "ledger_entries", AuditRow: "ledger_audit", WarningRow: "ledger_warnings"}
_CALLS = """
    SELECT call_id, any_value(node) AS node, held_at, any_value(what) AS what,
           sum(micro_eur) FILTER (kind = 'hold') AS held, sum(micro_eur) FILTER (kind <> 'hold') AS cost
    FROM ledger_entries {where} GROUP BY call_id, held_at
"""


_COLUMNS = {row: tuple(column.name for column in fields(row)) for row in _TABLES}


_VALUES = {row: attrgetter(*columns) for row, columns in _COLUMNS.items()}


def _rows(rows: Sequence[Entry] | Sequence[AuditRow] | Sequence[WarningRow]) -> list[Rows]:
    if not rows:
        return []
    kind = type(rows[0])
    return [Rows(_TABLES[kind], _COLUMNS[kind], list(map(_VALUES[kind], rows)))]


def _names(row: type[Any]) -> str:
    return ", ".join(_COLUMNS[row])


class LedgerTable(Table):
    """Reads see what is committed alone."""

    def __init__(self, journal: Journal) -> None:
        super().__init__(journal)
        self._journal = journal

    def commit(self, batch: LedgerBatch) -> None:
        """All of it or nothing, durable when it returns."""
        if batch:
            money = [*_rows(batch.entries), *_rows(batch.audit), *_rows(batch.warnings)]
            self._journal.write([*money, *scored_rows(batch.scored)])

    def newest_hold(self) -> float:
        """The latest held_at there is, 0.0 in an empty ledger."""
        return float(self._rows("SELECT coalesce(max(held_at), 0) FROM ledger_entries")[0][0])

    def totals(self, since: float) -> list[NodeTotal]:
        """Of calls held at or after `since` (UTC seconds), by the node they were charged to."""
        sql = f"""
            SELECT node, coalesce(sum(cost), 0), coalesce(sum(held) FILTER (cost IS NULL), 0)
            FROM ({_CALLS.format(where="WHERE held_at >= ? AND node IS NOT NULL")}) GROUP BY node ORDER BY node
        """
        return [NodeTotal(node, int(spent), int(unsettled)) for node, spent, unsettled in self._rows(sql, [since])]

    def unsettled(self) -> list[CallBooks]:
        """Every call without a cost, oldest first."""
        sql = f"SELECT * FROM ({_CALLS.format(where='')}) WHERE cost IS NULL ORDER BY held_at"
        return _books(self._rows(sql))

    def calls(self, call_ids: Iterable[str]) -> list[CallBooks]:
        """The named calls that the ledger knows, oldest first."""
        where = "WHERE call_id IN (SELECT unnest($1::VARCHAR[]))"
        return _books(self._rows(f"{_CALLS.format(where=where)} ORDER BY held_at", [list(call_ids)]))

    def audit(self, limit: int = 1000) -> list[AuditRow]:
        """The newest `limit` rows, in the order they were written."""
        return self._audit("TRUE", limit)

    def caps(self) -> list[AuditRow]:
        """Every change of a cap, in the order they were made."""
        return self._audit("kind IN ('file', 'set')", None)

    def warnings(self) -> list[WarningRow]:
        return [WarningRow(*row) for row in self._rows(f"SELECT {_names(WarningRow)} FROM ledger_warnings")]

    def _audit(self, where: str, limit: int | None) -> list[AuditRow]:
        sql = f"SELECT {_names(AuditRow)} FROM ledger_audit WHERE {where} ORDER BY place DESC LIMIT ?"
        return [AuditRow(*row) for row in reversed(self._rows(sql, [limit]))]


def _books(rows: Sequence[tuple[Any, ...]]) -> list[CallBooks]:
    return [
        CallBooks(call_id, node, held_at, what, int(held or 0), None if cost is None else int(cost))
        for call_id, node, held_at, what, held, cost in rows
    ]
