"""Scoring by the file, end to end: half the price, nothing lost by a kill, nothing paid twice, no cap passed."""

from __future__ import annotations

import getpass
import json
import random
import signal
import time

import pytest
from tests.conftest import WORKSPACE

from calibtui.core.money import Price
from calibtui.gateway.batch.contract import BatchLimits
from calibtui.gateway.batch.openai import OpenAiBatches
from calibtui.pipeline.batches import scoring as batch_scoring
from calibtui.practice.options import PracticeOptions
from calibtui.practice.process import practice_server, read_books
from calibtui.store.store import Store

FRAMES = 16
HALF = Price(1_150_000, 4_600_000)
BATCH = WORKSPACE.replace("concurrency = 4", 'concurrency = 4\nmode = "batch"\nbatch_poll_s = 0.05')


def capped(eur: float) -> str:
    return BATCH + f'[budgets.team]\neur = {eur}\nuser = "{getpass.getuser()}"\n'


FORGIVING = capped(10).replace("batch_poll", "max_failed = 1\nbatch_poll")


def unsettled(root) -> int:
    with Store(root / ".calibtui") as store:
        return len(store.ledger.unsettled())


def charged(url: str) -> int:
    """micro-EUR of everything that the judge's own books say was generated, in batches."""
    books = read_books(url)
    return HALF.cost(books["input_tokens"], books["output_tokens"])


def test_a_pool_is_scored_in_one_batch_at_half_the_price_and_the_same_as_live(make_workspace, calibtui, tmp_path):
    with practice_server(PracticeOptions(batch_delay_ms=200)) as url:
        root = make_workspace(pool=FRAMES, document=capped(10), url=url)
        batch = calibtui("score", "--json", root).json["scoring"]
        assert (batch["scored"], batch["failed"], batch["remaining"], batch["calls"]) == (FRAMES, 0, 0, FRAMES)
        books = read_books(url)
        assert (books["batches"], books["answered"]) == (1, FRAMES)
        assert batch["spent_eur"] * 1e6 == pytest.approx(charged(url), abs=FRAMES)
        assert batch["budgets"][0]["spent_eur"] == batch["spent_eur"]
        assert batch["held_eur"] == 0 and unsettled(root) == 0
        again = calibtui("score", "--json", root).json["scoring"]
        assert again["cache_hits"]["exact"] == FRAMES and read_books(url) == books
        root.rename(tmp_path / "batch")
        live = make_workspace(pool=FRAMES, url=url)
        assert calibtui("score", "--json", live).json["scoring"]["spent_eur"] == pytest.approx(
            2 * batch["spent_eur"], abs=1e-4
        )
    assert difficulties(tmp_path / "batch") == difficulties(live)


def difficulties(root) -> dict[str, float]:
    with Store(root / ".calibtui") as store:
        rows = store.scores._rows("SELECT digest, difficulty FROM scores")
    return dict(rows)


def test_killed_while_it_waits_the_next_run_fetches_the_same_batch(make_workspace, start, calibtui):
    with practice_server(PracticeOptions(batch_delay_ms=2500)) as url:
        root = make_workspace(pool=FRAMES, document=capped(10), url=url)
        process = start("score", "--json", root)
        handed_in_then(process, url, signal.SIGKILL)
        assert unsettled(root) == FRAMES, "the worst case of every request stays held"
        resumed = calibtui("score", "--json", root).json["scoring"]
        assert (resumed["scored"], resumed["calls"]) == (FRAMES, FRAMES)
        books = read_books(url)
        assert (books["batches"], books["answered"]) == (1, FRAMES), "nothing is asked twice"
        assert resumed["budgets"][0]["spent_eur"] * 1e6 == pytest.approx(charged(url), abs=FRAMES)
        assert resumed["held_eur"] == 0 and unsettled(root) == 0


def handed_in(process, url: str) -> None:
    while read_books(url)["batches"] < 1:
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)


def handed_in_then(process, url: str, number: int) -> tuple[str, str]:
    handed_in(process, url)
    process.send_signal(number)
    return process.communicate(timeout=60)


