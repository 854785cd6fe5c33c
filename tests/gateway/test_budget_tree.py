"""Each cap holds for everything below it, at every level of the tree."""

from __future__ import annotations

import random

import pytest

from calibtui.core.errors import SettingsError
from calibtui.core.summary import BudgetLine
from calibtui.gateway.money.budget_tree import BudgetTree, correct, refusal, settle, take, written
from calibtui.gateway.money.caps import LARGEST_EUR, cap_of, caps_in_force, changes_of_file
from calibtui.workspace.settings import BudgetSettings

NOW = 1_800_000_000.0


def budgets(**eur: float) -> dict[str, BudgetSettings]:
    return {name.replace("__", "/"): BudgetSettings(name.replace("__", "/"), value) for name, value in eur.items()}


def tree_of(declared: dict[str, BudgetSettings]) -> BudgetTree:
    tree = BudgetTree.from_settings(declared)
    for node in tree:
        node.enter(NOW)
    return tree


def names(path) -> list[str]:
    return [node.name for node in path]


def test_a_path_leads_from_the_node_to_its_root():
    tree = tree_of(budgets(company=9, company__team=9, company__team__marco=9, company__team__marco__exp=9, other=9))
    assert names(tree.path("company/team/marco")) == ["company/team/marco", "company/team", "company"]
    assert names(tree.path("other")) == ["other"]


def test_the_parent_is_the_nearest_declared_beginning_of_the_path():
    tree = tree_of(budgets(a=9, a__b__c=9, ab=9))
    assert names(tree.path("a/b/c")) == ["a/b/c", "a"]
    assert names(tree.path("ab")) == ["ab"]


def test_a_call_must_fit_under_every_node_above_it():
    tree = tree_of(budgets(team=10, team__marco=8, team__giulia=8))
    take(tree.path("team/marco"), 7_000_000)
    refused = refusal(tree.path("team/giulia"), 4_000_000)
    assert refused is not None and refused.node.name == "team"
    assert refusal(tree.path("team/giulia"), 3_000_000) is None


def test_a_call_that_fits_exactly_may_leave():
    tree = tree_of(budgets(team=1))
    assert refusal(tree.path("team"), 1_000_000) is None
    assert refusal(tree.path("team"), 1_000_001) is not None


def test_a_refusal_is_final_only_where_no_call_in_flight_can_give_enough_back():
    path = tree_of(budgets(team=10)).path("team")
    take(path, 6_000_000)
    waits = refusal(path, 5_000_000)
    assert waits is not None and not waits.final
    settle(path, NOW, 6_000_000, 6_000_000)
    ends = refusal(path, 5_000_000)
    assert ends is not None and ends.final


def test_no_random_history_takes_any_node_past_its_cap():
    rng = random.Random(7)
    declared = budgets(c=30, c__t=20, c__t__a=9, c__t__b=14, c__u=25, c__u__a=3, c__u__a__x=2)
    tree, open_holds, booked = tree_of(declared), [], dict.fromkeys(declared, 0)
    for _ in range(20_000):
        name, worst = rng.choice(list(declared)), rng.randrange(200_000)
        if refusal(tree.path(name), worst) is None:
            take(tree.path(name), worst)
            open_holds.append((name, worst))
        if open_holds and rng.random() < 0.7:
            name, worst = open_holds.pop(rng.randrange(len(open_holds)))
            cost = rng.randrange(worst + 1) // 4
            settle(tree.path(name), NOW, worst, cost)
            for node in tree.path(name):
                booked[node.name] += cost
        assert all(line.spent + line.held <= line.cap for line in tree.lines(NOW))
    assert {line.node: line.spent for line in tree.lines(NOW)} == booked
    assert sum(worst for _, worst in open_holds) == tree.node("c").held


def test_money_of_a_period_that_is_over_leaves_the_new_one_alone():
    tree = tree_of({"team": BudgetSettings("team", 10, period="day"), "team/x": BudgetSettings("team/x", 10)})
    path = tree.path("team/x")
    take(path, 5_000_000)
    for node in path:
        node.enter(NOW + 86_400)
    settle(path, NOW, 5_000_000, 4_000_000)
    correct(path, NOW, lost=0, spent=1_000_000)
    assert [(line.node, line.spent, line.held) for line in tree.lines(NOW + 86_400)] == [
        ("team", 0, 0),
        ("team/x", 5_000_000, 0),
    ]


def test_lines_of_a_period_that_nothing_was_charged_to_yet_are_empty():
    tree = tree_of({"team": BudgetSettings("team", 10, period="day")})
    take(tree.path("team"), 5)
    assert tree.lines(NOW + 86_400) == (BudgetLine("team", 10_000_000, 0, 0),)
    assert tree.lines(NOW) == (BudgetLine("team", 10_000_000, 0, 5),)


