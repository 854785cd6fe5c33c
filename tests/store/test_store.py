"""The store keeps what it was told, refuses what it can't read, and lets one process in."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from calibtui.core.errors import StoreDamagedError, StoreVersionError, WorkspaceUnwritableError
from calibtui.core.frames import IndexedFrame
from calibtui.core.scores import CallRecord, FailedScore, Score, ScoreKey
from calibtui.store.artifacts import EvaluationRow, ModelRow
from calibtui.store.store import Store
from calibtui.store.table import named_failures


def frame(uri: str, digest: str, *, reason: str | None = None, value: float = 1.0, **columns: str) -> IndexedFrame:
    vector = None if reason else np.full(8, value, np.float32)
    return IndexedFrame(uri, Path(uri), digest, 10, 20, 640, 480, "JPEG", vector, reason, columns)


def score(digest: str, *, difficulty: float = 0.5) -> tuple[ScoreKey, Score]:
    verdict = Score(
        f"{digest}.jpg", digest, difficulty, ("blur",), "p@1", "pd", "m", "m", "prov", 1, None, 5, 6, 7, None, 1.5, 2.5
    )
    return ScoreKey(f"pay-{digest}", "pd", "m", "par"), verdict


def call(digest: str, cost: int) -> CallRecord:
    return CallRecord(f"call-{digest}", digest, "prov", "m", "m", "c", "ok", 1, 5, 6, True, cost, 1.5, 2.5)


def keys(*digests: str, model: str = "m") -> pa.Table:
    return pa.table(
        {
            "payload_digest": [f"pay-{digest}" for digest in digests],
            "prompt_digest": ["pd"] * len(digests),
            "model": [model] * len(digests),
            "parameters_digest": ["par"] * len(digests),
            "pass": pa.array([1] * len(digests), pa.int32()),
            "place": pa.array(range(len(digests)), pa.int64()),
            "frame_uri": [f"now/{digest}.jpg" for digest in digests],
            "digest": list(digests),
        }
    )


def test_frames_survive_reopening_and_unusable_files_keep_their_reason(tmp_path):
    with Store(tmp_path) as store:
        store.frames.write("pool", [frame("a.jpg", "1", line="3"), frame("b.jpg", "9", reason="zero bytes")], 1)
    with Store(tmp_path) as store:
        store.frames.write("pool", [frame("c.jpg", "", reason="no permission")], 1)
        assert store.frames.known("pool", 1) == {"a.jpg": (10, 20), "b.jpg": (10, 20)}
        assert store.frames.known("pool", 2) == {"b.jpg": (10, 20)}, "another descriptor means indexing again"
        store.frames.set_present("pool", gone=["c.jpg"], back=[])
        assert [(row.uri, row.columns) for row in store.frames.usable("pool", unique=True)] == [
            ("a.jpg", {"line": "3"})
        ]
        assert store.frames.unreadable("pool") == [("b.jpg", "zero bytes")]


def test_a_manifest_that_changes_its_columns_changes_the_frames(tmp_path):
    with Store(tmp_path) as store:
        store.frames.write("pool", [frame("a.jpg", "1", line="3"), frame("b.jpg", "2", line="4")], 1)
        store.frames.set_columns("pool", {"a.jpg": {"line": "7"}})
        assert [row.columns for row in store.frames.usable("pool", unique=True)] == [{"line": "7"}, {"line": "4"}]


def test_exact_duplicates_count_once_for_scoring_and_roles_do_not_mix(tmp_path):
    with Store(tmp_path) as store:
        store.frames.write("pool", [frame("b.jpg", "1"), frame("a.jpg", "1"), frame("c.jpg", "2")], 1)
        store.frames.write("evaluation", [frame("a.jpg", "9")], 1)
        assert [row.uri for row in store.frames.usable("pool", unique=True)] == ["a.jpg", "c.jpg"]
        counts = store.frames.counts("pool")
        assert (counts.frames, counts.unreadable, counts.duplicates) == (3, 0, 1)
        assert store.frames.counts("evaluation").frames == 1


def test_a_frame_that_no_source_names_any_more_is_left_out_and_comes_back(tmp_path):
    with Store(tmp_path) as store:
        store.frames.write("pool", [frame("a.jpg", "1"), frame("b.jpg", "2")], 1)
        store.frames.set_present("pool", gone=["b.jpg"], back=[])
        assert [row.uri for row in store.frames.usable("pool", unique=True)] == ["a.jpg"]
        assert store.frames.absent("pool") == {"b.jpg"}
        store.frames.set_present("pool", gone=[], back=["b.jpg"])
        assert len(store.frames.usable("pool", unique=True)) == 2


def test_descriptors_come_in_the_order_that_was_asked(tmp_path):
    with Store(tmp_path) as store:
        store.frames.write("pool", [frame("a.jpg", "1", value=1.0), frame("b.jpg", "2", value=2.0)], 1)
        vectors = store.frames.descriptors(["2", "1", "2"], 1)
    assert vectors.shape == (3, 8)
    assert vectors[:, 0].tolist() == [2.0, 1.0, 2.0]


def test_a_stored_score_is_found_by_its_whole_key_and_by_nothing_less(tmp_path):
    with Store(tmp_path) as store:
        store.scores.commit("run-1", scores=[score("1", difficulty=0.25)])
        found = store.scores.cached(keys("2", "1"))
        assert found["digest"].to_pylist() == ["1"]
        assert found["frame_uri"].to_pylist() == ["now/1.jpg"]
        assert found["difficulty"].to_pylist() == [0.25]
        assert store.scores.cached(keys("1", model="other")).num_rows == 0


def test_replaying_a_commit_neither_doubles_nor_changes_what_was_paid(tmp_path):
    with Store(tmp_path) as store:
        store.scores.commit("run-1", scores=[score("1")], calls=[call("1", 7)])
        store.scores.commit(
            "run-2", scores=[score("1", difficulty=0.9), score("2")], calls=[call("1", 7), call("2", 5)]
        )
        assert store.scores.spent() == 12
        assert store.scores.spent("run-1") == 7
        assert store.scores.count() == 2
        assert store.scores.cached(keys("1"))["difficulty"].to_pylist() == [0.5]
        store.scores.commit("run-3", scores=[score("1", difficulty=0.9)], replace=True)
        assert store.scores.cached(keys("1"))["difficulty"].to_pylist() == [0.9], "asked again on purpose"


def test_a_failed_frame_is_a_row_and_no_score(tmp_path):
    failed = FailedScore("1.jpg", "1", "unreadable", "I am sorry")
    with Store(tmp_path) as store:
        store.scores.commit("run-1", failures=[(ScoreKey("pay-1", "pd", "m", "par"), failed)])
        assert store.scores.failures("run-1") == [failed]
        assert store.scores.cached(keys("1")).num_rows == 0


def test_artifacts_are_found_by_what_went_into_them(tmp_path):
    model = ModelRow("key", "int8", "digest", "models/a.onnx", {"frames": 3})
    evaluation = EvaluationRow("e", "digest", "evaluations/e.npz", {"map": 0.5})
    with Store(tmp_path) as store:
        store.artifacts.add_model(model, "run")
        store.artifacts.add_evaluation(evaluation, "run")
        store.artifacts.add_set("s", "hardest", 3, 0, "sets/s.json", "run")
    with Store(tmp_path) as store:
        assert store.artifacts.model("key") == model
        assert store.artifacts.evaluation("e") == evaluation
        assert store.artifacts.newest_set() == "sets/s.json"
        assert store.artifacts.model("other") is None


def test_the_newest_set_is_the_one_chosen_last_even_when_it_was_chosen_before(tmp_path):
    with Store(tmp_path) as store:
        for digest in ("a", "b", "a"):
            store.artifacts.add_set(digest, "hardest", 3, 0, f"sets/{digest}.json", "run")
        assert store.artifacts.newest_set() == "sets/a.json"


def test_a_run_that_never_ended_is_seen_to_have_been_killed(tmp_path):
    with Store(tmp_path) as store:
        store.runs.begin("r1", "batch", 1.0)
        store.runs.begin_stage("r1", "score", 1.5)
        store.runs.begin("r2", "batch", 2.0)
        store.runs.end("r2", "done", 3.0, {"x": 1})
        assert [(run.id, run.state, run.summary) for run in store.runs.newest()] == [
            ("r2", "done", {"x": 1}),
            ("r1", "killed", None),
        ]


def test_a_second_process_is_told_who_holds_the_workspace(tmp_path):
    code = f"from pathlib import Path; from calibtui.store.store import Store; Store(Path({str(tmp_path)!r}))"
    with Store(tmp_path):
        other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "WorkspaceBusyError" in other.stderr
    assert "is in use by process" in other.stderr
    Store(tmp_path).close()


def test_a_store_of_a_newer_version_is_refused_untouched(tmp_path):
    Store(tmp_path).close()
    connection = duckdb.connect(str(tmp_path / "store.duckdb"))
    connection.execute("INSERT INTO schema_versions (version) VALUES (999)")
    connection.close()
    with pytest.raises(StoreVersionError, match="newer calibtui \\(schema 999"):
        Store(tmp_path)


def test_a_file_that_is_no_store_is_named(tmp_path):
    (tmp_path / "store.duckdb").write_bytes(b"rubbish" * 1000)
    with pytest.raises(StoreDamagedError, match=r"store\.duckdb"):
        Store(tmp_path)


def test_a_disk_that_is_full_at_a_commit_is_called_full() -> None:
    with pytest.raises(WorkspaceUnwritableError, match="disk is full"), named_failures():
        raise duckdb.TransactionException('Failed to commit: Could not write file "store.wal": No space left on device')
    with pytest.raises(duckdb.TransactionException), named_failures():
        raise duckdb.TransactionException("Conflict on update")


def test_what_the_store_dates_itself_is_utc_wherever_the_machine_is(tmp_path, monkeypatch):
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        with Store(tmp_path) as store:
            store.artifacts.add_set("sha256:a", "random", 1, 0, "sets/a.json", "run")
            made = store.set_names.sets()[0].at
    finally:
        monkeypatch.undo()
        time.tzset()
    assert abs(made - time.time()) < 600