def test_interrupted_it_leaves_the_batch_out_and_says_so(make_workspace, start, calibtui):
    with practice_server(PracticeOptions(batch_delay_ms=2500)) as url:
        root = make_workspace(pool=FRAMES, document=capped(10), url=url)
        process = start("score", "--json", root)
        out, err = handed_in_then(process, url, signal.SIGINT)
        assert process.returncode == 130
        assert "same command" in err
        scoring = json.loads(out)["scoring"]
        assert scoring["stopped_by"] == "interrupt" and scoring["remaining"] == FRAMES and scoring["held_eur"] > 0
        assert calibtui("score", "--json", root).json["scoring"]["scored"] == FRAMES
        assert read_books(url)["batches"] == 1


def test_a_batch_whose_id_was_lost_with_the_process_is_found_by_our_mark(make_workspace, start, calibtui):
    with practice_server(PracticeOptions(batch_delay_ms=2500)) as url:
        root = make_workspace(pool=FRAMES, document=capped(10), url=url)
        handed_in_then(start("score", "--json", root), url, signal.SIGKILL)
        with Store(root / ".calibtui") as store:
            store.batches._rows("UPDATE batches SET state = 'submitting', remote_id = NULL")
        assert calibtui("score", "--json", root).json["scoring"]["scored"] == FRAMES
        assert read_books(url)["batches"] == 1
        assert unsettled(root) == 0


def test_a_batch_that_never_arrived_costs_nothing_and_its_frames_are_asked(
    make_workspace, start, calibtui, monkeypatch
):
    monkeypatch.setattr(batch_scoring, "ARRIVES_WITHIN_S", 0.5)
    with practice_server(PracticeOptions(batch_delay_ms=600_000)) as url:
        root = make_workspace(pool=FRAMES, document=capped(10), url=url)
        handed_in_then(start("score", "--json", root), url, signal.SIGKILL)
    with practice_server(PracticeOptions()) as url:
        (root / "calibtui.toml").write_text(capped(10).format(url=url))
        with Store(root / ".calibtui") as store:
            store.batches._rows("UPDATE batches SET state = 'submitting', remote_id = NULL")
        scoring = calibtui("score", "--json", root).json["scoring"]
        assert scoring["scored"] == FRAMES and scoring["held_eur"] == 0
        assert scoring["budgets"][0]["spent_eur"] * 1e6 == pytest.approx(charged(url), abs=FRAMES)


def test_a_batch_that_the_provider_knows_no_more_counts_at_its_worst_case(make_workspace, start, calibtui):
    with practice_server(PracticeOptions(batch_delay_ms=600_000)) as url:
        root = make_workspace(pool=FRAMES, document=capped(10), url=url)
        handed_in_then(start("score", "--json", root), url, signal.SIGKILL)
        with Store(root / ".calibtui") as store:
            held = sum(call.held for call in store.ledger.unsettled())
            store.batches._rows("UPDATE batches SET state = 'submitted', remote_id = 'batch_gone'")
        ran = calibtui("score", "--json", root)
        assert ran.code == 4
        scoring = ran.json["scoring"]
        assert scoring["failed"] == FRAMES
        assert scoring["budgets"][0]["spent_eur"] * 1e6 == pytest.approx(held)


def test_a_crash_before_the_file_left_gives_the_money_back(make_workspace, start, calibtui):
    with practice_server(PracticeOptions(batch_delay_ms=600_000)) as url:
        root = make_workspace(pool=FRAMES, document=capped(10), url=url)
        handed_in_then(start("score", "--json", root), url, signal.SIGKILL)
    with practice_server(PracticeOptions()) as url:
        (root / "calibtui.toml").write_text(capped(10).format(url=url))
        with Store(root / ".calibtui") as store:
            store.batches._rows("UPDATE batches SET state = 'preparing', remote_id = NULL")
        scoring = calibtui("score", "--json", root).json["scoring"]
        assert scoring["scored"] == FRAMES and unsettled(root) == 0
        assert scoring["budgets"][0]["spent_eur"] * 1e6 == pytest.approx(charged(url), abs=FRAMES)


