"""Where a provider lets only so much wait: less is handed in at once, and later, and nothing is lost or paid twice."""

from __future__ import annotations

import random
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest
from tests.cli.test_batch_apis import SPOKEN, speaking
from tests.cli.test_batch_mode import FRAMES, charged, handed_in_then, unsettled

from calibtui.pipeline.batches import scoring
from calibtui.practice.options import PracticeOptions
from calibtui.practice.process import practice_server, read_books
from calibtui.store.store import Store

EVERY = pytest.mark.parametrize("api", SPOKEN)
FIVE_FRAMES = 3_500
"""Input tokens: between five and six of the questions about a sample frame."""


@EVERY
def test_a_pool_that_is_more_than_may_wait_goes_in_several_batches(make_workspace, calibtui, api):
    with practice_server(PracticeOptions(batch_token_limit=FIVE_FRAMES, batch_delay_ms=100)) as url:
        root = make_workspace(pool=FRAMES, document=speaking(api, url))
        ran = calibtui("score", "--json", root)
        told, books = ran.json["scoring"], read_books(url)
        assert (told["scored"], told["failed"], told["stopped_by"]) == (FRAMES, 0, None), ran.err
        assert books["turned_down"] > 0 and books["batches"] > 2
        assert books["answered"] == FRAMES, "each frame is asked once"
        assert told["spent_eur"] * 1e6 == pytest.approx(charged(url), abs=FRAMES)
        assert told["held_eur"] == 0 and unsettled(root) == 0
        assert any("turned batches down" in note for note in ran.json["notes"])


@pytest.mark.parametrize("api", ["openai"])
def test_where_others_have_all_of_it_wait_it_waits_too_and_survives_a_kill(
    make_workspace, start, calibtui, tmp_path, monkeypatch, api
):
    monkeypatch.setattr(scoring, "ARRIVES_WITHIN_S", 0.5)
    with practice_server(PracticeOptions(batch_token_limit=FIVE_FRAMES, batch_delay_ms=10_000)) as url:
        neighbour = make_workspace(pool=5, document=speaking(api, url))
        handed_in_then(start("score", neighbour), url, signal.SIGKILL)
        neighbour.rename(tmp_path / "neighbour")
        root = make_workspace(pool=4, document=speaking(api, url))
        process = start("score", "--json", root)
        turned_down(process, url)
        process.kill()
        process.communicate()
        told = calibtui("score", "--json", root).json["scoring"]
        assert told["scored"] == 4 and told["held_eur"] == 0 and unsettled(root) == 0
        assert read_books(url)["answered"] == 5 + 4


def turned_down(process, url: str) -> None:
    while read_books(url)["turned_down"] < 2:
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)


def test_interrupted_while_it_waits_for_room_nothing_stays_held(make_workspace, start):
    with practice_server(PracticeOptions(batch_token_limit=100)) as url:
        root = make_workspace(pool=4, document=speaking("anthropic", url))
        process = start("score", "--json", root)
        turned_down(process, url)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
        assert process.returncode == 130 and "waiting until practice takes more" in err
        assert unsettled(root) == 0 and still_open(root) == 0 and read_books(url)["requests"] == 0


def still_open(root: Path) -> int:
    with Store(root / ".calibtui") as store:
        return len(store.batches.open())


@pytest.mark.soak
@EVERY
def test_with_a_full_queue_failing_requests_a_tight_cap_and_kills_at_random_the_books_agree(
    make_workspace, start, calibtui, monkeypatch, api
):
    monkeypatch.setattr(scoring, "ARRIVES_WITHIN_S", 1.0)
    moments, eur = random.Random(3), 0.05
    trouble = PracticeOptions(batch_expire_rate=0.1, fail_rate=0.1, seed=2)
    options = replace(trouble, batch_token_limit=FIVE_FRAMES, batch_delay_ms=400, latency_ms=200)
    with practice_server(options) as url:
        root = make_workspace(pool=FRAMES, document=speaking(api, url, eur, more="max_failed = 1"))
        for _ in range(10):
            process = start("score", "--json", "--yes", root)
            time.sleep(moments.uniform(0.8, 5.0))
            process.kill()
            process.communicate()
            assert charged(url) <= eur * 1e6
        runs = 0
        while calibtui("score", "--json", root).json["scoring"]["scored"] < FRAMES and runs < 8:
            runs += 1
        told, books = calibtui("score", "--json", root).json["scoring"], read_books(url)
        assert (told["scored"], told["held_eur"], unsettled(root)) == (FRAMES, 0, 0)
        assert books["answered"] == FRAMES and books["turned_down"] > 0
        with Store(root / ".calibtui") as store:
            assert store.scores.spent() == pytest.approx(charged(url), abs=FRAMES)
            assert sum(total.spent for total in store.ledger.totals(0.0)) == store.scores.spent()
