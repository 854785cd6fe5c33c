"""The ledger's rows come back as they were written, and add up by call, node and period."""

from __future__ import annotations

import pytest

from calibtui.store.ledger import AuditRow, CallBooks, Entry, LedgerBatch, NodeTotal, WarningRow
from calibtui.store.store import Store


@pytest.fixture
def table(tmp_path):
    with Store(tmp_path) as store:
        yield store.ledger


def entries(*rows: tuple[str, str, str | None, int, float]) -> LedgerBatch:
    return LedgerBatch(entries=[Entry(*row, "what") for row in rows])


def test_a_call_is_its_hold_and_the_sum_of_what_came_after(table):
    table.commit(entries(("a", "hold", "n", 90, 1.5), ("b", "hold", None, 80, 2.5), ("a", "measured", "n", 30, 1.5)))
    table.commit(entries(("a", "correction", "n", -10, 1.5)))
    assert table.calls(["a", "b", "c"]) == [
        CallBooks("a", "n", 1.5, "what", 90, 20),
        CallBooks("b", None, 2.5, "what", 80, None),
    ]
    assert [call.call_id for call in table.unsettled()] == ["b"]


def test_totals_are_of_the_node_itself_since_a_moment(table):
    table.commit(
        entries(
            ("old", "hold", "n", 90, 1.0),
            ("edge", "hold", "n", 80, 2.0),
            ("new", "hold", "n", 70, 3.0),
            ("new", "measured", "n", 7, 3.0),
            ("gone", "hold", "n/m", 60, 4.0),
            ("gone", "released", "n/m", 0, 4.0),
            ("free", "hold", None, 50, 5.0),
        )
    )
    assert table.totals(2.0) == [NodeTotal("n", 7, 80), NodeTotal("n/m", 0, 0)]
    assert table.totals(0.0) == [NodeTotal("n", 7, 170), NodeTotal("n/m", 0, 0)]


def test_two_calls_of_one_id_are_told_apart(table):
    table.commit(entries(("a", "hold", "n", 90, 1.0), ("a", "measured", "n", 5, 1.0), ("a", "hold", "n", 90, 2.0)))
    assert table.totals(0.0) == [NodeTotal("n", 5, 90)]


def test_a_moment_comes_back_to_the_last_bit(table):
    moment = 1_795_348_800.123456
    table.commit(entries(("a", "hold", "n", 1, moment)))
    assert table.newest_hold() == moment
    assert table.totals(moment) == [NodeTotal("n", 0, 1)]


def test_an_empty_ledger_has_nothing(table):
    table.commit(LedgerBatch())
    assert (table.newest_hold(), table.totals(0.0), table.unsettled(), table.caps()) == (0.0, [], [], [])


def test_the_audit_keeps_its_order_and_its_gaps(table):
    rows = [AuditRow(9.0 - n, "set", "n", None, "ada", None, n, None, "why") for n in range(5)]
    odd = AuditRow(1.0, "reconcile", None, "a", "ada", 1, 2, None, "why")
    table.commit(LedgerBatch(audit=rows))
    table.commit(LedgerBatch(audit=[odd]))
    assert table.audit() == [*rows, odd]
    assert table.audit(2) == [rows[-1], odd]
    assert table.caps() == rows


def test_warnings_come_back(table):
    row = WarningRow("n", 0.0, 80, 5, 1.0)
    table.commit(LedgerBatch(warnings=[row]))
    assert table.warnings() == [row]


def test_a_batch_is_written_whole_or_not_at_all(table):
    """A number that no column can hold fails the batch, the rows before it included."""
    rows = [Entry("a", "hold", "n", 1, 1.0, ""), Entry("b", "hold", "n", 2**70, 2.0, "")]
    with pytest.raises(Exception, match=r"(?i)cast|convert|range"):
        table.commit(LedgerBatch(audit=[AuditRow(1.0, "set", "n", None, "x", 1, 2, None, "")], entries=rows))
    assert (table.unsettled(), table.audit()) == ([], [])


def test_what_a_ledger_says_survives_a_restart(tmp_path):
    with Store(tmp_path) as store:
        store.ledger.commit(entries(("a", "hold", "n", 90, 1.0)))
    with Store(tmp_path) as store:
        assert store.ledger.totals(0.0) == [NodeTotal("n", 0, 90)]
