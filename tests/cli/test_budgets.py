"""A budget is a hard cap: what is asked can't pass it, every change has its reason, and a forecast warns before it is
gone."""

from __future__ import annotations

import json
import os
import pwd

import pytest

from calibtui.practice.process import read_books

ME = pwd.getpwuid(os.getuid()).pw_name


@pytest.fixture
def capped(make_workspace):
    """A workspace whose engineer may spend `eur`."""

    def make(eur: float, pool: int = 40):
        root = make_workspace(pool=pool)
        with (root / "calibtui.toml").open("a") as file:
            file.write(f'[budgets]\nteam = {{ eur = 1000 }}\n"team/me" = {{ eur = {eur}, user = "{ME}" }}\n')
        return root

    return make


def test_a_run_within_its_budget_says_what_each_node_has_spent(capped, calibtui):
    result = calibtui("score", "--json", capped(100))
    assert result.code == 0, result.err
    scoring = result.json["scoring"]
    assert [line["node"] for line in scoring["budgets"]] == ["team", "team/me"]
    for line in scoring["budgets"]:
        assert line["spent_eur"] == pytest.approx(scoring["spent_eur"])
        assert line["held_eur"] == 0
    assert scoring["held_eur"] == 0


def test_an_exhausted_budget_ends_with_3_keeps_every_score_and_is_never_passed(capped, calibtui, practice_url):
    root = capped(0.05)
    before = read_books(practice_url)["requests"]
    result = calibtui("--batch", "--json", "--yes", root)
    assert result.code == 3, result.err
    scoring = result.json["scoring"]
    assert scoring["stopped_by"] == "budget"
    assert 0 < scoring["scored"] < 40
    (mine,) = [line for line in scoring["budgets"] if line["node"] == "team/me"]
    assert mine["spent_eur"] <= mine["cap_eur"]
    assert read_books(practice_url)["requests"] - before == scoring["calls"]
    assert "selection" not in result.json
    again = calibtui("score", "--json", "--yes", root)
    assert again.code == 3
    assert again.json["scoring"]["cache_hits"]["exact"] == scoring["scored"], "what was paid for is kept"
    raised = calibtui("budget", root, "set", "team/me", "50", "--why", "release week", "--json")
    assert raised.code == 0, raised.err
    assert calibtui("score", "--json", root).code == 0


def test_a_forecast_over_the_cap_stops_after_the_first_draw_unless_confirmed(capped, calibtui):
    root = capped(0.15, pool=120)
    result = calibtui("score", "--json", root)
    assert result.code == 3
    assert "--yes" in result.err
    assert result.json["scoring"]["scored"] == 50
    confirmed = calibtui("score", "--json", "--yes", root)
    assert confirmed.code == 3
    assert confirmed.json["scoring"]["scored"] > 50


def test_a_cap_is_not_changed_without_a_reason_and_the_trail_names_who(capped, calibtui):
    root = capped(1)
    assert calibtui("budget", root, "set", "team/me", "5").code == 2
    assert calibtui("budget", root, "set", "team/you", "5", "--why", "x").code == 2
    assert calibtui("budget", root, "set", "team/me", "-5", "--why", "x").code == 2
    assert calibtui("budget", root, "set", "team/me", "5", "--why", "release week").code == 0
    books = calibtui("budget", root, "show", "--json").json
    assert {line["node"]: line["cap_eur"] for line in books["budgets"]}["team/me"] == 5
    newest = books["audit"][-1]
    assert (newest["who"], newest["why"], newest["to_micro_eur"]) == (ME, "release week", 5_000_000)
    assert "release week" in calibtui("budget", root, "show").out


def test_who_spent_what_is_one_table(capped, calibtui):
    root = capped(100)
    scoring = calibtui("score", "--json", root).json["scoring"]
    (row,) = calibtui("budget", root, "show", "--json").json["spent"]
    assert (row["node"], row["model"], row["prompt"]) == ("team/me", "practice-vlm-1", "difficulty@1")
    assert row["calls"] == scoring["calls"]
    assert row["spent_eur"] == pytest.approx(scoring["spent_eur"])


def test_a_user_without_a_node_can_not_spend(make_workspace, calibtui, practice_url):
    root = make_workspace()
    with (root / "calibtui.toml").open("a") as file:
        file.write('[budgets]\nteam = { eur = 10, user = "nobody-of-that-name" }\n')
    before = read_books(practice_url)["requests"]
    result = calibtui("--batch", root)
    assert result.code == 2
    assert ME in result.err
    assert read_books(practice_url)["requests"] == before


def test_a_virtual_key_charges_its_node_is_shown_once_and_can_be_revoked(capped, calibtui, monkeypatch):
    root = capped(100)
    with (root / "calibtui.toml").open("a") as file:
        file.write('"team/nightly" = { eur = 10 }\n')
    key = calibtui("keys", root, "add", "ci", "team/nightly").out.strip()
    stored = b"".join(path.read_bytes() for path in (root / ".calibtui").rglob("*") if path.is_file())
    assert key.encode() not in stored
    monkeypatch.setenv("CALIBTUI_KEY", key)
    result = calibtui("score", "--json", root)
    assert result.code == 0, result.err
    spent = {line["node"]: line["spent_eur"] for line in result.json["scoring"]["budgets"]}
    assert spent["team/nightly"] > 0
    assert spent["team/me"] == 0
    assert calibtui("keys", root, "revoke", "ci").code == 0
    (root / "pool" / "0000.jpg").unlink()
    revoked = calibtui("score", root)
    assert revoked.code == 2
    assert "revoked" in revoked.err
    assert key not in revoked.err


def test_reconcile_explains_an_unsettled_call(capped, calibtui, tmp_path):
    from calibtui.store.ledger import Entry, LedgerBatch
    from calibtui.store.store import Store

    root = capped(100)
    calibtui("score", "--json", root)
    with Store(root / ".calibtui") as store:
        store.ledger.commit(LedgerBatch(entries=[Entry("lost-1", "hold", "team/me", 9_000, 1.0, "a call")]))
    assert calibtui("budget", root, "show", "--json").json["unsettled_calls"] == 1
    statement = tmp_path / "statement.json"
    statement.write_text(json.dumps({"lost-1": "0.004"}))
    rows = calibtui("budget", root, "reconcile", "--statement", statement, "--why", "bill of May", "--json").json
    (row,) = rows["calls"]
    assert (row["call_id"], row["counted"], row["settled"], row["difference"]) == ("lost-1", 9_000, 4_000, -5_000)
    assert calibtui("budget", root, "show", "--json").json["unsettled_calls"] == 0
