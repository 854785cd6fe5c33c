"""A search that is stopped goes on from its last measurement, and measures nothing twice."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from pathlib import Path

import duckdb
import pytest

from calibtui.pipeline.search import search

# So small a limit that the search goes the whole way: remedies, what each layer costs, layers in float.
SEARCH = [
    "--set",
    "quantization.max_map_drop=0.01",
    "--set",
    "selection.strategy=random",
    "--set",
    "scoring.judge=detector",
]
PATIENCE_S = 120
MISSED, INTERRUPTED = 5, 130


def layer_errors(root: Path) -> dict[str, list[float]]:
    """Error and seconds by layers, as far as the search has come."""
    kept = list((root / ".calibtui" / "searches").glob("*.json"))
    return json.loads(kept[0].read_text())["errors"] if kept else {}


def trials(root: Path) -> dict[str, tuple[float, ...]]:
    """Error and seconds of every trial by its recipe, in the order they were made."""
    with duckdb.connect(root / ".calibtui" / "store.duckdb") as connection:
        found = connection.execute("SELECT what, error, seconds FROM trials ORDER BY number").fetchall()
    return {what: tuple(rest) for what, *rest in found}


@pytest.fixture
def unhurried(monkeypatch):
    """Time enough on any machine: what is left out for want of time differs from run to run."""
    monkeypatch.setattr(search, "LEAST_UNIT_S", 20.0)


def interrupt_in(root: Path) -> None:
    """Interrupts this process, as Ctrl-C does, once the search has looked at some layers."""
    ends = time.monotonic() + PATIENCE_S
    while len(layer_errors(root)) < 3 and time.monotonic() < ends:
        time.sleep(0.05)
    os.kill(os.getpid(), signal.SIGINT)


def test_an_interrupted_search_measures_nothing_twice_and_finds_the_same(make_workspace, calibtui, tmp_path, unhurried):
    root = make_workspace(pool=24, evaluation=36)
    watching = threading.Thread(target=interrupt_in, args=(root,))
    watching.start()
    stopped = calibtui("--batch", root, *SEARCH)
    watching.join()
    assert stopped.code == INTERRUPTED, stopped.err
    layers, rows = layer_errors(root), trials(root)
    assert len(layers) >= 3 and len(rows) >= 3

    resumed = calibtui("--batch", "--json", root, *SEARCH)
    assert resumed.code in (0, MISSED), resumed.err
    # A measurement that were made again would have taken another time.
    assert {name: layer_errors(root)[name] for name in layers} == layers
    assert len(layer_errors(root)) > len(layers)
    assert list(trials(root).items())[: len(rows)] == list(rows.items())

    found = resumed.json["quantization"]["search"]
    root.rename(tmp_path / "stopped")
    whole = calibtui("--batch", "--json", make_workspace(pool=24, evaluation=36), *SEARCH)
    assert whole.json["quantization"]["search"]["trials"] == found["trials"]
    assert whole.json["evaluation"]["drop"] == resumed.json["evaluation"]["drop"]
