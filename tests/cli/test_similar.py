"""A frame that shows what a scored frame shows costs nothing, is marked with where its score came from, and is nothing
more than that: a picture with a defect of its own is asked about."""

from __future__ import annotations

import json
import os
import pwd
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image, ImageDraw

from calibtui.core.digests import file_digest
from calibtui.practice.process import read_books
from calibtui.scoring.similar.audit import is_audited
from calibtui.store.store import Store

ON = "[cache]\ncanary = false\nsimilar = { threshold = 0.92 }\n"
POOL = 8
PRICE_OF_A_QUESTION = (900 * 2.30 + 20 * 9.20) / 1e6
"""EUR, at the usage that the scripted judge tells."""


@pytest.fixture
def workspace(make_workspace) -> Path:
    """A workspace of a few frames that takes scores over."""
    return _on(make_workspace(pool=POOL))


def _on(root: Path) -> Path:
    file = root / "calibtui.toml"
    file.write_text(file.read_text().replace("[cache]\ncanary = false\n", ON))
    return root


def _frames(root: Path) -> list[Path]:
    return sorted((root / "pool").glob("0*.jpg"))


def _encoded_again(root: Path, quality: int = 90) -> dict[str, str]:
    """A copy of every frame from another encoder setting; digest of the copy → digest of its original."""
    copies = {}
    for path in _frames(root):
        copy = path.with_name(f"again-{path.name}")
        Image.open(path).save(copy, quality=quality)
        copies[file_digest(copy)] = file_digest(path)
    return copies


def _with_a_defect(root: Path) -> None:
    """A copy of every frame with a dot of 10 px where there was none."""
    for path in _frames(root):
        image = Image.open(path).convert("RGB")
        x, y = image.width // 3, image.height // 2
        grey = sum(image.getpixel((x, y))) // 3
        level = grey - 60 if grey > 127 else grey + 60
        ImageDraw.Draw(image).ellipse((x, y, x + 9, y + 9), fill=(level, level, level))
        image.save(path.with_name(f"defect-{path.name}"), quality=95)


def _shards(scoring: dict) -> pa.Table:
    return pa.concat_tables([pq.read_table(path) for path in scoring["shards"]])


def _origins(root: Path) -> dict[str, str]:
    with Store(root / ".calibtui") as store:
        return store.similar.origins()


def test_copies_from_another_encoder_cost_nothing_and_name_their_source(workspace, calibtui, practice_url):
    first = calibtui("score", "--json", workspace).json["scoring"]
    copies = _encoded_again(workspace)
    before = read_books(practice_url)["requests"]
    second = calibtui("score", "--json", workspace).json["scoring"]
    assert read_books(practice_url)["requests"] == before
    assert (second["calls"], second["spent_eur"]) == (0, 0)
    assert second["cache_hits"] == {"exact": first["scored"], "similar": POOL}
    assert second["scored"] == 2 * POOL
    assert _origins(workspace) == copies
    rows = {row["digest"]: row for row in _shards(second).to_pylist()}
    for copy, original in copies.items():
        assert rows[copy]["cached"] == "similar"
        assert rows[copy]["cost_micro_eur"] == 0
        assert rows[copy]["difficulty"] == rows[original]["difficulty"]
        assert rows[copy]["reasons"] == rows[original]["reasons"]


def test_a_small_defect_is_asked_about(workspace, calibtui, practice_url):
    calibtui("score", "--json", workspace)
    _with_a_defect(workspace)
    before = read_books(practice_url)["requests"]
    scoring = calibtui("score", "--json", workspace).json["scoring"]
    assert scoring["cache_hits"]["similar"] == 0
    assert read_books(practice_url)["requests"] - before == POOL
    assert scoring["scored"] == 2 * POOL


def test_what_was_taken_over_stays_so_and_is_nobodys_source(workspace, calibtui):
    calibtui("score", "--json", workspace)
    originals = {file_digest(path) for path in _frames(workspace)}
    _encoded_again(workspace)
    calibtui("score", "--json", workspace)
    again = calibtui("score", "--json", workspace).json["scoring"]
    assert again["cache_hits"] == {"exact": POOL, "similar": POOL}
    for path in (workspace / "pool").glob("again-*.jpg"):
        Image.open(path).save(path.with_name(f"third-{path.name}"), quality=92)
    third = calibtui("score", "--json", workspace).json["scoring"]
    assert third["cache_hits"]["similar"] + third["calls"] == 2 * POOL
    assert set(_origins(workspace).values()) <= originals


def test_a_source_may_have_been_replaced_by_its_copy(workspace, calibtui):
    calibtui("score", "--json", workspace)
    _encoded_again(workspace)
    for path in _frames(workspace):
        path.unlink()
    scoring = calibtui("score", "--json", workspace).json["scoring"]
    assert (scoring["calls"], scoring["cache_hits"]["similar"]) == (0, POOL)


