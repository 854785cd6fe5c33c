"""The log: one JSON object a line, small, and never a secret in it."""

from __future__ import annotations

import json
import math
import threading
from pathlib import Path
from typing import Any

import pytest

from calibtui.core.errors import BudgetExhaustedError, WorkspaceUnwritableError
from calibtui.core.scores import CallRecord, FailedScore, Score
from calibtui.gateway.observability.event_log import Log, open_log, silent_log
from calibtui.gateway.observability.log_fields import DEEPEST, LONGEST, MOST_ITEMS
from calibtui.gateway.secrets import Secret

CANARY = "Zq7canaryKEY0001-plain-of-any-shape"
"""Shaped like no provider's key: only who knows it can mask it."""
SHAPED = "sk-proj-CANARY4f9c2b7aa1"
CALL = CallRecord("c-1", "d1", "openai", "gpt-4o", "", "", "upstream", 2, 1200, 40, False, 3128, 850.04, 0.0)


def _lines(log_or_path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log_or_path.read_text("ascii").splitlines()]


def test_an_event_is_one_line_of_json_with_time_and_name_first(tmp_path: Path) -> None:
    log = open_log(tmp_path / "state")
    log.event("run_started", run="r1", frames=3, share=0.5, done=False, stage=None, notes=("a", "b"))
    log.close()
    (line,) = _lines(tmp_path / "state" / "calibtui.log")
    assert list(line)[:2] == ["at", "event"]
    assert line.pop("at").endswith("Z")
    expected = {"run": "r1", "frames": 3, "share": 0.5, "done": False, "stage": None, "notes": ["a", "b"]}
    assert line == {"event": "run_started", **expected}


def test_opening_again_appends(tmp_path: Path) -> None:
    for number in range(2):
        log = open_log(tmp_path)
        log.event("e", number=number)
        log.close()
    assert [line["number"] for line in _lines(tmp_path / "calibtui.log")] == [0, 1]


@pytest.mark.parametrize(
    "fields",
    [
        {"reply": '{"error":{"message":"Incorrect API key provided: %s."}}'},
        {"reply": b"<html>%s</html>"},
        {"headers": {"Authorization": "Bearer %s", "x-bf-vk": "%s", "Content-Type": "a"}},
        {"headers": [("x-api-key", "%s")]},
        {"message": "Authorization: Bearer %s"},
        {"message": "sent {'x-api-key': '%s', 'accept': '*/*'}"},
        {"url": "https://generativelanguage.example/v1/models/x:generateContent?key=%s&alt=json"},
        {"url": "https://marco:%s@gateway.example/v1"},
        {"url": "https://bucket.example/f.jpg?X-Amz-Signature=%s#top"},
        {"api_key": "%s"},
        {"%s": "as a name"},
        {"error": ValueError("%s")},
        {"deep": [[[[["%s"]]]]]},
        {"padded": "x" * (LONGEST - 10) + " %s"},
    ],
    ids=lambda fields: str(next(iter(fields)))[:12],
)
@pytest.mark.parametrize("key", [CANARY, SHAPED])
def test_no_key_gets_into_a_line_wherever_it_stands(tmp_path: Path, fields: dict[str, Any], key: str) -> None:
    log = open_log(tmp_path)
    log.hide([Secret("KEY_A", CANARY)])
    log.event("call_failed", **_filled(fields, key))
    log.close()
    written = (tmp_path / "calibtui.log").read_bytes()
    assert key.encode() not in written
    assert key[4:16].encode() not in written
    assert _lines(tmp_path / "calibtui.log")[0]["event"] == "call_failed"


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Basic bWFyY286c3dvcmRmaXNo",
        "https://marco:bWFyY286c3dvcmRmaXNo@gateway.example/v1",
        "GET /v1/models?api_key=bWFyY286c3dvcmRmaXNo HTTP/1.1",
        "{'x-bf-vk': 'bWFyY286c3dvcmRmaXNo'}",
        "Set-Cookie: bWFyY286c3dvcmRmaXNo; Path=/",
        "x-portkey-api-key=bWFyY286c3dvcmRmaXNo",
        "the key calib-bWFyY286c3dvcmRmaXNo is revoked",
    ],
)
def test_a_key_that_nobody_named_is_masked_by_where_it_stands(tmp_path: Path, text: str) -> None:
    log = open_log(tmp_path)
    log.event("call_failed", message=text)
    log.close()
    assert b"bWFyY286" not in (tmp_path / "calibtui.log").read_bytes()


def test_what_is_no_secret_is_left_readable(tmp_path: Path) -> None:
    fields = {
        "url": "https://api.example/v1/chat/completions?alt=json",
        "cache_key": "sha256:aa",
        "input_tokens": 12,
        "message": "Rate limit reached for gpt-4o in organization org-x: 30000 tokens per min.",
        "digest": "5f" * 32,
    }
    log = open_log(tmp_path)
    log.event("e", **fields)
    log.close()
    (line,) = _lines(tmp_path / "calibtui.log")
    assert {name: line[name] for name in fields} == fields


