"""Scoring in batches through Anthropic's and Gemini's APIs, end to end, by the judge's own books.

What is promised of OpenAI's in test_batch_mode.py: half the price, nothing lost by a kill, nothing paid twice.
"""

from __future__ import annotations

import json
import random
import signal
import time
import urllib.request

import pytest
from tests.cli.test_batch_mode import FRAMES, capped, charged, handed_in, handed_in_then, unsettled

from calibtui.gateway.batch.anthropic import AnthropicBatches
from calibtui.gateway.batch.contract import BatchLimits
from calibtui.gateway.batch.gemini import GeminiBatches
from calibtui.gateway.batch.openai import OpenAiBatches
from calibtui.pipeline.batches import scoring
from calibtui.practice.options import PracticeOptions
from calibtui.practice.process import practice_server, read_books
from calibtui.store.store import Store

APIS = pytest.mark.parametrize("api", ["anthropic", "gemini"])
SPOKEN = {"openai": OpenAiBatches, "anthropic": AnthropicBatches, "gemini": GeminiBatches}


def speaking(api: str, url: str, eur: float = 10, more: str = "") -> str:
    """A document for make_workspace, with the address that the API has at the practice judge."""
    address = url.replace("/v1", "/v1beta") if api == "gemini" else url
    document = capped(eur).replace('base_url = "{url}"', f'base_url = "{address}"\napi = "{api}"')
    return document.replace("batch_poll", f"{more}\nbatch_poll")


@APIS
def test_the_whole_job_pays_half_and_asks_each_frame_once(make_workspace, calibtui, api):
    with practice_server(PracticeOptions(batch_delay_ms=200)) as url:
        root = make_workspace(pool=FRAMES, document=speaking(api, url))
        ran = calibtui("--batch", "--json", root)
        assert ran.code == 0, ran.err
        told = ran.json["scoring"]
        assert (told["scored"], told["failed"], told["calls"]) == (FRAMES, 0, FRAMES)
        assert (told["held_eur"], unsettled(root)) == (0, 0)
        books = read_books(url)
        assert (books["batches"], books["answered"], books["requests"]) == (1, FRAMES, FRAMES)
        assert told["spent_eur"] * 1e6 == pytest.approx(charged(url), abs=FRAMES)
        assert told["budgets"][0]["spent_eur"] == told["spent_eur"]
        assert ran.json["selection"]["size"] == 8 and "drop" in ran.json["evaluation"]
        again = calibtui("--batch", "--json", root).json["scoring"]
        assert again["cache_hits"]["exact"] == FRAMES and read_books(url) == books


def test_the_canary_of_an_address_that_may_cache_goes_through_each_api_too(make_workspace, calibtui):
    with practice_server(PracticeOptions()) as url:
        root = make_workspace(pool=4, document=speaking("gemini", url).replace("canary = false", "canary = true"))
        told = calibtui("score", "--json", root).json["scoring"]
        assert told["scored"] == 4 and told["held_eur"] == 0
        assert read_books(url)["answered"] > 4


@APIS
def test_killed_while_it_waits_the_next_run_fetches_the_same_batch(make_workspace, start, calibtui, api):
    with practice_server(PracticeOptions(batch_delay_ms=2500)) as url:
        root = make_workspace(pool=FRAMES, document=speaking(api, url))
        handed_in_then(start("--batch", "--until", "score", "--json", root), url, signal.SIGKILL)
        assert unsettled(root) == FRAMES, "the worst case of every request stays held"
        told = calibtui("--batch", "--until", "score", "--json", root).json["scoring"]
        assert (told["scored"], told["calls"]) == (FRAMES, FRAMES)
        books = read_books(url)
        assert (books["batches"], books["answered"]) == (1, FRAMES)
        assert told["budgets"][0]["spent_eur"] * 1e6 == pytest.approx(charged(url), abs=FRAMES)
        assert told["held_eur"] == 0 and unsettled(root) == 0


