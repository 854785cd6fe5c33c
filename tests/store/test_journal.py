"""What is written to the journal is durable at once, and in its tables for whoever looks."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from calibtui.core.scores import CallRecord, Score, ScoreKey
from calibtui.store import journal
from calibtui.store.ledger import Entry, LedgerBatch
from calibtui.store.scores import Scored
from calibtui.store.store import Store

ROOT = Path(__file__).resolve().parents[2]
DIES = """
import os, sys
from pathlib import Path
from tests.store.test_journal import batch
from calibtui.store.store import Store

store = Store(Path(sys.argv[1]))
for number in range(int(sys.argv[2])):
    store.ledger.commit(batch(number))
os._exit(0)
"""


def batch(number: int, *, difficulty: float = 0.5, reasons: tuple[str, ...] = ("blur",), replace: bool = False):
    key = ScoreKey(f"pay-{number}", "pd", "m", "par")
    usage = (10, 2, 7, "team", 5.0, 1.0)
    score = Score(f"{number}.jpg", f"{number}", difficulty, reasons, "p@1", "pd", "m", "m", "p", 1, None, *usage)
    call = CallRecord(f"c-{number}", f"{number}", "p", "m", "m", f"done-{number}", "ok", 1, 10, 2, True, 7, 5.0, 1.0)
    money = [Entry(f"c-{number}", "hold", "team", 9, 1.0, ""), Entry(f"c-{number}", "measured", "team", 7, 1.0, "")]
    return LedgerBatch(money, scored=[Scored("run", [(key, score)], calls=[call], replace=replace)])


def in_tables(store: Store) -> tuple[int, int, list[int]]:
    return store.scores.count(), store.scores.spent(), [total.spent for total in store.ledger.totals(0.0)]


def difficulties(store: Store) -> list[float]:
    return sorted(store.scores.difficulties("p@1", ["m"]).tolist())


def test_a_score_and_its_money_are_there_for_whoever_looks_next(tmp_path):
    with Store(tmp_path) as store:
        for number in range(5):
            store.ledger.commit(batch(number))
            assert in_tables(store) == (number + 1, 7 * (number + 1), [7 * (number + 1)])


def test_a_process_that_dies_right_after_its_commits_has_lost_none_of_them(tmp_path):
    for deaths in (1, 2):
        subprocess.run([sys.executable, "-c", DIES, str(tmp_path), str(3 * deaths)], check=True, timeout=60, cwd=ROOT)
    with Store(tmp_path) as store:
        assert (store.scores.count(), store.scores.spent()) == (6, 42), "those of the first are passed over"


def test_nothing_stays_in_the_journal(tmp_path):
    with Store(tmp_path) as store:
        store.ledger.commit(batch(1))
    with Store(tmp_path) as store:
        assert store.runs._rows("SELECT count(*) FROM journal") == [(0,)]
        assert store.scores.count() == 1


def test_many_rows_reach_their_tables_without_anybody_looking(tmp_path, monkeypatch):
    monkeypatch.setattr(journal, "FOLD_AT", 40)
    with Store(tmp_path) as store:
        for number in range(50):
            store.ledger.commit(batch(number))
        store._connection._thread.shutdown(wait=True)
        with store._connection._connection.cursor() as beside:
            assert beside.execute("SELECT count(*) FROM scores").fetchall()[0][0] >= 10


def test_a_score_that_is_there_stays_and_one_asked_again_on_purpose_takes_its_place(tmp_path):
    with Store(tmp_path) as store:
        store.ledger.commit(batch(1, difficulty=0.5))
        store.ledger.commit(batch(1, difficulty=0.9))
        store.ledger.commit(batch(2, difficulty=0.1, reasons=()))
        assert difficulties(store) == [0.1, 0.5]
        assert store.scores.spent() == 14
        store.ledger.commit(batch(1, difficulty=0.7, reasons=(), replace=True))
        assert difficulties(store) == [0.1, 0.7]


@pytest.mark.parametrize("number", [2**63, 2**64, -(2**70)])
def test_a_number_that_no_column_holds_is_refused_at_once_and_harms_nothing(tmp_path, number):
    bad = LedgerBatch([Entry("a", "hold", "team", number, 1.0, "")], scored=batch(1).scored)
    with Store(tmp_path) as store:
        with pytest.raises(OverflowError):
            store.ledger.commit(bad)
        store.ledger.commit(batch(2))
        assert store.scores.count() == 1
    with Store(tmp_path) as store:
        assert [call.call_id for call in store.ledger.calls(["a", "c-2"])] == ["c-2"]


def test_writers_and_readers_in_several_threads_lose_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(journal, "FOLD_AT", 60)

    def write(thread: int) -> None:
        for number in range(25):
            store.ledger.commit(batch(100 * thread + number))
            if number % 5 == thread:
                assert store.scores.count() > number

    with Store(tmp_path) as store, ThreadPoolExecutor(3) as threads:
        list(threads.map(write, range(3)))
        assert in_tables(store) == (75, 7 * 75, [7 * 75])


def test_rows_that_can_not_reach_their_tables_are_told_of_and_kept(tmp_path, monkeypatch):
    with Store(tmp_path) as store:
        with monkeypatch.context() as patch:
            patch.setattr(journal, "append_rows", _full)
            store.ledger.commit(batch(1))
            with pytest.raises(OSError, match="full"):
                store.scores.count()
        assert store.scores.count() == 1


def _full(*_: object) -> None:
    raise OSError("the disk is full")
