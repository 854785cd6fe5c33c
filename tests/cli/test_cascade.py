"""A cascade asks the dear judge only about frames that can still reach the set, and says what it saved."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from calibtui.practice.process import read_books

CASCADE = '[scoring]\nstages = [{{ judge = "detector", reach = 3 }}, {{ judge = "vlm" }}]\n'


@pytest.fixture
def cascade(make_workspace):
    def make(pool: int):
        root = make_workspace(pool=pool)
        document = (root / "calibtui.toml").read_text()
        (root / "calibtui.toml").write_text(document.replace("[scoring]\n", CASCADE.format()))
        return root

    return make


def test_the_dear_judge_sees_only_what_can_reach_the_set(cascade, calibtui, practice_url):
    root = cascade(60)
    before = read_books(practice_url)["requests"]
    result = calibtui("--batch", "--json", "--until", "select", root)
    assert result.code == 0, result.err
    asked = read_books(practice_url)["requests"] - before
    assert asked == 3 * 8 == result.json["scoring"]["calls"]
    assert result.json["scoring"]["scored"] == 60
    assert any("it was spared 36 frames" in note for note in result.json["notes"])
    manifest = json.loads(Path(result.json["selection"]["manifest"]).read_text())
    assert manifest["judge_models"] == ["detector.onnx", "practice-vlm-1"]
    assert manifest["prompt"] == "difficulty@1"


def test_the_same_cascade_again_asks_nothing_and_chooses_the_same_set(cascade, calibtui, practice_url):
    root = cascade(60)
    first = calibtui("--batch", "--json", "--until", "select", root)
    before = read_books(practice_url)["requests"]
    again = calibtui("--batch", "--json", "--until", "select", root)
    assert read_books(practice_url)["requests"] == before
    assert again.json["selection"]["digest"] == first.json["selection"]["digest"]


def test_the_hardest_of_the_dear_judge_are_the_set(cascade, calibtui):
    root = cascade(60)
    result = calibtui("--batch", "--json", "--until", "select", "--set", "selection.strategy=hardest", root)
    manifest = json.loads(Path(result.json["selection"]["manifest"]).read_text())
    models = {shard.parent.name for shard in map(Path, result.json["scoring"]["shards"])}
    assert len(models) == 1, "both stages are shards of one run"
    assert all(frame["difficulty"] is not None for frame in manifest["frames"])


def test_every_stage_has_its_shards(cascade, calibtui):
    result = calibtui("score", "--json", cascade(30))
    shards = [Path(shard) for shard in result.json["scoring"]["shards"]]
    rows = [pq.read_table(shard).num_rows for shard in shards]
    assert len(set(shards)) == len(shards)
    assert sum(rows) == 30 + 24


def test_the_report_names_the_practice_judge_also_behind_another_and_where_nothing_was_scored_now(cascade, calibtui):
    root = cascade(60)
    assert calibtui("--batch", "--json", "--until", "quantize", root).code == 0
    page = Path(calibtui("evaluate", "--json", root).json["evaluation"]["report"]).read_text()
    assert "no vision-language model was asked" in page