def test_each_percentage_is_crossed_once():
    node = tree_of(budgets(team=1)).node("team")
    node.spent = 499_999
    assert node.crossed() == []
    node.spent = 800_000
    assert node.crossed() == [50, 80]
    node.spent = 700_000
    assert node.crossed() == []
    node.lost = 300_000
    assert node.crossed() == [95]
    assert node.crossed() == []


@pytest.mark.parametrize(
    "name", ["", "/team", "team/", "team//marco", " team", "team/ marco", "team\n", "te\x1b[31mam"]
)
def test_a_name_that_is_no_path_is_refused(name):
    with pytest.raises(SettingsError, match="is no path of a budget node"):
        BudgetTree.from_settings({name: BudgetSettings(name, 1)})


def test_a_user_is_charged_to_one_node():
    declared = {"a": BudgetSettings("a", 1, user="marco"), "b": BudgetSettings("b", 1, user="marco")}
    with pytest.raises(SettingsError, match="'marco' in both a and b"):
        BudgetTree.from_settings(declared)
    tree = tree_of({"a": BudgetSettings("a", 1, user="marco")})
    assert tree.node_of("marco") == "a"
    with pytest.raises(SettingsError, match="no node with user = 'marca'") as refused:
        tree.node_of("marca")
    assert "Did you mean marco?" in refused.value.hint
    assert tree_of({}).node_of("marco") is None


def test_an_unknown_node_is_named_with_the_nearest():
    tree = tree_of(budgets(team=1, team__marco=1))
    with pytest.raises(SettingsError, match="has no node 'team/marca'") as refused:
        tree.path("team/marca")
    assert "team/marco" in refused.value.hint
    with pytest.raises(SettingsError, match="named no budget node"):
        tree.path(None)
    assert tree_of({}).path(None) == ()


def test_an_exhausted_budget_tells_node_cap_spent_held_and_what_to_do():
    tree = tree_of({"team": BudgetSettings("team", 10, period="month", zone="Europe/Rome")})
    node = tree.node("team")
    node.spent, node.held, node.lost = 8_500_000, 250_000, 1_234_567
    refused = refusal((node,), 300_000)
    assert refused is not None
    error = refused.error(behind_s=7200)
    assert error.exit_code == 3
    assert "The budget team is exhausted: of 10.00 EUR a month, 8.50 are spent, 0.25 held" in error.message
    assert "1.234567 counted for calls that a crash left open" in error.message
    assert "may cost 0.30" in error.message
    for way in ("calibtui budget set team EUR", "budget reconcile", "2027-02-01 00:00 CET", "7,200 s behind"):
        assert way in error.hint


def test_money_is_written_exactly():
    assert [written(micro) for micro in (0, 1, 1_500_000, 1_230_000, 12_345_678, -20_000)] == [
        "0.00",
        "0.000001",
        "1.50",
        "1.23",
        "12.345678",
        "-0.02",
    ]


def test_a_cap_is_read_as_written_and_rounded_down():
    assert [cap_of(eur) for eur in ("12.5", 0.1, 3, "0.0000019", "1e3", LARGEST_EUR)] == [
        12_500_000,
        100_000,
        3_000_000,
        1,
        10**9,
        10**15,
    ]


@pytest.mark.parametrize("eur", ["", "abc", "-1", "nan", "inf", "1e99999999", "1e-99999999999999999999x", -0.01, 2e9])
def test_a_cap_that_is_no_amount_is_refused(eur):
    with pytest.raises(SettingsError, match="can't be set"):
        cap_of(eur)


def test_the_newest_word_on_a_cap_wins_and_each_is_a_row():
    declared = budgets(team=10, team__marco=5)
    first = changes_of_file(declared, [], "giulia", 1.0)
    assert [(row.node, row.from_micro_eur, row.to_micro_eur, row.why) for row in first] == [
        ("team", None, 10_000_000, "new in calibtui.toml"),
        ("team/marco", None, 5_000_000, "new in calibtui.toml"),
    ]
    by_hand = [*first, first[0].__class__(2.0, "set", "team", None, "marco", 10_000_000, 12_000_000, None, "demo")]
    assert changes_of_file(declared, by_hand, "giulia", 3.0) == []
    assert caps_in_force(by_hand) == {"team": 12_000_000, "team/marco": 5_000_000}
    changed = changes_of_file(budgets(team=11), by_hand, "giulia", 4.0)
    assert [(row.node, row.from_micro_eur, row.to_micro_eur) for row in changed] == [
        ("team", 12_000_000, 11_000_000),
        ("team/marco", 5_000_000, None),
    ]
    assert caps_in_force([*by_hand, *changed]) == {"team": 11_000_000}


def test_a_change_of_the_period_is_a_change_of_the_cap():
    monthly = {"team": BudgetSettings("team", 10, period="month")}
    first = changes_of_file(monthly, [], "giulia", 1.0)
    daily = {"team": BudgetSettings("team", 10, period="day")}
    assert [(row.why, row.period) for row in changes_of_file(daily, first, "giulia", 2.0)] == [
        ("changed in calibtui.toml", "day UTC")
    ]
