"""Frames that look alike, also in a pool that is too large to be compared whole."""

from __future__ import annotations

import time

import numpy as np
import pyarrow as pa
import pytest

from calibtui.core.errors import ConfigurationError
from calibtui.engine.queries import descriptor_sketch, neighbours
from calibtui.engine.queries.descriptor_sketch import sketch_of
from calibtui.engine.queries.pool_rows import pool_rows
from calibtui.engine.wire.frames import Frame


def of_first(desk) -> list[tuple[str, float]]:
    found = desk.ask(Frame(digest=desk.digests()[0])).neighbours
    return [(each.digest, round(each.similarity, 4)) for each in found]


def test_the_store_and_the_sketch_find_what_a_whole_comparison_finds(make_desk, monkeypatch):
    desk = make_desk(frames=40)
    whole = of_first(desk)
    assert len(whole) == 6
    monkeypatch.setattr(neighbours, "IN_MEMORY", 0)
    desk.memory.clear()
    assert of_first(desk) == whole, "while the sketch is being made the store is searched"
    deadline = time.monotonic() + 30
    while desk.memory["descriptor sketch"].made is None and time.monotonic() < deadline:
        time.sleep(0.02)
    del desk.memory["neighbours"]
    monkeypatch.setattr(type(desk.store.browsing), "nearest", None)
    sketched = of_first(desk)
    assert dict(sketched) == pytest.approx(dict(whole), abs=5e-3)


def test_a_sketch_keeps_the_likest_frames_of_a_pool_of_similar_pictures(make_desk, monkeypatch, tmp_path):
    """Pictures vary along fewer ways than a descriptor has numbers, and noise besides."""
    desk = make_desk(frames=40)
    rows, _ = pool_rows(desk.context)
    draw = np.random.default_rng(0)
    vectors = draw.standard_normal((40, 12)) @ draw.standard_normal((12, 256)) + 0.1 * draw.standard_normal((40, 256))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    monkeypatch.setattr(descriptor_sketch, "CANDIDATES", 8)
    monkeypatch.setattr(descriptor_sketch, "BLOCK", 7)
    shuffled, folder = draw.permutation(40), tmp_path / "state"
    folder.mkdir()
    sketch = sketch_of(rows, stored(rows.digests_of(shuffled), vectors[shuffled]), folder)
    for place in range(40):
        cosine = vectors @ vectors[place]
        likest = np.argsort(-cosine)[:5]
        assert set(likest) <= set(sketch.candidates(place))
        found = sketch.nearest(place, 4)
        assert {other for other, _ in found} == set(likest[1:])
        assert [about for _, about in found] == pytest.approx(cosine[likest[1:]], abs=5e-3)
    assert not list(folder.iterdir()), "nothing is left behind"


def test_without_the_descriptors_of_some_frames_there_is_no_sketch(make_desk, tmp_path):
    desk = make_desk(frames=8)
    rows, _ = pool_rows(desk.context)
    vectors = np.eye(8, 256, dtype=np.float32)
    digests = rows.digests_of(np.arange(8))
    with pytest.raises(ConfigurationError, match="another version"):
        sketch_of(rows, stored(digests[:5], vectors[:5]), tmp_path)


def stored(digests, vectors):
    """As the store gives them: piece by piece."""
    for first in range(0, len(digests), 7):
        part = slice(first, first + 7)
        listed = pa.array(list(vectors[part]), pa.list_(pa.float32()))
        yield pa.RecordBatch.from_arrays([pa.array(digests[part]), listed], names=["digest", "vector"])
