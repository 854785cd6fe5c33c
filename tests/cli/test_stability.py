"""`calibtui stability` asks a sample again, past every cache, and says how much of the order comes back."""

from __future__ import annotations

import hashlib
import os
import pwd
import time
from pathlib import Path

import pytest

from calibtui.practice.process import read_books
from calibtui.store.store import Store

POOL = 30


def _by_picture(body: bytes) -> float:
    """A difficulty of 0 to 49 that depends on the picture alone, not on the model's name in the body."""
    picture = body[body.index(b"base64,") :][:20_000]
    return int.from_bytes(hashlib.sha256(picture).digest()[:4], "big") % 50


def _with_another_model(root: Path) -> Path:
    file = root / "calibtui.toml"
    price = '[providers.practice.models."other-1"]\neur_per_million_input = 1.0\neur_per_million_output = 2.0\n'
    file.write_text(file.read_text().replace("[cache]\n", f"{price}[cache]\n"))
    return root


def _stored(root: Path) -> list[tuple]:
    with Store(root / ".calibtui") as store:
        return store.scores._rows('SELECT digest, "pass", difficulty, model FROM scores ORDER BY ALL')


def test_a_judge_that_answers_the_same_is_perfectly_stable_and_is_really_asked(make_workspace, calibtui, practice_url):
    root = make_workspace(pool=POOL)
    calibtui("score", root)
    first, before = _stored(root), read_books(practice_url)["requests"]
    result = calibtui("stability", "--json", "--sample", 20, root)
    assert result.code == 0, result.err
    assert read_books(practice_url)["requests"] - before == 20
    measured = result.json
    assert (measured["calls"], measured["failed"], measured["pass"]) == (20, 0, 2)
    assert measured["sample"] == {"frames": 20, "pool": POOL, "strata": 10}
    agreement = measured["agreement"]
    assert agreement["frames"] == 20
    assert agreement["spearman"]["value"] == pytest.approx(1)
    assert agreement["kendall"]["value"] == pytest.approx(1)
    assert agreement["top_overlap"]["value"] == pytest.approx(1)
    assert agreement["difference"] == 0
    assert measured["mapping"] is None
    assert measured["spent_eur"] > 0
    assert any("practice judge" in note for note in measured["notes"])
    after = _stored(root)
    assert set(first) <= set(after), "nothing is overwritten"
    assert {number for _, number, _, _ in set(after) - set(first)} == {2}


def test_what_it_asked_does_not_change_a_run_and_a_second_measurement_is_a_new_pass(make_workspace, calibtui):
    root = make_workspace(pool=POOL)
    first = calibtui("--batch", "--json", "--until", "select", root).json
    calibtui("stability", "--json", "--sample", 10, root)
    assert calibtui("stability", "--json", "--sample", 10, root).json["pass"] == 3
    again = calibtui("--batch", "--json", "--until", "select", root).json
    assert again["scoring"]["calls"] == 0
    assert again["selection"]["digest"] == first["selection"]["digest"]


def test_a_measurement_that_was_killed_goes_on_where_it_was(make_workspace, calibtui, start, scripted_judge):
    scripted_judge.says = lambda asked: _by_picture(asked.body)
    root = make_workspace(pool=POOL, url=scripted_judge.url)
    calibtui("score", root)
    scripted_judge.takes_s, before = 0.3, scripted_judge.answers
    process = start("stability", "--json", "--sample", 20, root)
    while scripted_judge.answers < before + 9:
        time.sleep(0.02)
    process.kill()
    process.communicate()
    scripted_judge.takes_s = 0.0
    kept = sum(number == 2 for _, number, _, _ in _stored(root))
    assert 0 < kept < 20
    measured = calibtui("stability", "--json", "--sample", 20, root).json
    assert (measured["pass"], measured["calls"], measured["failed"]) == (2, 20 - kept, 0)
    assert measured["agreement"]["frames"] == 20
    assert any("broken off" in note for note in measured["notes"])
    assert calibtui("stability", "--json", "--sample", 20, root).json["pass"] == 3