def test_frames_scored_before_the_layer_was_on_are_sources(make_workspace, calibtui):
    root = make_workspace(pool=POOL)
    calibtui("score", "--json", root)
    _encoded_again(root)
    scoring = calibtui("score", "--json", _on(root)).json["scoring"]
    assert (scoring["calls"], scoring["cache_hits"]["similar"]) == (0, POOL)


def test_copies_within_one_run_are_asked_about_once(workspace, calibtui):
    _encoded_again(workspace)
    scoring = calibtui("score", "--json", "--set", "scoring.concurrency=16", workspace).json["scoring"]
    assert scoring["calls"] + scoring["cache_hits"]["similar"] == 2 * POOL
    assert scoring["cache_hits"]["similar"] > 0
    assert scoring["scored"] == 2 * POOL


def test_the_selection_sees_what_was_taken_over(workspace, calibtui):
    calibtui("score", "--json", workspace)
    _encoded_again(workspace)
    words = ("--set", "selection.strategy=hardest", "--set", f"selection.size={2 * POOL}")
    selection = calibtui("--batch", "--json", "--until", "select", *words, workspace).json["selection"]
    chosen = json.loads(Path(selection["manifest"]).read_text())["frames"]
    assert len(chosen) == 2 * POOL
    assert all(frame["difficulty"] is not None for frame in chosen)


def test_it_is_off_unless_asked_for_and_turning_it_off_asks_after_all(workspace, calibtui):
    calibtui("score", "--json", workspace)
    _encoded_again(workspace)
    calibtui("score", "--json", workspace)
    file = workspace / "calibtui.toml"
    file.write_text(file.read_text().replace(ON, "[cache]\ncanary = false\n"))
    scoring = calibtui("score", "--json", workspace).json["scoring"]
    assert scoring["cache_hits"] == {"exact": POOL, "similar": 0}
    assert scoring["calls"] == POOL


def test_every_pass_takes_over_its_own(workspace, calibtui):
    words = ("--set", "scoring.passes=2")
    calibtui("score", "--json", *words, workspace)
    _encoded_again(workspace)
    scoring = calibtui("score", "--json", *words, workspace).json["scoring"]
    assert (scoring["calls"], scoring["scored"]) == (0, 2 * POOL)
    assert scoring["cache_hits"]["similar"] == 2 * POOL
    more = calibtui("score", "--json", "--set", "scoring.passes=3", workspace).json["scoring"]
    assert (more["scored"], more["remaining"]) == (2 * POOL, 0)
    assert more["calls"] + more["cache_hits"]["similar"] - 2 * POOL == 2 * POOL


def test_scores_of_another_payload_are_not_taken_over(workspace, calibtui):
    calibtui("score", "--json", workspace)
    _encoded_again(workspace)
    words = ("--set", "scoring.max_px=64")
    scoring = calibtui("score", "--json", *words, workspace).json["scoring"]
    assert scoring["cache_hits"]["exact"] == 0
    assert scoring["calls"] >= POOL
    rows = {row["digest"]: row for row in _shards(scoring).to_pylist()}
    for copy, original in _origins(workspace).items():
        apart = rows[copy]["scored_at"] - rows[original]["scored_at"]
        assert abs(apart.total_seconds()) < 1e-4, "of the same answer"


def test_a_stricter_threshold_asks_what_it_would_not_have_taken_over(workspace, calibtui):
    calibtui("score", "--json", workspace)
    _encoded_again(workspace, quality=60)
    taken = calibtui("score", "--json", workspace).json["scoring"]["cache_hits"]["similar"]
    assert taken > 0
    strict = calibtui("score", "--json", "--set", "cache.similar.threshold=1.0", workspace).json["scoring"]
    assert strict["cache_hits"]["similar"] == 0
    assert strict["calls"] == taken


def test_a_look_up_that_fails_is_a_question_more_and_no_error(workspace, calibtui):
    calibtui("score", "--json", workspace)
    with Store(workspace / ".calibtui") as store, store.similar._transaction() as cursor:
        cursor.execute("UPDATE signatures SET signature = 'damaged'::BLOB")
    _encoded_again(workspace)
    result = calibtui("score", "--json", workspace)
    assert result.code == 0, result.err
    assert (result.json["scoring"]["calls"], result.json["scoring"]["cache_hits"]["similar"]) == (POOL, 0)