def test_nothing_in_a_line_is_obeyed_by_a_terminal_or_breaks_it(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    evil = '\x1b[2J\r\n{"event":"forged"}\x00\x07\x7f\x9b31m\u2028\u202eü\ud800'
    log.event("frame_failed", frame=evil, **{evil: 1})
    log.close()
    written = (tmp_path / "calibtui.log").read_bytes()
    assert written.count(b"\n") == 1
    assert written.endswith(b"\n")
    assert all(32 <= byte < 127 for byte in written[:-1])
    assert _lines(tmp_path / "calibtui.log")[0]["frame"] == evil


def test_a_line_is_bounded_whatever_it_is_given(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    circle: list[Any] = []
    circle.append(circle)
    log.event(
        "e",
        text="x" * 1_000_000,
        many=list(range(10_000)),
        wide={str(number): number for number in range(10_000)},
        circle=circle,
        huge=10**4000,
        nan=math.nan,
    )
    log.close()
    (line,) = _lines(tmp_path / "calibtui.log")
    assert len(line["text"]) == LONGEST + 1
    assert len(line["many"]) == len(line["wide"]) == MOST_ITEMS
    assert json.dumps(line["circle"]).count("[") < 2 * DEEPEST + 2
    assert line["nan"] is None
    assert (tmp_path / "calibtui.log").stat().st_size < 10_000


def test_the_files_stay_small_and_every_line_in_them_whole(tmp_path: Path) -> None:
    log = open_log(tmp_path, most_bytes=2000, backups=2)
    for number in range(200):
        log.event("e", number=number)
    log.close()
    files = sorted(tmp_path.iterdir())
    assert [file.name for file in files] == ["calibtui.log", "calibtui.log.1", "calibtui.log.2"]
    assert all(file.stat().st_size <= 2000 for file in files)
    numbers = [line["number"] for file in reversed(files) for line in _lines(file)]
    assert numbers == list(range(numbers[0], 200))


def test_threads_write_whole_lines(tmp_path: Path) -> None:
    log = open_log(tmp_path, most_bytes=20_000, backups=9)
    threads = [threading.Thread(target=lambda: [log.event("e", text="x" * 50) for _ in range(100)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    log.close()
    assert sum(len(_lines(file)) for file in tmp_path.iterdir()) == 400


def test_failures_are_logged_and_successes_not(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    ok = CallRecord("c-2", "d1", "openai", "gpt-4o", "m", "i", "ok", 1, 1, 1, True, 1, 1.0, 0.0)
    score = Score("f.jpg", "d1", 0.5, (), "p", "pd", "m", "m", "p", 1, None, 1, 1, 1, None, 1.0, 0.0)
    log.failures([CALL, ok, score, FailedScore("f.jpg", "d1", "upstream", "<html>503")])
    log.close()
    call, frame = _lines(tmp_path / "calibtui.log")
    del call["at"], frame["at"]
    assert call == {
        "event": "call_failed", "call": "c-1", "digest": "d1", "provider": "openai", "model": "gpt-4o",
        "status": "upstream", "attempts": 2, "latency_ms": 850.0, "cost_eur": 0.003128, "measured": False,
    }  # fmt: skip
    assert frame == {
        "event": "frame_failed", "frame": "f.jpg", "digest": "d1", "error_class": "upstream", "reply": "<html>503",
    }  # fmt: skip


def test_an_error_is_logged_with_what_to_do(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    log.error("run_ended", BudgetExhaustedError("The budget is gone.", "Raise it."), run="r")
    log.close()
    (line,) = _lines(tmp_path / "calibtui.log")
    assert (line["error"], line["message"], line["hint"]) == (
        "BudgetExhaustedError",
        "The budget is gone.",
        "Raise it.",
    )


def test_a_line_that_cannot_be_written_is_counted_in_the_next_one_that_can(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    log = open_log(tmp_path, most_bytes=400, backups=1)
    log.event("before", text="x" * 250)
    # A directory where the older file belongs can't be renamed over, so rotation fails.
    (tmp_path / "calibtui.log.1" / "in the way").mkdir(parents=True)
    log.event("lost", text="x" * 250)
    log.event("lost", text="x" * 250)
    (tmp_path / "calibtui.log.1" / "in the way").rmdir()
    (tmp_path / "calibtui.log.1").rmdir()
    log.event("after", text="x" * 250)
    log.close()
    (line,) = _lines(tmp_path / "calibtui.log")
    assert (line["event"], line["lost"]) == ("after", 2)
    assert capfd.readouterr() == ("", "")


def test_a_state_directory_that_cannot_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "sealed").mkdir()
    (tmp_path / "sealed").chmod(0o500)
    try:
        log = open_log(tmp_path / "sealed" / "state")
    except WorkspaceUnwritableError as error:
        assert "calibtui.log" in error.message
    else:
        log.close()
        pytest.skip("this user may write everywhere")


def test_a_silent_log_takes_everything_and_writes_nothing() -> None:
    log: Log = silent_log()
    log.hide([Secret("A", CANARY)])
    log.event("e", x=object())
    log.failures([CALL])
    log.close()


def _filled(value: Any, key: str) -> Any:
    if isinstance(value, dict):
        return {_filled(name, key): _filled(item, key) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_filled(item, key) for item in value]
    if isinstance(value, Exception):
        return type(value)(_filled(str(value), key))
    if isinstance(value, bytes):
        return value.replace(b"%s", key.encode())
    return value.replace("%s", key)
