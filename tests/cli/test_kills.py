"""A run that is killed, interrupted or starved ends with nothing lost, and the same command goes on from there."""

from __future__ import annotations

import json
import os
import random
import resource
import signal
import subprocess
import sys
import time

import pytest

from calibtui.practice.options import PracticeOptions
from calibtui.practice.process import practice_server, read_books
from calibtui.store.store import Store

KILLS = 20
CONCURRENCY = 4


def scores_in(root) -> int:
    with Store(root / ".calibtui") as store:
        return store.scores.count()


def test_killed_at_random_moments_it_ends_with_the_same_set_and_asks_no_stored_score_again(
    make_workspace, start, tmp_path
):
    moments = random.Random(20)
    with practice_server(PracticeOptions(latency_ms=120)) as url:
        root = make_workspace(pool=160, url=url)
        kills_while_scoring = 0
        for _ in range(KILLS):
            before, ends = read_books(url)["requests"], time.monotonic() + moments.uniform(0.5, 12.0)
            process = start("--batch", "--json", root)
            enough = before + moments.randint(1, 14)
            while time.monotonic() < ends and read_books(url)["requests"] < enough:
                time.sleep(moments.uniform(0.01, 0.08))
            process.send_signal(signal.SIGKILL)
            process.communicate()
            stored = scores_in(root)
            asked = read_books(url)["requests"]
            kills_while_scoring += 0 < stored < 150
            assert asked <= stored + CONCURRENCY * KILLS
        process = start("--batch", "--json", root)
        out, err = process.communicate(timeout=300)
        assert process.returncode == 0, err
        killed, asked = json.loads(out), read_books(url)["requests"]
        frames = killed["scoring"]["scored"]
        assert asked - frames <= KILLS * CONCURRENCY, "each kill costs at most the requests in flight"
        root.rename(tmp_path / "killed")
        whole = start("--batch", "--json", make_workspace(pool=160, url=url))
        out, err = whole.communicate(timeout=300)
        assert whole.returncode == 0, err
    assert json.loads(out)["selection"]["digest"] == killed["selection"]["digest"]
    assert json.loads(out)["evaluation"]["drop"] == killed["evaluation"]["drop"]
    assert kills_while_scoring > 0, "some kills must hit the scoring for the test to mean anything"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_says_so_with_130_and_resumes(make_workspace, start, number):
    with practice_server(PracticeOptions(latency_ms=250)) as url:
        root = make_workspace(pool=60, url=url)
        process = start("--batch", "--json", root)
        while read_books(url)["requests"] < 8:
            time.sleep(0.05)
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
        assert process.returncode == 130, err
        scoring = json.loads(out)["scoring"]
        assert scoring["stopped_by"] == "interrupt"
        assert 0 < scoring["scored"] < 60
        assert scoring["remaining"] > 0
        again = start("score", "--json", root)
        out, err = again.communicate(timeout=120)
        assert again.returncode == 0, err
        rerun = json.loads(out)["scoring"]
        assert rerun["cache_hits"]["exact"] == scoring["scored"]
        assert rerun["calls"] == rerun["scored"] - scoring["scored"]


def test_an_interrupted_calibration_goes_on_where_it_was(make_workspace, calibtui, start):
    root = make_workspace(pool=80)
    arguments = ["--set", "selection.size=70", "--set", "selection.strategy=random"]
    whole = calibtui("--batch", "--json", *arguments, root)
    assert whole.code == 0, whole.err
    with Store(root / ".calibtui") as store:
        row = store.artifacts.newest_model("int8")
    first = (root / ".calibtui" / row.path).read_bytes()
    (root / ".calibtui" / row.path).unlink()
    process = start("quantize", "--json", *arguments, root)
    for line in process.stderr:
        if "calibrating" in line:
            process.send_signal(signal.SIGINT)
            break
    process.communicate(timeout=60)
    saved = list((root / ".calibtui" / "calibration").glob("*.npz"))
    assert process.returncode in (0, 130)
    assert (process.returncode == 130) == bool(saved), "an interrupted calibration leaves its statistics"
    again = calibtui("quantize", "--json", *arguments, root)
    assert again.code == 0, again.err
    assert (root / ".calibtui" / row.path).read_bytes() == first, "resumed or not, the same bytes"
    assert not list((root / ".calibtui" / "calibration").glob("*.npz"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write into a read-only directory")
def test_a_read_only_workspace_ends_with_6_and_names_the_directory(make_workspace, calibtui):
    root = make_workspace()
    root.chmod(0o555)
    try:
        result = calibtui("--batch", "--json", root)
    finally:
        root.chmod(0o755)
    assert result.code == 6
    assert str(root) in result.err


def test_a_full_disk_ends_with_6_and_leaves_nothing_half_written(make_workspace):
    root = make_workspace()
    limited = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, {resource.RLIM_INFINITY}));"
        "from calibtui.cli.main import main; sys.exit(main(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", limited, "--batch", "--json", str(root)]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert result.returncode == 6, result.stderr
    assert "Traceback" not in result.stderr
    assert not list((root / ".calibtui").rglob("*.part"))
    whole = subprocess.run(
        [sys.executable, "-m", "calibtui", "--batch", "--json", str(root)],
        capture_output=True,
        check=False,
        timeout=300,
    )
    assert whole.returncode == 0, "the same command goes on once there is space"
