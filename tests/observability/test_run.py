"""A real run, watched from outside: its figures are its summary's, and its log keeps its keys."""

from __future__ import annotations

import http.server
import itertools
import json
import shutil
import socket
import threading
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from calibtui.core.errors import SettingsError
from calibtui.core.progress import Progress, StopFlag
from calibtui.pipeline.run import Outcome, run_stages
from calibtui.practice.options import PracticeOptions
from calibtui.practice.process import practice_server
from calibtui.workspace.load import load_settings

MODEL = {"provider": "practice", "model": "practice-vlm-1"}
CANARY = "Zq7canaryKEY0001-plain-of-any-shape"
HEADER_CANARY = "vk_9pcanaryHEADER0002-of-any-shape"
KEYED = """\
[pool]
images = "pool"
[scoring]
judge = "vlm"
model = "practice-vlm-1"
deadline_s = 3
concurrency = 2
[providers.practice]
base_url = "{url}"
keys = [{{ env = "CANARY_KEY" }}]
headers = {{ "x-bf-vk" = "env:CANARY_HEADER" }}
[providers.practice.models."practice-vlm-1"]
eur_per_million_input = 2.30
eur_per_million_output = 9.20
"""


class Watcher:
    """Scrapes at every step of the run, as Prometheus does at every interval; keeps the first and the last."""

    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.listen = f"127.0.0.1:{free.getsockname()[1]}"
        self.scrapes: list[str] = []

    def on_progress(self, _: Progress) -> None:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"http://{self.listen}/metrics", timeout=10) as reply:
            self.scrapes = [*self.scrapes[:1], reply.read().decode()]

    def value(self, name: str, scrape: int = -1, **labels: str) -> float:
        """The sum over every series of this name that has these labels."""
        samples = [s for f in text_string_to_metric_families(self.scrapes[scrape]) for s in f.samples if s.name == name]
        return sum(s.value for s in samples if labels.items() <= s.labels.items())


def _score(root: Path, watcher: Watcher) -> Outcome:
    settings = load_settings(root, [f'metrics.listen="{watcher.listen}"'])
    return run_stages(settings, ["score"], command="score", on_progress=watcher.on_progress, stop=StopFlag())


def _log(root: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (root / ".calibtui" / "calibtui.log").read_text("ascii").splitlines()]


def test_what_is_exported_at_the_end_is_what_the_summary_says(make_workspace: Callable[..., Path]) -> None:
    watcher = Watcher()
    with practice_server(PracticeOptions(fail_rate=0.3, seed=5)) as url:
        outcome = _score(make_workspace(pool=16, url=url), watcher)
    assert outcome.error is None
    scoring = outcome.summary.scoring
    assert scoring is not None
    assert scoring.retries > 0
    assert watcher.value("calibtui_frames_scored_total") == scoring.scored == 16
    assert watcher.value("calibtui_cost_eur_total", **MODEL) == pytest.approx(scoring.spent / 1e6)
    assert watcher.value("calibtui_retries_total") == scoring.retries
    assert watcher.value("calibtui_requests_total", provider="practice") == scoring.calls
    assert watcher.value("calibtui_requests_total", code="500") == scoring.retries
    assert watcher.value("calibtui_errors_total", **{"class": "upstream"}) == scoring.retries
    assert watcher.value("calibtui_call_duration_seconds_count", **MODEL) == scoring.scored
    assert watcher.value("calibtui_answers_total", answered="practice-vlm-1") == scoring.scored
    assert watcher.value("calibtui_requests_in_flight") == 0
    assert watcher.value("calibtui_frames_remaining") == 0


def test_while_it_runs_it_says_so(make_workspace: Callable[..., Path]) -> None:
    watcher = Watcher()
    _score(make_workspace(pool=6), watcher)
    assert watcher.value("calibtui_run_state", state="running") == 1
    assert watcher.value("calibtui_stage_state", stage="score", state="running") == 1
    assert watcher.value("calibtui_stage_progress_ratio", stage="score") == 1
    assert watcher.value("calibtui_last_progress_timestamp_seconds") >= watcher.value(
        "calibtui_last_progress_timestamp_seconds", scrape=0
    )


