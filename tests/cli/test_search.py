"""max_map_drop from the command line: searched, split, reported, taken up again."""

from __future__ import annotations

import json
from pathlib import Path

import onnx

LIMIT = [
    "--set",
    "quantization.max_map_drop=40",
    "--set",
    "selection.strategy=random",
    "--set",
    "scoring.judge=detector",
]


def test_a_limit_is_searched_for_on_frames_that_the_figures_are_not_of(make_workspace, calibtui):
    root = make_workspace(pool=24, evaluation=36)
    ran = calibtui("--batch", "--json", root, *LIMIT)
    assert ran.code == 0, ran.err
    search, split = ran.json["quantization"]["search"], ran.json["evaluation"]["split"]
    assert search["held"] and sum(trial["chosen"] for trial in search["trials"]) == 1
    assert ran.json["quantization"]["int8_multiply_adds"] > 0.99
    assert ran.json["evaluation"]["frames"] == split["report"] > split["search"] > 0
    sides = json.loads(Path(split["file"]).read_text())
    assert not set(sides["search"]) & set(sides["report"])
    onnx.checker.check_model(ran.json["quantization"]["model"])
    again = calibtui("--batch", "--json", root, *LIMIT)
    assert again.json["quantization"]["model"] == ran.json["quantization"]["model"]
    assert again.json["evaluation"]["drop"] == ran.json["evaluation"]["drop"]
    report = Path(ran.json["evaluation"]["report"]).read_text()
    assert "searched on" in report


def test_without_a_limit_nothing_is_searched_for_and_all_frames_count(make_workspace, calibtui):
    root = make_workspace(pool=24, evaluation=30)
    ran = calibtui("--batch", "--json", root, *LIMIT[2:])
    assert ran.code == 0, ran.err
    assert "search" not in ran.json["quantization"] and "split" not in ran.json["evaluation"]
    assert ran.json["evaluation"]["frames"] == 30
