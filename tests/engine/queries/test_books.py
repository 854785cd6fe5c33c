"""Money and the job's log, as their screens show them."""

from __future__ import annotations

import time

import pytest
from tests.engine.queries.conftest import DOCUMENT

from calibtui.core.errors import ConfigurationError
from calibtui.core.scores import CallRecord
from calibtui.engine.wire.money import Money
from calibtui.engine.wire.runs import Log
from calibtui.pipeline.money import set_cap_in
from calibtui.store.jobs import JobRow
from calibtui.store.ledger import Entry, LedgerBatch

BUDGETS = DOCUMENT + '[budgets]\nteam = { eur = 10 }\n"team/marco" = { eur = 4, user = "marco" }\n'


def test_the_books_tell_balances_spending_and_who_changed_what(make_desk):
    desk = make_desk(document=BUDGETS)
    now = time.time()
    call = CallRecord("c1", desk.digests()[0], "p", "m", "m-2026", "x", "ok", 1, 5, 6, True, 700_000, 1.5, now)
    desk.store.scores.commit("r1", calls=[call])
    entries = [
        Entry("c1", "hold", "team/marco", 900_000, now, "a frame"),
        Entry("c1", "measured", "team/marco", 700_000, now, "a frame"),
        Entry("c2", "hold", "team/marco", 300_000, now + 1, "another"),
    ]
    desk.store.ledger.commit(LedgerBatch(entries=entries))
    set_cap_in(desk.store, desk.context.settings, "team/marco", "8", "giulia", "release week")
    books = desk.ask(Money())
    lines = {line.node: (line.cap, line.spent, line.held, line.user) for line in books.budgets}
    assert lines == {"team": (10_000_000, 700_000, 300_000, None), "team/marco": (8_000_000, 700_000, 300_000, "marco")}
    (spent,) = books.spending
    assert (spent.node, spent.model, spent.run, spent.calls, spent.spent) == ("team/marco", "m-2026", "r1", 1, 700_000)
    newest = books.audit[0]
    assert (newest.by, newest.node, newest.before, newest.after) == ("giulia", "team/marco", 4_000_000, 8_000_000)
    assert newest.why == "release week" and len(books.audit) == 3
    assert (books.unsettled, books.unsettled_held) == (1, 300_000)


def test_without_budgets_the_books_are_empty_and_no_error(desk):
    books = desk.ask(Money())
    assert books.budgets == () and books.unsettled == 0


@pytest.fixture
def logged(desk):
    """A job with ten lines of log."""
    job = JobRow("job-1", "r", "Score", ("score",), (), "running", 0, "marco", False, 1, 1.0, 2.0)
    desk.store.jobs.write(job)
    path = desk.context.job_log("job-1")
    path.parent.mkdir()
    path.write_text("".join(f"12:00:0{n} line {n} \u00e9\x1b[31m\n" for n in range(10)))
    return desk


def test_the_end_of_a_log_is_read_and_then_what_comes_after(logged):
    end = logged.ask(Log(job="job-1", limit=3))
    assert [line.split()[2] for line in end.lines] == ["7", "8", "9"] and "\x1b" not in "".join(end.lines)
    assert logged.ask(Log(job="job-1", offset=end.next)).lines == ()
    with logged.context.job_log("job-1").open("a") as file:
        file.write("12:00:10 one more\n12:00:11 half a li")
    after = logged.ask(Log(offset=end.next))
    assert after.lines == ("12:00:10 one more",), "a line that isn't whole yet is told later"
    assert logged.ask(Log(offset=after.next)).lines == ()


def test_a_log_is_read_from_its_beginning_page_by_page(logged):
    told, offset = [], 0
    while True:
        page = logged.ask(Log(job="job-1", offset=offset, limit=4))
        if not page.lines:
            break
        told += page.lines
        offset = page.next
    assert [line.split()[2] for line in told] == [str(n) for n in range(10)]


def test_a_job_that_nobody_knows_has_no_log(logged):
    with pytest.raises(ConfigurationError):
        logged.ask(Log(job="../../etc/passwd"))