def test_expired_and_failed_requests_cost_nothing_and_are_asked_again_next_time(make_workspace, calibtui):
    with practice_server(PracticeOptions(batch_expire_rate=0.3, fail_rate=0.2, seed=3)) as url:
        root = make_workspace(
            pool=FRAMES, document=capped(10).replace("batch_poll", "max_failed = 1\nbatch_poll"), url=url
        )
        first = calibtui("score", "--json", root).json["scoring"]
        assert 0 < first["scored"] < FRAMES and first["scored"] + first["failed"] == FRAMES
        assert first["held_eur"] == 0
        runs = 1
        while calibtui("score", "--json", root).json["scoring"]["scored"] < FRAMES and runs < 8:
            runs += 1
        last = calibtui("score", "--json", root).json["scoring"]
        assert last["scored"] == FRAMES and last["failed"] == 0
        books = read_books(url)
        assert books["answered"] == FRAMES, "no frame that has its score is asked again"
        with Store(root / ".calibtui") as store:
            assert store.scores.spent() == pytest.approx(charged(url), abs=FRAMES)
            errors = store.scores._rows("SELECT DISTINCT error FROM failures")
        assert {error for (error,) in errors} == {"expired", "upstream"}


def test_under_a_cap_that_is_too_small_it_hands_in_what_fits_and_stops_with_3(make_workspace, calibtui):
    with practice_server(PracticeOptions()) as url:
        root = make_workspace(pool=FRAMES, document=capped(0.008), url=url)
        ran = calibtui("score", "--json", "--yes", root)
        scoring = ran.json["scoring"]
        assert (ran.code, scoring["stopped_by"]) == (3, "budget"), ran.err
        assert 0 < scoring["scored"] < FRAMES, ran.err
        assert scoring["remaining"] == FRAMES - scoring["scored"]
        assert charged(url) <= 8_000, "the judge's own books stay under the cap"
        assert scoring["held_eur"] == 0 and unsettled(root) == 0
        assert calibtui("budget", root, "set", "team", "10", "--why", "more frames").code == 0
        assert calibtui("score", "--json", root).json["scoring"]["scored"] == FRAMES


def test_a_cap_that_bears_the_cost_but_not_every_worst_case_is_used_in_several_batches(make_workspace, calibtui):
    with practice_server(PracticeOptions()) as url:
        root = make_workspace(pool=FRAMES, document=capped(0.02), url=url)
        scoring = calibtui("score", "--json", root).json["scoring"]
        assert (scoring["scored"], scoring["stopped_by"]) == (FRAMES, None)
        assert read_books(url)["batches"] > 2
        assert charged(url) <= 20_000


def test_two_passes_are_two_requests_of_one_frame(make_workspace, calibtui):
    with practice_server(PracticeOptions()) as url:
        root = make_workspace(pool=4, document=BATCH.replace("batch_poll", "passes = 2\nbatch_poll"), url=url)
        scoring = calibtui("score", "--json", root).json["scoring"]
        assert (scoring["scored"], scoring["calls"]) == (4, 8)


def test_a_wrong_key_stops_it_with_what_to_fix_and_nothing_held(make_workspace, calibtui, monkeypatch):
    monkeypatch.setenv("RIGHT_KEY", "right-key-0123456789")
    monkeypatch.setenv("WRONG_KEY", "wrong-key-0123456789")
    with practice_server(PracticeOptions(key_env="RIGHT_KEY")) as url:
        document = capped(10).replace('base_url = "{url}"', 'base_url = "{url}"\nkeys = [{{ env = "WRONG_KEY" }}]')
        root = make_workspace(pool=4, document=document, url=url)
        ran = calibtui("score", root)
        assert ran.code == 4
        assert "WRONG_KEY" in ran.err and "wrong-key-0123456789" not in ran.err
        assert unsettled(root) == 0


@pytest.mark.soak
def test_killed_at_random_moments_no_frame_is_paid_for_twice(make_workspace, start, calibtui):
    moments = random.Random(7)
    with practice_server(PracticeOptions(batch_delay_ms=1500)) as url:
        root = make_workspace(pool=FRAMES, document=capped(0.03), url=url)
        for _ in range(12):
            process = start("score", "--json", root)
            time.sleep(moments.uniform(0.8, 4.0))
            process.kill()
            process.communicate()
        last = calibtui("score", "--json", root).json["scoring"]
        assert last["scored"] == FRAMES
        assert read_books(url)["answered"] == FRAMES
        assert unsettled(root) == 0
        with Store(root / ".calibtui") as store:
            assert store.scores.spent() == pytest.approx(charged(url), abs=FRAMES)
            assert sum(total.spent for total in store.ledger.totals(0.0)) == store.scores.spent()