def test_a_budget_and_its_forecast_see_only_what_is_asked(workspace, calibtui):
    calibtui("score", "--json", workspace)
    _encoded_again(workspace)
    with (workspace / "calibtui.toml").open("a") as file:
        user = pwd.getpwuid(os.getuid()).pw_name
        file.write(f'[budgets]\nteam = {{ eur = 0.000001, user = "{user}" }}\n')
    result = calibtui("score", "--json", workspace)
    assert result.code == 0, result.err
    assert result.json["scoring"]["scored"] == 2 * POOL


def test_a_refusal_for_want_of_money_is_one_answer_though_copies_wait_for_it(make_workspace, scripted_judge, calibtui):
    root = _on(make_workspace(pool=1, url=scripted_judge.url))
    for quality in (88, 90, 92):
        Image.open(_frames(root)[0]).save(root / "pool" / f"again-{quality}.jpg", quality=quality)
    scripted_judge.takes_s = 1.0
    error = {"message": "Budget exceeded: budget exceeded: 105.5 >= 100.0 dollars"}
    scripted_judge.refuses = (402, {"type": "budget_exceeded", "status_code": 402, "error": error})
    result = calibtui("score", "--json", "--set", "scoring.concurrency=8", root)
    assert result.code == 3
    assert scripted_judge.answers == 1


def test_copies_of_a_frame_that_is_being_asked_about_wait_for_its_answer(make_workspace, scripted_judge, calibtui):
    root = _on(make_workspace(pool=1, url=scripted_judge.url))
    for quality in (88, 90, 92):
        Image.open(_frames(root)[0]).save(root / "pool" / f"again-{quality}.jpg", quality=quality)
    scripted_judge.takes_s = 1.0
    scoring = calibtui("score", "--json", "--set", "scoring.concurrency=8", root).json["scoring"]
    assert (scoring["scored"], scoring["calls"], scoring["cache_hits"]["similar"]) == (4, 1, 3)


def _copy_where(path: Path, name: str, wanted: Callable[[str], bool]) -> None:
    """The same picture in a file of another digest, with a comment that makes the digest one that is wanted."""
    original = path.read_bytes()
    for number in range(100_000):
        comment = f"{name} {number}".encode()
        data = original[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + original[2:]
        copy = path.with_name(f"{name}-{path.name}")
        copy.write_bytes(data)
        if wanted(file_digest(copy)):
            return
    raise AssertionError("no such digest")


@pytest.mark.parametrize(("says", "off"), [(90, True), (25, False)])
def test_audits_that_find_hits_false_switch_the_layer_off(make_workspace, scripted_judge, calibtui, says, off):
    """Two hits in the audit's sample are asked for: if the judge now disagrees, nothing more is taken over, also in
    later runs; if it agrees, their answers are real scores and the layer stays on."""
    root = _on(make_workspace(pool=3, url=scripted_judge.url))
    assert calibtui("score", "--json", root).json["scoring"]["calls"] == 3
    scripted_judge.says = lambda asked: says
    for path in _frames(root)[:2]:
        source = file_digest(path)
        _copy_where(path, "audited", lambda digest, source=source: is_audited(digest, source))
    audited = calibtui("score", "--json", root).json
    assert audited["scoring"]["calls"] == 2
    assert audited["scoring"]["cache_hits"] == {"exact": 3, "similar": 0}
    note = next(note for note in audited["notes"] if "audited hits" in note)
    assert ("2 of 2 audited hits were false" in note) == off
    assert "at 95 % confidence" in note
    path = _frames(root)[2]
    source = file_digest(path)
    _copy_where(path, "later", lambda digest: not is_audited(digest, source))
    later = calibtui("score", "--json", root).json["scoring"]
    assert (later["calls"], later["cache_hits"]["similar"]) == ((1, 0) if off else (0, 1))


def test_a_forecast_counts_on_what_will_be_taken_over(make_workspace, scripted_judge, calibtui):
    """30 frames and 150 copies, of which 30 questions come: a budget for 120 is enough, though not for all 180."""
    root = _on(make_workspace(pool=30, url=scripted_judge.url))
    for path in _frames(root):
        for quality in (86, 88, 90, 92, 94):
            Image.open(path).save(path.with_name(f"again-{quality}-{path.name}"), quality=quality)
    user = pwd.getpwuid(os.getuid()).pw_name
    with (root / "calibtui.toml").open("a") as file:
        file.write(f'[budgets]\nteam = {{ eur = {120 * PRICE_OF_A_QUESTION:.6f}, user = "{user}" }}\n')
    result = calibtui("score", "--json", root)
    assert result.code == 0, result.err
    scoring = result.json["scoring"]
    assert scoring["scored"] == 180
    assert 30 <= scoring["calls"] < 60
    assert scoring["spent_eur"] == pytest.approx(scoring["calls"] * PRICE_OF_A_QUESTION, rel=0.01)
