"""Commands beside a running engine: the same words, figures and exit codes as without one."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time

from tests.conftest import WORKSPACE
from tests.engines import alive, engine_process, serving, until_true

from calibtui.engine.client.starting import start_engine
from calibtui.practice.options import PracticeOptions
from calibtui.practice.process import practice_server, read_books

BUDGETS = WORKSPACE + '\n[budgets]\nteam = {{ eur = 50, user = "%s" }}\n'


def test_headless_stages_become_jobs_of_the_engine_with_the_same_json(make_workspace, runtime_directory, calibtui):
    alone = calibtui("--batch", "--json", root := make_workspace())
    root.rename(root.with_name("alone"))
    root = make_workspace()
    with serving(root):
        beside = calibtui("--batch", "--json", root)
        again = calibtui("select", "--json", "--set", "selection.size=5", root)
        wrong = calibtui("score", "--json", "--set", 'scoring.prompt="nothing@1"', root)
    assert (alone.code, beside.code, again.code, wrong.code) == (0, 0, 0, 2)
    assert beside.json.keys() == alone.json.keys()
    assert beside.json["scoring"].keys() == alone.json["scoring"].keys()
    assert beside.json["selection"]["digest"] == alone.json["selection"]["digest"]
    assert beside.json["evaluation"]["drop"] == alone.json["evaluation"]["drop"]
    assert again.json["selection"]["size"] == 5
    assert wrong.json["error"]["exit_code"] == 2 and "nothing@1" in wrong.err


def test_ctrl_c_cancels_the_job_and_leaves_the_engine(make_workspace, runtime_directory, start):
    with practice_server(PracticeOptions(latency_ms=250)) as url:
        root = make_workspace(pool=60, url=url)
        with serving(root):
            process = start("score", "--json", root)
            until_true(lambda: read_books(url)["requests"] >= 8)
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=60)
            assert process.returncode == 130, err
            scoring = json.loads(out)["scoring"]
            assert scoring["stopped_by"] == "interrupt" and 0 < scoring["scored"] < 60
            again = start("score", "--json", root)
            out, err = again.communicate(timeout=120)
            assert (again.returncode, json.loads(out)["scoring"]["scored"]) == (0, 60), err


def test_money_and_state_are_asked_of_the_engine_and_what_needs_the_store_says_so(
    make_workspace, runtime_directory, calibtui
):
    from calibtui.gateway.money.os_user import os_user

    root = make_workspace(pool=8, document=BUDGETS % os_user())
    calibtui("score", "--json", root)
    alone, status = calibtui("budget", root, "show", "--json").json, calibtui("status", "--json", root).json
    with engine_process(root) as place:
        assert calibtui("budget", root, "show", "--json").json == alone
        beside = calibtui("status", "--json", root).json
        assert beside.pop("engine")["process"] == place.pid and status.pop("engine") is None
        assert beside == status
        assert "engine" in calibtui("status", root).out
        lines = calibtui("budget", root, "set", "team", "7", "--why", "less", "--json").json["budgets"]
        assert [line["cap_eur"] for line in lines] == [7.0]
        doctor = {check["what"]: check["state"] for check in calibtui("doctor", "--json", root).json["checks"]}
        assert doctor["store"] == "ok"
        for words in (("keys", root, "list"), ("budget", root, "reconcile")):
            refused = calibtui(*words)
            assert refused.code == 6 and "calibtui stop" in refused.err, words
    assert calibtui("budget", root, "show", "--json").json["audit"][-1]["why"] == "less"


def test_stop_ends_the_engine_and_says_when_there_is_none(make_workspace, runtime_directory, calibtui):
    root = make_workspace(pool=2)
    assert calibtui("stop", "--json", root).json == {"schema": 1, "stopped": False}
    start_engine(root)
    assert calibtui("stop", "--json", root).json == {"schema": 1, "stopped": True}
    assert not list((runtime_directory / "calibtui").iterdir())
    assert calibtui("status", "--json", root).json["engine"] is None


def test_a_headless_run_and_an_engine_never_share_a_workspace(make_workspace, runtime_directory, start, calibtui):
    with practice_server(PracticeOptions(latency_ms=3000)) as url:
        root = make_workspace(pool=40, url=url)
        process = start("score", "--json", root)
        until_true(lambda: read_books(url)["requests"] >= 2)
        engine = subprocess.run(
            [sys.executable, "-m", "calibtui", "engine", str(root)],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert engine.returncode == 6 and f"process {process.pid}" in engine.stderr
        process.kill()
        process.communicate()


def test_the_engine_in_the_foreground_ends_with_a_term(make_workspace, runtime_directory, start):
    root = make_workspace(pool=2)
    process = start("engine", root)
    until_true(lambda: (root / ".calibtui" / "engine.lock").exists() and (root / ".calibtui" / "engine.log").exists())
    before = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0
    assert time.monotonic() - before < 60 and not alive(process.pid)
    process.communicate()


def test_the_workbench_wants_a_terminal(make_workspace, runtime_directory, calibtui):
    ran = calibtui("launch", make_workspace(pool=2))
    assert ran.code == 2 and "--batch" in ran.err
