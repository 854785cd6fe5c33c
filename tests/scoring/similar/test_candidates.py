"""The nearest scored frames: exact, best first, growing, and only what was really scored."""

from __future__ import annotations

import numpy as np
import pytest

from calibtui.scoring.similar import candidates as module
from calibtui.scoring.similar.candidates import COSINE, ScoredIndex


def unit(values: np.ndarray) -> np.ndarray:
    values = np.asarray(values, np.float64)
    return (values / np.linalg.norm(values, axis=1, keepdims=True)).astype(np.float32)


def clusters(seed: int, count: int, size: int = 32) -> np.ndarray:
    """Vectors in loose groups, so that some pairs pass the threshold and most don't."""
    generator = np.random.default_rng(seed)
    centres = np.random.default_rng(99).normal(size=(40, size))
    return unit(centres[generator.integers(0, 40, count)] + generator.normal(0, 0.25, (count, size)))


def filled(vectors: np.ndarray) -> ScoredIndex:
    index = ScoredIndex(vectors.shape[1])
    index.append([f"frame {number}" for number in range(len(vectors))], vectors)
    return index


def test_it_finds_what_a_search_of_all_pairs_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_ROWS_AT_ONCE", 100)
    monkeypatch.setattr(module, "_QUERIES_AT_ONCE", 7)
    scored, queries = clusters(1, 730), clusters(2, 50)
    found = filled(scored).nearest(queries, most=3)
    passed = 0
    for query, candidates in zip(queries.astype(np.float64), found, strict=True):
        cosines = scored.astype(np.float64) @ query
        order = np.argsort(-cosines, kind="stable")[:3]
        wanted = [f"frame {place}" for place in order if cosines[place] >= COSINE]
        assert [candidate.digest for candidate in candidates] == wanted
        assert [candidate.cosine for candidate in candidates] == pytest.approx(cosines[order][: len(wanted)], abs=1e-5)
        passed += len(wanted)
    assert passed > 50


def test_an_empty_index_has_no_candidates() -> None:
    assert ScoredIndex(8).nearest(unit(np.ones((2, 8)))) == [(), ()]


def test_no_questions_no_answers() -> None:
    assert filled(clusters(1, 5)).nearest(np.empty((0, 32), np.float32)) == []


def test_a_frame_is_found_as_soon_as_it_is_scored() -> None:
    vectors = clusters(3, 3000)
    index = ScoredIndex(32)
    for start in range(0, 3000, 700):
        part = vectors[start : start + 700]
        assert f"frame {start}" not in index
        index.append([f"frame {start + number}" for number in range(len(part))], part)
        best = index.nearest(part[:1], most=1)[0]
        assert best[0].digest == f"frame {start}"
    assert len(index) == 3000


def test_equals_come_in_the_order_they_were_scored() -> None:
    index = filled(unit(np.ones((5, 8))))
    found = index.nearest(unit(np.ones((1, 8))), most=3)[0]
    assert [candidate.digest for candidate in found] == ["frame 0", "frame 1", "frame 2"]


def test_a_digest_is_held_once() -> None:
    index = ScoredIndex(8)
    vectors = unit(np.eye(8)[:3])
    index.append(["a", "a", "b"], vectors)
    index.append(["b", "c"], vectors[:2])
    assert len(index) == 3
    for digest, place in (("a", 0), ("c", 1), ("b", 2)):
        assert [candidate.digest for candidate in index.nearest(vectors[place : place + 1])[0]] == [digest]


def test_the_threshold_belongs_to_the_hits() -> None:
    index = filled(np.array([[1, 0]], np.float32))
    query = np.array([[0.6, 0.8]], np.float32)
    assert index.nearest(query, cosine=0.5)[0]
    assert not index.nearest(query, cosine=0.7)[0]


@pytest.mark.parametrize(
    "vectors",
    [
        np.zeros((1, 8), np.float32),
        np.full((1, 8), np.nan, np.float32),
        2 * np.eye(8, dtype=np.float32)[:1],
        np.eye(8)[:1],
        np.eye(7, dtype=np.float32)[:1],
        np.eye(8, dtype=np.float32)[0],
    ],
)
def test_vectors_that_are_no_descriptors_are_refused_and_nothing_is_added(vectors: np.ndarray) -> None:
    index = ScoredIndex(8)
    with pytest.raises(ValueError, match="descriptor"):
        index.append(["a"], vectors)
    with pytest.raises(ValueError, match="descriptor"):
        index.nearest(vectors)
    assert len(index) == 0


def test_counts_must_agree() -> None:
    with pytest.raises(ValueError, match="2 digests for 1 descriptors"):
        ScoredIndex(8).append(["a", "b"], np.eye(8, dtype=np.float32)[:1])