@pytest.mark.parametrize("api", SPOKEN)
def test_killed_between_hand_in_and_the_record_of_it_the_batch_is_found_again(make_workspace, start, calibtui, api):
    # The judge has entered the batch, and its reply with the id is still on its way when the process dies.
    with practice_server(PracticeOptions(batch_delay_ms=4000, latency_ms=600_000)) as url:
        root = make_workspace(pool=FRAMES, document=speaking(api, url))
        handed_in_then(start("score", "--json", root), url, signal.SIGKILL)
        with Store(root / ".calibtui") as store:
            row = store.batches.open()[0]
            assert (row.state, row.remote_id) == ("submitting", None), "nothing is known of it but that it may be there"
        told = calibtui("score", "--json", root).json["scoring"]
        assert told["scored"] == FRAMES and told["held_eur"] == 0 and unsettled(root) == 0
        books = read_books(url)
        assert (books["batches"], books["answered"]) == (1, FRAMES), "not handed in twice"
        assert told["budgets"][0]["spent_eur"] * 1e6 == pytest.approx(charged(url), abs=FRAMES)


@APIS
def test_a_batch_that_never_arrived_is_handed_in_again_but_not_at_once(
    make_workspace, start, calibtui, monkeypatch, api
):
    monkeypatch.setattr(scoring, "ARRIVES_WITHIN_S", 0.5)
    with practice_server(PracticeOptions(batch_delay_ms=600_000, latency_ms=600_000)) as url:
        root = make_workspace(pool=4, document=speaking(api, url))
        handed_in_then(start("score", "--json", root), url, signal.SIGKILL)
    with practice_server(PracticeOptions()) as url:
        (root / "calibtui.toml").write_text(speaking(api, url).format(url=url))
        told = calibtui("score", "--json", root).json["scoring"]
        assert told["scored"] == 4 and told["held_eur"] == 0 and unsettled(root) == 0
        assert told["budgets"][0]["spent_eur"] * 1e6 == pytest.approx(charged(url), abs=4)


@APIS
def test_of_a_batch_with_every_kind_of_result_each_frame_is_told_apart_and_only_answers_cost(
    make_workspace, calibtui, api
):
    options = PracticeOptions(batch_expire_rate=0.3, fail_rate=0.2, garbage_rate=0.2, seed=5)
    with practice_server(options) as url:
        root = make_workspace(pool=FRAMES, document=speaking(api, url, more="max_failed = 1"))
        first = calibtui("score", "--json", root).json["scoring"]
        assert 0 < first["scored"] < FRAMES and first["scored"] + first["failed"] == FRAMES
        assert first["held_eur"] == 0 and unsettled(root) == 0
        assert first["spent_eur"] * 1e6 == pytest.approx(charged(url), abs=FRAMES)
        runs = 1
        while calibtui("score", "--json", root).json["scoring"]["scored"] < FRAMES and runs < 10:
            runs += 1
        with Store(root / ".calibtui") as store:
            assert store.scores.spent() == pytest.approx(charged(url), abs=2 * FRAMES)
            kinds = {error for (error,) in store.scores._rows("SELECT DISTINCT error FROM failures")}
        assert {"expired" if api == "anthropic" else "cancelled", "upstream"} < kinds
        # Each picture got a readable answer once: what was unreadable was asked and paid for again.
        assert max(read_books(url)["images"].values()) <= runs + 1


@APIS
def test_a_batch_that_expired_as_a_whole_costs_nothing_and_is_asked_again_next_time(make_workspace, calibtui, api):
    with practice_server(PracticeOptions(batch_expire_rate=1.0)) as url:
        root = make_workspace(pool=6, document=speaking(api, url, more="max_failed = 1"))
        told = calibtui("score", "--json", root).json["scoring"]
        assert (told["failed"], told["spent_eur"], told["held_eur"]) == (6, 0, 0)
        assert read_books(url)["answered"] == 0 and unsettled(root) == 0
        with Store(root / ".calibtui") as store:
            assert store.scores._rows("SELECT DISTINCT error FROM failures") == [("expired",)]


@pytest.mark.parametrize(
    ("api", "path"),
    [("anthropic", "/messages/batches/msgbatch_practice_1/cancel"), ("gemini", "/batches/practice1:cancel")],
)
def test_a_batch_that_somebody_cancels_costs_nothing_and_is_asked_again_next_time(
    make_workspace, start, calibtui, api, path
):
    with practice_server(PracticeOptions(batch_delay_ms=60_000)) as url:
        root = make_workspace(pool=6, document=speaking(api, url, more="max_failed = 1"))
        process = start("score", "--json", root)
        handed_in(process, url)
        address = url.replace("/v1", "/v1beta") if api == "gemini" else url
        urllib.request.urlopen(urllib.request.Request(address + path, b"{}"), timeout=10).close()
        out, _ = process.communicate(timeout=60)
        told = json.loads(out)["scoring"]
        assert (told["failed"], told["spent_eur"], told["held_eur"]) == (6, 0, 0)
        assert read_books(url)["answered"] == 0 and unsettled(root) == 0
    with practice_server(PracticeOptions()) as url:
        (root / "calibtui.toml").write_text(speaking(api, url).format(url=url))
        assert calibtui("score", "--json", root).json["scoring"]["scored"] == 6