def test_a_batch_that_was_reconciled_by_hand_gets_its_true_cost_when_it_comes(make_workspace, start, calibtui):
    with practice_server(PracticeOptions(batch_delay_ms=2500)) as url:
        root = make_workspace(pool=4, document=capped(10), url=url)
        handed_in_then(start("score", "--json", root), url, signal.SIGKILL)
        assert calibtui("budget", root, "reconcile", "--complete", "--why", "looked too early").code == 0
        scoring = calibtui("score", "--json", root).json["scoring"]
        assert scoring["scored"] == 4
        assert scoring["budgets"][0]["spent_eur"] * 1e6 == pytest.approx(charged(url), abs=4)


def test_a_crash_between_the_scores_and_their_money_is_settled_by_the_next_run(make_workspace, start, calibtui):
    with practice_server(PracticeOptions(batch_delay_ms=2500)) as url:
        root = make_workspace(pool=4, document=capped(10), url=url)
        handed_in_then(start("score", "--json", root), url, signal.SIGKILL)
        with Store(root / ".calibtui") as store:
            held, requests = store.ledger.unsettled(), store.batches.requests(store.batches.open()[0].id)
        assert calibtui("score", "--json", root).json["scoring"]["scored"] == 4
        with Store(root / ".calibtui") as store:
            store.batches.add(requests)
            store.batches._rows("UPDATE batches SET state = 'submitted'")
            store.ledger._rows("DELETE FROM ledger_entries WHERE kind <> 'hold'")
            assert len(store.ledger.unsettled()) == len(held) == 4
        scoring = calibtui("score", "--json", root).json["scoring"]
        assert (scoring["scored"], scoring["cache_hits"]["exact"]) == (4, 4)
        assert scoring["held_eur"] == 0 and unsettled(root) == 0
        assert scoring["budgets"][0]["spent_eur"] * 1e6 == pytest.approx(charged(url), abs=4)
        assert read_books(url)["answered"] == 4


def test_a_pool_larger_than_one_batch_is_split(make_workspace, calibtui, monkeypatch):
    monkeypatch.setattr(OpenAiBatches.__init__, "__defaults__", (BatchLimits(5, 200_000_000),))
    with practice_server(PracticeOptions()) as url:
        root = make_workspace(pool=FRAMES, document=BATCH, url=url)
        assert calibtui("score", "--json", root).json["scoring"]["scored"] == FRAMES
        assert read_books(url)["batches"] == 4


def test_a_frame_that_left_the_pool_meanwhile_is_paid_for_and_no_more(make_workspace, start, calibtui):
    with practice_server(PracticeOptions(batch_delay_ms=2500)) as url:
        root = make_workspace(pool=4, document=capped(10), url=url)
        handed_in_then(start("score", "--json", root), url, signal.SIGKILL)
        next((root / "pool").iterdir()).unlink()
        scoring = calibtui("score", "--json", root).json["scoring"]
        assert scoring["scored"] == 3 and scoring["held_eur"] == 0
        assert scoring["budgets"][0]["spent_eur"] * 1e6 == pytest.approx(charged(url), abs=4)


def test_a_batch_stays_out_while_other_settings_run_and_they_say_so(make_workspace, start, calibtui):
    with practice_server(PracticeOptions(batch_delay_ms=2500)) as url:
        root = make_workspace(pool=4, document=capped(10), url=url)
        handed_in_then(start("score", "--json", root), url, signal.SIGKILL)
        other = calibtui("score", "--json", "--set", "scoring.max_px=256", "--set", "scoring.mode=live", root)
        assert any("handed in earlier are still out" in note for note in other.json["notes"])
        assert other.json["scoring"]["scored"] == 4 and other.json["scoring"]["held_eur"] > 0
        assert calibtui("score", "--json", root).json["scoring"]["held_eur"] == 0
        assert read_books(url)["answered"] == 8


def test_a_provider_that_is_not_there_ends_the_run_and_nothing_stays_held(make_workspace, calibtui):
    root = make_workspace(pool=4, document=capped(10), url="http://127.0.0.1:9/v1")
    ran = calibtui("score", "--json", root)
    assert ran.code == 4 and "practice" in ran.err
    assert ran.json["scoring"]["remaining"] == 4 and ran.json["scoring"]["held_eur"] == 0
    assert unsettled(root) == 0
    with Store(root / ".calibtui") as store:
        assert store.batches.open() == []
