"""The manifest is a contract: its keys, its digest, and that a changed one is refused."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from calibtui.core.errors import ConfigurationError, WorkspaceUnwritableError
from calibtui.selection.manifest import build_manifest, pool_digest, read_manifest, write_manifest
from calibtui.selection.select import select
from calibtui.workspace.settings import SelectionSettings

SETTINGS = SelectionSettings(strategy="hardest", size=6, seed=4)


@pytest.fixture
def data(pool):
    return pool(frames=30, unscored=5)


@pytest.fixture
def manifest(data):
    return build_manifest(data, select(data, SETTINGS), SETTINGS, prompt="difficulty@1", judge_models=["b", "a", "b"])


def test_it_holds_what_the_contract_says(manifest, data) -> None:
    assert list(manifest) == [
        "schema", "strategy", "size", "seed", "pool_digest", "prompt", "judge_models", "frames", "digest",
    ]  # fmt: skip
    assert (manifest["schema"], manifest["strategy"], manifest["size"], manifest["seed"]) == (1, "hardest", 6, 4)
    assert manifest["judge_models"] == ["a", "b"]
    for frame in manifest["frames"]:
        index = data.uris.index(frame["uri"])
        assert frame["digest"] == data.digests[index]
        assert frame["difficulty"] == data.difficulty[index]
        assert tuple(frame["reasons"]) == data.reasons[index]
        assert frame["why"].startswith("hardest: rank ")
    digests = [frame["digest"] for frame in manifest["frames"]]
    assert digests == sorted(digests)


def test_its_digest_is_that_of_its_canonical_form_and_can_be_checked_without_this_package(manifest) -> None:
    rest = {key: value for key, value in manifest.items() if key != "digest"}
    canonical = json.dumps(rest, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    assert manifest["digest"] == "sha256:" + hashlib.sha256(canonical).hexdigest()


def test_written_and_read_it_is_the_same(manifest, tmp_path) -> None:
    write_manifest(tmp_path / "sets" / "a.json", manifest)
    assert read_manifest(tmp_path / "sets" / "a.json") == manifest
    assert [path.name for path in (tmp_path / "sets").iterdir()] == ["a.json"]


def test_a_pinned_frame_without_a_score_has_null(data) -> None:
    unscored = int(np.flatnonzero(np.isnan(data.difficulty))[0])
    settings = replace(SETTINGS, size=1, pin=(data.uris[unscored],))
    manifest = build_manifest(data, select(data, settings), settings, prompt=None, judge_models=[])
    assert manifest["frames"][0]["difficulty"] is None
    assert manifest["frames"][0]["why"] == "pinned"


def test_the_pool_digest_is_of_contents_not_of_names_order_or_copies(data) -> None:
    assert pool_digest(data.digests) == pool_digest([*data.digests[::-1], data.digests[0]])
    assert pool_digest(data.digests) != pool_digest(data.digests[1:])


def test_another_seed_or_prompt_gives_another_digest(data, manifest) -> None:
    chosen = select(data, SETTINGS)
    other = build_manifest(data, chosen, SETTINGS, prompt="difficulty@2", judge_models=["a", "b"])
    assert other["digest"] != manifest["digest"]
    reseeded = build_manifest(data, chosen, replace(SETTINGS, seed=5), prompt="difficulty@1", judge_models=["a", "b"])
    assert reseeded["digest"] != manifest["digest"]


def test_a_model_s_broken_text_is_carried_and_a_broken_file_name_is_refused(data, tmp_path) -> None:
    chosen = select(data, SETTINGS)
    strange = replace(data, reasons=[("half \ud83d of a pair", "<b>\x1b[31m")] * 30)
    manifest = build_manifest(strange, chosen, SETTINGS, prompt=None, judge_models=[])
    write_manifest(tmp_path / "set.json", manifest)
    assert read_manifest(tmp_path / "set.json")["frames"][0]["reasons"] == ["half ? of a pair", "<b>\x1b[31m"]
    misnamed = replace(data, uris=[os.fsdecode(b"\xff%d.jpg" % i) for i in range(30)])
    with pytest.raises(ConfigurationError, match="not valid Unicode"):
        build_manifest(misnamed, chosen, SETTINGS, prompt=None, judge_models=[])


def changed(manifest: dict, **values) -> str:
    return json.dumps({**manifest, **values})


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda m: "", "not JSON"),
        (lambda m: "[" * 100_000, "not JSON"),
        (lambda m: "[]", "not an object"),
        (lambda m: json.dumps(m)[:-40], "not JSON"),
        (lambda m: changed(m, seed=5), "digest does not match"),
        (lambda m: changed(m, frames=[{**m["frames"][0], "why": "x"}, *m["frames"][1:]]), "digest does not match"),
        (lambda m: changed(m, schema=2), "schema is 2"),
        (lambda m: changed(m, schema=True), "'schema' of the wrong type"),
        (lambda m: changed(m, more=1), "'more'"),
        (lambda m: json.dumps({k: v for k, v in m.items() if k != "seed"}), "'seed'"),
        (lambda m: changed(m, frames=[{"uri": "a"}] * 6), "frame 0 lacks"),
        (lambda m: changed(m, frames=["a"]), "frame 0 is not an object"),
        (lambda m: changed(m, frames=m["frames"][:5]), "says 6 frames and holds 5"),
        (lambda m: changed(m, frames=[m["frames"][0]] * 6), "twice"),
        (lambda m: changed(m, frames=[{**f, "reasons": [1]} for f in m["frames"]]), "not all text"),
        (lambda m: changed(m, prompt="\ud800"), "that no manifest can"),
        (lambda m: changed(m, frames=[{**f, "difficulty": float("nan")} for f in m["frames"]]), "not JSON"),
        (lambda m: changed(m, seed=1).replace('"seed": 1', '"seed": 1e999'), "'seed' of the wrong type"),
    ],
)
def test_a_file_that_is_no_whole_manifest_is_refused_by_name(spoil, words, manifest, tmp_path) -> None:
    path = tmp_path / "set.json"
    path.write_text(spoil(manifest))
    with pytest.raises(ConfigurationError) as refused:
        read_manifest(path)
    assert words in refused.value.message
    assert str(path) in refused.value.message


def test_a_file_that_is_not_there_or_not_text_is_refused_by_name(tmp_path) -> None:
    with pytest.raises(ConfigurationError, match="No such file"):
        read_manifest(tmp_path / "none.json")
    (tmp_path / "bytes.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigurationError, match="not JSON"):
        read_manifest(tmp_path / "bytes.json")


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes into a read-only directory")
def test_a_read_only_directory_is_named(manifest, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(WorkspaceUnwritableError, match=r"set\.json"):
        write_manifest(tmp_path / "set.json", manifest)