def test_a_second_run_counts_hits_and_no_cost(make_workspace: Callable[..., Path]) -> None:
    root = make_workspace(pool=8)
    _score(root, Watcher())
    shutil.copy2(min((root / "eval").iterdir()), root / "pool" / "new.jpg")
    watcher = Watcher()
    outcome = _score(root, watcher)
    assert outcome.summary.scoring is not None
    assert watcher.value("calibtui_cache_hits_total", kind="exact") == outcome.summary.scoring.exact_hits == 8
    assert watcher.value("calibtui_calls_total", **MODEL) == 1


def test_a_port_in_use_ends_the_run_before_anything_is_done(make_workspace: Callable[..., Path]) -> None:
    root = make_workspace(pool=2)
    watcher = Watcher()
    with socket.create_server(("127.0.0.1", int(watcher.listen.rpartition(":")[2]))):
        outcome = _score(root, watcher)
    assert isinstance(outcome.error, SettingsError)
    assert "[metrics] listen" in outcome.error.message
    assert not (root / ".calibtui").exists()


def test_the_log_tells_a_run_from_its_start_to_its_end(make_workspace: Callable[..., Path]) -> None:
    root = make_workspace(pool=4)
    outcome = _score(root, Watcher())
    lines = _log(root)
    assert [line["event"] for line in lines] == ["run_started", "stage_started", "stage_ended", "run_ended"]
    assert {line["run"] for line in lines} == {outcome.summary.run}
    assert (lines[1]["stage"], lines[2]["state"]) == ("score", "done")
    assert (lines[3]["state"], lines[3]["scored"], lines[3]["remaining"]) == ("done", 4, 0)


def test_a_crash_is_in_the_log_with_its_place(make_workspace: Callable[..., Path]) -> None:
    def crash(_: Progress) -> None:
        raise ZeroDivisionError("a fault")

    root = make_workspace(pool=2)
    with pytest.raises(ZeroDivisionError):
        run_stages(load_settings(root, []), ["pool"], command="pool", on_progress=crash, stop=StopFlag())
    last = _log(root)[-1]
    assert (last["event"], last["error"], last["message"]) == ("run_crashed", "ZeroDivisionError", "a fault")
    assert last["where"][-1].startswith("test_run.py:")
    assert last["where"][-1].endswith(" crash")


def test_no_key_gets_into_log_or_metrics_though_every_reply_echoes_them(
    make_workspace: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, echo_url: str
) -> None:
    monkeypatch.setenv("CANARY_KEY", CANARY)
    monkeypatch.setenv("CANARY_HEADER", HEADER_CANARY)
    root = make_workspace(pool=6, document=KEYED, url=echo_url)
    watcher = Watcher()
    outcome = _score(root, watcher)
    assert outcome.error is not None
    events = [line["event"] for line in _log(root)]
    assert {"call_failed", "frame_failed"} <= set(events)
    assert events[-1] == "run_ended"
    seen = (root / ".calibtui" / "calibtui.log").read_text() + "".join(watcher.scrapes)
    assert "[secret]" in seen
    for secret in (CANARY, HEADER_CANARY):
        assert not any(secret[start : start + 12] in seen for start in range(len(secret) - 11))


class _Echo(http.server.BaseHTTPRequestHandler):
    """After a few answers, which a check of caches may ask for, it refuses each request with an error that quotes its
    key, its headers and an address with the key in it."""

    answered: Iterator[int]
    polite = 3

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        number = next(self.answered)
        if number <= self.polite:
            said = {"role": "assistant", "content": '{"difficulty": 50, "reasons": []}'}
            choices = [{"index": 0, "finish_reason": "stop", "message": said}]
            usage = {"prompt_tokens": 9, "completion_tokens": 9, "total_tokens": 18}
            self._answer(200, {"id": f"c-{number}", "model": "practice-vlm-1", "choices": choices, "usage": usage})
            return
        key = self.headers["Authorization"].removeprefix("Bearer ")
        said = f"bad key {key} and {self.headers['x-bf-vk']} at https://h/v1?key={key} \x1b[2J {dict(self.headers)}"
        self._answer(400, {"error": {"message": said, "type": "odd"}})

    def _answer(self, status: int, document: object) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None: ...


@pytest.fixture
def echo_url() -> Iterator[str]:
    handler = type("Echo", (_Echo,), {"answered": itertools.count(1)})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
        server.shutdown()
        thread.join()