@pytest.mark.parametrize("eur", [0.012])
@APIS
def test_under_a_cap_that_is_too_small_it_hands_in_what_fits_and_stops_with_3(make_workspace, calibtui, api, eur):
    with practice_server(PracticeOptions()) as url:
        root = make_workspace(pool=FRAMES, document=speaking(api, url, eur))
        ran = calibtui("score", "--json", "--yes", root)
        told = ran.json["scoring"]
        assert (ran.code, told["stopped_by"]) == (3, "budget"), ran.err
        assert 0 < told["scored"] < FRAMES and told["held_eur"] == 0 and unsettled(root) == 0
        assert charged(url) <= eur * 1e6, "the judge's own books stay under the cap"


@APIS
def test_a_pool_larger_than_one_batch_is_split(make_workspace, calibtui, monkeypatch, api):
    spoken = SPOKEN[api]
    limits = (BatchLimits(5, 200_000_000), *spoken.__init__.__defaults__[1:])
    monkeypatch.setattr(spoken.__init__, "__defaults__", limits)
    with practice_server(PracticeOptions()) as url:
        root = make_workspace(pool=FRAMES, document=speaking(api, url))
        assert calibtui("score", "--json", root).json["scoring"]["scored"] == FRAMES
        assert read_books(url)["batches"] == 4


def test_what_is_too_large_to_go_inline_goes_to_gemini_by_the_file(make_workspace, calibtui, monkeypatch):
    monkeypatch.setattr(GeminiBatches.__init__, "__defaults__", (GeminiBatches.__init__.__defaults__[0], 1000))
    with practice_server(PracticeOptions(batch_delay_ms=200, batch_expire_rate=0.2, seed=3)) as url:
        root = make_workspace(pool=FRAMES, document=speaking("gemini", url, more="max_failed = 1"))
        told = calibtui("score", "--json", root).json["scoring"]
        assert told["scored"] + told["failed"] == FRAMES and 0 < told["failed"] < FRAMES
        assert told["scored"] == read_books(url)["answered"] and unsettled(root) == 0
        assert told["spent_eur"] * 1e6 == pytest.approx(charged(url), abs=FRAMES)


@APIS
def test_a_wrong_key_stops_it_with_what_to_fix_and_nothing_held(make_workspace, calibtui, monkeypatch, api):
    monkeypatch.setenv("RIGHT_KEY", "right-key-0123456789")
    monkeypatch.setenv("WRONG_KEY", "wrong-key-0123456789")
    with practice_server(PracticeOptions(key_env="RIGHT_KEY")) as url:
        document = speaking(api, url).replace(f'api = "{api}"', f'api = "{api}"\nkeys = [{{{{ env = "WRONG_KEY" }}}}]')
        root = make_workspace(pool=4, document=document)
        ran = calibtui("score", root)
        assert ran.code == 4
        assert "WRONG_KEY" in ran.err and "wrong-key-0123456789" not in ran.err
        assert unsettled(root) == 0


@pytest.mark.soak
@APIS
def test_killed_at_random_moments_no_frame_is_paid_for_twice(make_workspace, start, calibtui, api):
    moments = random.Random(11)
    with practice_server(PracticeOptions(batch_delay_ms=1500, latency_ms=300)) as url:
        root = make_workspace(pool=FRAMES, document=speaking(api, url, 0.05))
        for _ in range(12):
            process = start("score", "--json", root)
            time.sleep(moments.uniform(0.8, 4.0))
            process.kill()
            process.communicate()
        last = calibtui("score", "--json", root).json["scoring"]
        assert last["scored"] == FRAMES and unsettled(root) == 0
        assert read_books(url)["answered"] == FRAMES
        with Store(root / ".calibtui") as store:
            assert store.scores.spent() == pytest.approx(charged(url), abs=FRAMES)
            assert sum(total.spent for total in store.ledger.totals(0.0)) == store.scores.spent()
