"""Frames that look alike, also in a pool that is too large to be compared whole."""

from __future__ import annotations

import time

import numpy as np
import pytest

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


def test_a_sketch_keeps_the_likest_frames_of_a_pool_of_similar_pictures(make_desk, monkeypatch):
    """Pictures vary along fewer ways than a descriptor has numbers, and noise besides."""
    desk = make_desk(frames=40)
    rows, _ = pool_rows(desk.context)
    draw = np.random.default_rng(0)
    vectors = draw.standard_normal((40, 12)) @ draw.standard_normal((12, 256)) + 0.1 * draw.standard_normal((40, 256))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    by_digest = dict(zip(rows.digests_of(np.arange(40)), vectors, strict=True))
    monkeypatch.setattr(descriptor_sketch, "CANDIDATES", 8)
    monkeypatch.setattr(descriptor_sketch, "BLOCK", 7)
    sketch = sketch_of(rows, lambda digests: np.stack([by_digest[digest] for digest in digests]))
    for place in range(40):
        likest = np.argsort(-(vectors @ vectors[place]))[:5]
        assert set(likest) <= set(sketch.candidates(place))
