"""Scores taken over from similar frames: bound to their source, behind every real score, kept apart from the exact
cache."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from calibtui.core.scores import Score, ScoreKey
from calibtui.store.similar import AuditedHit, HitRow
from calibtui.store.store import Store


@pytest.fixture
def store(tmp_path: Path):
    with Store(tmp_path / "state") as opened:
        yield opened


def _key(frame: str, number: int = 1) -> ScoreKey:
    return ScoreKey(f"payload {frame}", "prompt", "model", "parameters", number)


def _score(frame: str, difficulty: float, number: int = 1) -> tuple[ScoreKey, Score]:
    score = Score(
        f"{frame}.jpg", frame, difficulty, ("glare",), "difficulty@1", "prompt", "model", "model-2026", "provider",
        number, None, 900, 20, 2300, None, 12.0, 1e9,
    )  # fmt: skip
    return _key(frame, number), score


def _hit(frame: str, source: str, cosine: float = 0.98, number: int = 1) -> HitRow:
    return HitRow(_key(frame, number), frame, f"payload {source}", source, cosine, 1.5)


def _keys(*frames: str, number: int = 1) -> pa.Table:
    keys = [_key(frame, number) for frame in frames]
    return pa.table(
        {
            "payload_digest": [key.payload_digest for key in keys],
            "prompt_digest": [key.prompt_digest for key in keys],
            "model": [key.model for key in keys],
            "parameters_digest": [key.parameters_digest for key in keys],
            "pass": pa.array([number] * len(keys), pa.int32()),
            "place": pa.array(range(len(keys)), pa.int64()),
            "frame_uri": [f"{frame}.jpg" for frame in frames],
            "digest": list(frames),
        }
    )


def _taken(store: Store, *frames: str, threshold: float = 0.92, number: int = 1) -> dict[str, float]:
    rows = store.similar.taken_over(_keys(*frames, number=number), threshold)
    return dict(zip(rows["digest"].to_pylist(), rows["difficulty"].to_pylist(), strict=True))


def test_a_hit_has_the_score_of_its_source_in_the_columns_of_the_exact_cache(store):
    store.scores.commit("run", [_score("a", 0.7)])
    store.similar.commit("run", [_hit("b", "a")])
    keys = _keys("a", "b")
    exact, similar = store.scores.cached(keys), store.similar.taken_over(keys, 0.92)
    assert exact["digest"].to_pylist() == ["a"], "the exact cache knows nothing of it"
    assert similar.schema == exact.schema
    row = similar.to_pylist()[0]
    assert (row["place"], row["frame_uri"], row["digest"], row["difficulty"]) == (1, "b.jpg", "b", 0.7)
    assert row["reasons"] == ["glare"]


def test_a_real_score_comes_before_one_that_was_taken_over(store):
    store.scores.commit("run", [_score("a", 0.7)])
    store.similar.commit("run", [_hit("b", "a")])
    store.scores.commit("run", [_score("b", 0.2)])
    assert _taken(store, "b") == {}


def test_a_source_whose_score_is_taken_back_takes_its_hits_along(store):
    store.scores.commit("run", [_score("a", 0.7)])
    store.similar.commit("run", [_hit("b", "a")])
    store.scores.quarantine("run", "model", {"a"}, "why")
    assert _taken(store, "b") == {}


def test_a_hit_on_a_hit_has_no_score(store):
    store.scores.commit("run", [_score("a", 0.7)])
    store.similar.commit("run", [_hit("b", "a"), _hit("c", "b")])
    assert _taken(store, "b", "c") == {"b": 0.7}


def test_a_hit_counts_from_its_cosine_on_and_in_its_own_pass(store):
    store.scores.commit("run", [_score("a", 0.7), _score("a", 0.9, 2)])
    store.similar.commit("run", [_hit("b", "a", cosine=0.95)])
    assert _taken(store, "b", threshold=0.95) == {"b": 0.7}
    assert _taken(store, "b", threshold=0.96) == {}
    assert _taken(store, "b", number=2) == {}


def test_signatures_come_back_as_they_were_and_only_of_their_version(store):
    data = bytes(range(256)) * 10
    store.similar.commit("run", signatures={"a": data}, signature_version=1)
    store.similar.commit("run", signatures={"a": b"later"}, signature_version=1)
    assert store.similar.signature("a", 1) == data
    assert store.similar.signature("a", 2) is None
    assert store.similar.signature("b", 1) is None


def test_audits_come_back_in_their_order_from_a_cosine_on(store):
    audits = [
        AuditedHit(_key("c"), "c", "a", 0.99, 0.7, 0.1, 2.0),
        AuditedHit(_key("b"), "b", "a", 0.93, 0.7, 0.6, 1.0),
    ]
    store.similar.commit("run", audits=audits)
    assert store.similar.audits("prompt", "model", "parameters", 0.92) == [(0.7, 0.6), (0.7, 0.1)]
    assert store.similar.audits("prompt", "model", "parameters", 0.95) == [(0.7, 0.1)]
    assert store.similar.audits("another", "model", "parameters", 0.92) == []
