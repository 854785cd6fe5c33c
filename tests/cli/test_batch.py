"""`calibtui --batch`: the whole job on real input, its JSON, its files, and what the same command does again."""

from __future__ import annotations

import json
import re
from pathlib import Path

import onnx
import pyarrow.parquet as pq
import pytest

from calibtui.practice.process import read_books
from calibtui.scoring.shards import SCHEMA

NUMBER = (int, float)
CONTRACT = {
    "schema": int,
    "workspace": str,
    "run": str,
    "pool": {"frames": int, "unreadable": int, "duplicates": int},
    "scoring": {
        "judge": str, "model": str, "prompt": str, "scored": int, "failed": int, "remaining": int,
        "cache_hits": {"exact": int, "similar": int}, "calls": int, "retries": int, "seconds": NUMBER,
        "spent_eur": NUMBER, "held_eur": NUMBER, "budgets": list, "shards": list, "stopped_by": type(None),
    },
    "selection": {"strategy": str, "size": int, "seed": int, "manifest": str, "digest": str},
    "quantization": {
        "model": str, "target": str, "calibrator": str, "frames": int, "seconds": NUMBER,
        "inference_seconds": NUMBER, "peak_rss_mib": int, "float_layers": list,
    },
    "evaluation": {
        "frames": int,
        "reference": {"map": NUMBER, "map50": NUMBER, "map75": NUMBER, "per_class": dict},
        "int8": {"map": NUMBER, "map50": NUMBER, "map75": NUMBER, "per_class": dict},
        "drop": {"points": NUMBER, "ci95": list}, "report": str,
    },
}  # fmt: skip


def assert_shape(found: object, expected: object, where: str = "") -> None:
    if isinstance(expected, dict):
        assert isinstance(found, dict), where
        for key, inner in expected.items():
            assert key in found, f"{where}.{key} is missing"
            assert_shape(found[key], inner, f"{where}.{key}")
    else:
        assert isinstance(found, expected), f"{where} is {found!r}"


@pytest.fixture
def ran(make_workspace, calibtui):
    root = make_workspace()
    return root, calibtui("--batch", "--json", root)


def test_the_json_is_the_contract_and_stdout_holds_nothing_else(ran):
    _, result = ran
    assert result.code == 0, result.err
    assert result.out.count("\n") == 1
    assert_shape(result.json, CONTRACT)
    assert result.json["schema"] == 1


def test_figures_are_fractions_points_and_true_to_each_other(ran):
    _, result = ran
    evaluation = result.json["evaluation"]
    assert 0.2 < evaluation["reference"]["map"] <= 1
    difference = 100 * (evaluation["reference"]["map"] - evaluation["int8"]["map"])
    assert evaluation["drop"]["points"] == pytest.approx(difference)
    low, high = evaluation["drop"]["ci95"]
    assert low <= high
    assert set(evaluation["reference"]["per_class"]) == set(evaluation["int8"]["per_class"])