def test_a_judge_that_turns_its_opinion_round_is_told_so_in_words(make_workspace, calibtui, scripted_judge):
    scripted_judge.says = lambda asked: 50 - _by_picture(asked.body) if asked.before else _by_picture(asked.body)
    root = make_workspace(pool=POOL, url=scripted_judge.url)
    calibtui("score", root)
    result = calibtui("stability", "--sample", POOL, root)
    assert result.code == 0, result.err
    assert "Spearman -1.00" in result.out
    agreement = calibtui("stability", "--json", "--sample", POOL, root).json["agreement"]
    assert agreement["kendall"]["value"] == pytest.approx(-1)
    assert agreement["top_overlap"]["value"] < 0.5
    low, high = agreement["spearman"]["ci95"]
    assert -1.0001 <= low <= high <= 0


def test_another_models_scores_are_mapped_onto_ours_with_residuals(make_workspace, calibtui, scripted_judge):
    scripted_judge.says = lambda asked: _by_picture(asked.body) * (2 if asked.model == "practice-vlm-1" else 1)
    root = _with_another_model(make_workspace(pool=POOL, url=scripted_judge.url))
    calibtui("score", root)
    measured = calibtui("stability", "--json", "--sample", POOL, "--model", "other-1", root).json
    assert (measured["model"], measured["compared_with"]) == ("practice-vlm-1", "other-1")
    assert measured["agreement"]["spearman"]["value"] == pytest.approx(1)
    mapping = measured["mapping"]
    assert mapping["anchors"] == POOL
    assert mapping["values"][-1] == pytest.approx(2 * mapping["knots"][-1])
    assert mapping["residual_sd"] < mapping["raw_sd"] / 3
    people = calibtui("stability", "--sample", POOL, "--model", "other-1", root).out
    assert "other-1 beside practice-vlm-1" in people
    assert "residual" in people


def test_a_cache_of_whole_requests_on_the_way_is_passed_by(make_workspace, calibtui, scripted_judge):
    """The same frame's second pass is another request, so such a cache has no answer to it."""
    kept: dict[bytes, str] = {}
    scripted_judge.completion = lambda asked, number: kept.setdefault(asked.arrived, f"chatcmpl-{number}")
    scripted_judge.says = lambda asked: _by_picture(asked.body)
    root = make_workspace(pool=POOL, url=scripted_judge.url)
    calibtui("score", root)
    for _ in range(2):
        result = calibtui("stability", "--json", "--sample", 12, root)
        assert result.code == 0, result.err
        assert result.json["failed"] == 0
        assert "completion id" not in result.err


def test_answers_that_a_cache_on_the_way_had_kept_do_not_count(make_workspace, calibtui, scripted_judge):
    scripted_judge.completion = lambda asked, number: f"chatcmpl-{hashlib.sha256(asked.body).hexdigest()}"
    scripted_judge.says = lambda asked: _by_picture(asked.body)
    root = make_workspace(pool=POOL, url=scripted_judge.url)
    calibtui("score", root)
    result = calibtui("stability", "--sample", 12, root)
    assert result.code == 2
    assert "12 of 12 answers bear the completion id of an earlier run" in result.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--sample", 3), "too few"),
        (("--model", "practice-vlm-1"), "the configured model itself"),
        (("--model", "unheard-of"), "No provider has a price for unheard-of"),
        (("--set", "scoring.judge=detector"), "the same score every time"),
        (("--set", "scoring.max_tokens=99"), "calibtui score"),
    ],
)
def test_what_can_not_be_measured_is_said_and_nothing_asked(make_workspace, calibtui, scripted_judge, words, said):
    root = make_workspace(pool=POOL, url=scripted_judge.url)
    calibtui("score", root)
    before = scripted_judge.answers
    result = calibtui("stability", *words, root)
    assert result.code == 2
    assert said in result.err
    assert scripted_judge.answers == before


def test_its_calls_are_held_to_the_budget(make_workspace, calibtui, scripted_judge):
    root = make_workspace(pool=POOL, url=scripted_judge.url)
    calibtui("score", root)
    me = pwd.getpwuid(os.getuid()).pw_name
    with (root / "calibtui.toml").open("a") as file:
        file.write(f'[budgets]\nteam = {{ eur = 0.02, user = "{me}" }}\n')
    result = calibtui("stability", "--sample", 20, root)
    assert result.code == 3
    (line,) = calibtui("budget", root, "show", "--json").json["budgets"]
    assert 0 < line["spent_eur"] <= 0.02
