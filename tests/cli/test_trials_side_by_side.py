"""Searches and ablations find the same whatever does their trials: this process, several, or a Ray cluster."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.cli.test_search_resumed import SEARCH, layer_errors, trials

ABLATE = ("--strategies", "k-center", "--sizes", "4", "--calibrators", "minmax", "--set", "scoring.judge=detector")
CREWS = [
    "trials.workers=2",
    pytest.param(
        "trials.ray=local",
        marks=pytest.mark.skipif(
            importlib.util.find_spec("ray") is None, reason="Ray is not installed: pip install 'calibtui[ray]'"
        ),
    ),
]
UNHURRIED = """
import sys
from calibtui.cli.main import main
from calibtui.pipeline.search import search
search.LEAST_UNIT_S = 20.0
main(sys.argv[1:])
"""
PATIENCE_S = 120
MISSED = 5


@pytest.fixture(autouse=True)
def unhurried(monkeypatch):
    """Time enough on any machine: what is left out for want of time differs from run to run."""
    monkeypatch.setattr("calibtui.pipeline.search.search.LEAST_UNIT_S", 20.0)


def workers_of(pid: int) -> list[int]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if parent == pid:
            found.append(int(stat.parent.name))
    return found


@pytest.mark.parametrize("how", CREWS)
def test_an_ablation_is_the_same(calibtui, make_workspace, tmp_path, how):
    found = []
    for number, each in enumerate(("trials.workers=1", how)):
        root = make_workspace(pool=12, evaluation=8)
        ran = calibtui("ablate", root, *ABLATE, "--json", "--set", each)
        assert ran.code == 0, ran.err
        found.append(ran.json["conditions"])
        root.rename(tmp_path / str(number))
    assert found[0] == found[1]


@pytest.mark.parametrize("how", CREWS)
def test_a_search_is_the_same_row_by_row(calibtui, make_workspace, tmp_path, how):
    found = []
    for number, each in enumerate(("trials.workers=1", how)):
        root = make_workspace(pool=16, evaluation=36)
        ran = calibtui("--batch", "--json", root, *SEARCH, "--set", each)
        assert ran.code in (0, MISSED), ran.err
        errors = {name: error for name, (error, _) in layer_errors(root).items()}
        found.append((ran.json["quantization"]["search"]["trials"], errors))
        root.rename(tmp_path / str(number))
    assert found[0] == found[1]


def test_a_search_that_is_killed_leaves_no_worker_and_measures_nothing_twice(calibtui, make_workspace):
    root = make_workspace(pool=16, evaluation=36)
    how = (*SEARCH, "--set", "trials.workers=2")
    running = subprocess.Popen(
        [sys.executable, "-c", UNHURRIED, "--batch", str(root), *how],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    ends = time.monotonic() + PATIENCE_S
    while len(layer_errors(root)) < 3 and time.monotonic() < ends:
        time.sleep(0.05)
    pids = workers_of(running.pid)
    os.kill(running.pid, signal.SIGKILL)
    running.wait()
    while any(Path(f"/proc/{pid}").exists() for pid in pids) and time.monotonic() < ends:
        time.sleep(0.05)
    assert len(pids) == 2 and not any(Path(f"/proc/{pid}").exists() for pid in pids)
    layers, rows = layer_errors(root), trials(root)
    assert len(layers) >= 3

    resumed = calibtui("--batch", "--json", root, *how)
    assert resumed.code in (0, MISSED), resumed.err
    # A measurement that were made again would have taken another time.
    assert {name: layer_errors(root)[name] for name in layers} == layers
    assert list(trials(root).items())[: len(rows)] == list(rows.items())