def test_every_frame_is_scored_once_and_paid_for_as_the_price_says(ran):
    _, result = ran
    scoring = result.json["scoring"]
    distinct = result.json["pool"]["frames"] - result.json["pool"]["duplicates"]
    assert (scoring["scored"], scoring["failed"], scoring["remaining"]) == (distinct, 0, 0)
    assert scoring["calls"] == distinct
    rows = pq.read_table(scoring["shards"][0]).to_pylist()
    paid = sum(-(-(row["input_tokens"] * 2_300_000 + row["output_tokens"] * 9_200_000) // 1_000_000) for row in rows)
    assert scoring["spent_eur"] == pytest.approx(paid / 1e6)
    assert sum(row["cost_micro_eur"] for row in rows) == paid


def test_shards_have_the_contracts_columns_and_are_whole(ran):
    _, result = ran
    (path,) = result.json["scoring"]["shards"]
    table = pq.read_table(path)
    assert table.schema.equals(SCHEMA)
    assert table.num_rows == result.json["scoring"]["scored"]
    assert all(0 <= difficulty <= 1 for difficulty in table["difficulty"].to_pylist())
    assert set(table["cached"].to_pylist()) == {None}
    assert not list(Path(path).parent.glob("*.part")), "nothing half-written is left"


def test_the_manifest_is_the_set_that_was_quantized(ran):
    _, result = ran
    manifest = json.loads(Path(result.json["selection"]["manifest"]).read_text())
    assert manifest["digest"] == result.json["selection"]["digest"]
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", manifest["digest"])
    assert len(manifest["frames"]) == result.json["selection"]["size"] == result.json["quantization"]["frames"]
    model = onnx.load(result.json["quantization"]["model"])
    stamped = {entry.key: entry.value for entry in model.metadata_props}
    assert stamped["calibtui.set"] == manifest["digest"]


def test_the_report_names_the_verdict_and_needs_nothing_from_outside(ran):
    _, result = ran
    page = Path(result.json["evaluation"]["report"]).read_text()
    assert "practice" in page, "the practice judge is named wherever its scores show"
    assert not re.search(r"""(?:src|href)=["']https?:""", page)


def test_the_same_command_again_asks_and_computes_nothing(ran, calibtui, practice_url):
    root, first = ran
    before = read_books(practice_url)["requests"]
    again = calibtui("--batch", "--json", root)
    assert again.code == 0
    assert read_books(practice_url)["requests"] == before
    scoring = again.json["scoring"]
    assert scoring["calls"] == 0
    assert scoring["spent_eur"] == 0
    assert scoring["cache_hits"]["exact"] == scoring["scored"] == first.json["scoring"]["scored"]
    assert again.json["selection"]["digest"] == first.json["selection"]["digest"]
    assert again.json["evaluation"]["drop"] == first.json["evaluation"]["drop"]
    rows = pq.read_table(scoring["shards"][0])
    assert set(rows["cached"].to_pylist()) == {"exact"}
    assert sum(rows["cost_micro_eur"].to_pylist()) == 0


def test_only_new_frames_are_asked_after_the_pool_has_grown(ran, calibtui, sample_data):
    root, first = ran
    (root / "pool" / "new.jpg").write_bytes((sorted((sample_data / "pool").rglob("*.jpg"))[1]).read_bytes())
    again = calibtui("score", "--json", root)
    assert again.json["scoring"]["calls"] == 1
    assert again.json["scoring"]["scored"] == first.json["scoring"]["scored"] + 1


def test_stages_by_hand_come_to_the_same_set_and_model(ran, make_workspace, calibtui, tmp_path):
    root, whole = ran
    root.rename(tmp_path / "whole")
    other = make_workspace()
    for command in ("score", "select", "quantize", "evaluate"):
        result = calibtui(command, "--json", other)
        assert result.code == 0, result.err
    assert result.json["evaluation"]["drop"] == whole.json["evaluation"]["drop"]
    assert "scoring" not in result.json, "a stage that did not run is absent"


def test_until_and_only_run_what_they_say(make_workspace, calibtui):
    root = make_workspace()
    until = calibtui("--batch", "--json", "--until", "select", root)
    assert {"pool", "scoring", "selection"} <= until.json.keys()
    assert "quantization" not in until.json
    only = calibtui("--batch", "--json", "--only", "quantize", root)
    assert only.code == 0, only.err
    assert "quantization" in only.json
    assert "selection" not in only.json


def test_the_detector_judge_needs_no_provider_and_never_repeats_itself(make_workspace, calibtui):
    root = make_workspace()
    first = calibtui("score", "--json", "--set", "scoring.judge=detector", root)
    assert first.code == 0, first.err
    assert first.json["scoring"]["judge"] == "detector"
    assert first.json["scoring"]["calls"] == 0
    again = calibtui("score", "--json", "--set", "scoring.judge=detector", root)
    assert again.json["scoring"]["cache_hits"]["exact"] == first.json["scoring"]["scored"]


def test_people_get_tables_on_stdout_and_progress_on_stderr(make_workspace, calibtui):
    result = calibtui("--batch", make_workspace())
    assert result.code == 0
    assert "mAP 50" in result.out
    assert "practice" in result.out
    assert "score:" in result.err


def test_a_pool_that_recurs_by_38_percent_costs_62_percent_of_the_calls(make_workspace, calibtui):
    root = make_workspace(pool=100)
    frames = sorted((root / "pool").iterdir())
    for frame in frames[50:]:
        frame.rename(root / frame.name)
    assert calibtui("score", "--json", root).json["scoring"]["calls"] == 50
    for frame in frames[:31]:
        frame.unlink()
    for frame in frames[50:81]:
        (root / frame.name).rename(frame)
    second = calibtui("score", "--json", root).json["scoring"]
    assert second["scored"] == 50
    assert second["calls"] == 31
    assert second["cache_hits"]["exact"] == 19
