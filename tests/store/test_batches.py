"""Batches survive what happens to the process that handed them in."""

from __future__ import annotations

import pytest

from calibtui.store.batches import BatchRequestRow, BatchRow
from calibtui.store.store import Store


def batch(name: str, at: float = 1.0) -> BatchRow:
    return BatchRow(
        name, "run", "acme", "KEY", "difficulty@1", "pd", "m", "params", 5, 6, 900, 120, "preparing", None, at
    )


def request(name: str, owner: str) -> BatchRequestRow:
    return BatchRequestRow(name, owner, f"pool/{name}.jpg", f"digest of {name}", f"payload of {name}", 2)


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path) as store:
        yield store


def test_a_batch_comes_back_as_it_was_written_with_its_requests_after_a_restart(tmp_path):
    with Store(tmp_path) as store:
        store.batches.begin(batch("b"))
        store.batches.add([request("b-1", "b"), request("b-0", "b")])
    with Store(tmp_path) as store:
        assert store.batches.open() == [batch("b")]
        assert store.batches.requests("b") == [request("b-0", "b"), request("b-1", "b")]


def test_its_way_to_the_end_is_recorded_step_by_step(store):
    store.batches.begin(batch("b"))
    store.batches.submitting("b", 5.0)
    (row,) = store.batches.open()
    assert (row.state, row.remote_id, row.written_at) == ("submitting", None, 5.0)
    store.batches.submitted("b", "batch_1")
    (row,) = store.batches.open()
    assert (row.state, row.remote_id) == ("submitted", "batch_1")
    store.batches.ended("b", 9.0)
    assert store.batches.open() == []


def test_open_batches_come_oldest_first(store):
    for name, at in (("new", 3.0), ("old", 1.0)):
        store.batches.begin(batch(name, at))
    assert [row.id for row in store.batches.open()] == ["old", "new"]


def test_a_request_that_is_entered_or_does_not_leave_is_removed_alone(store):
    store.batches.begin(batch("b"))
    store.batches.add([request("b-0", "b"), request("b-1", "b")])
    store.batches.remove(["b-0", "unknown"])
    assert store.batches.requests("b") == [request("b-1", "b")]


def test_a_batch_that_never_left_is_forgotten_with_its_requests(store):
    for name in ("b", "c"):
        store.batches.begin(batch(name))
        store.batches.add([request(f"{name}-0", name)])
    store.batches.forget("b")
    assert [row.id for row in store.batches.open()] == ["c"]
    assert store.batches.requests("b") == [] and store.batches.requests("c") != []
