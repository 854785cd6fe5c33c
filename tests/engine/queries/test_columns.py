"""The columns that pages are made of, against the plain way to say the same."""

from __future__ import annotations

import hashlib

import numpy as np
import pyarrow as pa
import pytest

from calibtui.engine.queries.packed_digests import joined, packed_digests
from calibtui.engine.queries.pool_rows import rows_of
from calibtui.engine.queries.ranking import FEW, ranking, ranking_after
from calibtui.engine.queries.reasons import LARGEST, Reasons
from calibtui.store.browsing import Extent

SHA = [hashlib.sha256(bytes([number])).hexdigest() for number in range(40)]
NO_SHA = ["", "7f", SHA[0].upper(), SHA[0] + "0", "é" * 32, "x" * 64]


def packed(texts):
    return packed_digests(pa.array(texts, pa.string()))


def test_digests_read_as_they_were_written():
    texts = [SHA[0], *NO_SHA, SHA[1], "0" * 64]
    assert packed(texts).at(np.arange(len(texts))) == texts
    assert packed(texts).take(np.array([2, 0, 8])).at(np.arange(3)) == [texts[2], texts[0], texts[8]]
    assert joined([packed(texts[:3]), packed(texts[3:])]).at(np.arange(len(texts))) == texts


def test_a_digest_is_found_at_its_first_place():
    texts = [*SHA[5:], *NO_SHA, SHA[7], NO_SHA[1]]
    asked = [*texts, SHA[0], "nobody's", "0" * 64]
    found = packed(texts).places(packed(asked)).tolist()
    assert found == [texts.index(text) if text in texts else -1 for text in asked]
    assert packed([]).places(packed(asked)).tolist() == [-1] * len(asked)


@pytest.mark.parametrize("beginning", ["", "4", "4b", "4bf", SHA[3], SHA[3] + "0", "x", "7f", "é"])
def test_digests_are_looked_for_by_their_beginning(beginning):
    texts = [*SHA, *NO_SHA]
    assert packed(texts).beginning_with(beginning).tolist() == [text.startswith(beginning) for text in texts]


def batch(*files):
    names = ("uri", "digest", "mtime_ns", "width", "height", "reason")
    kinds = (pa.string(), pa.string(), pa.int64(), pa.int32(), pa.int32(), pa.string())
    columns = [pa.array(list(column), kind) for column, kind in zip(zip(*files, strict=True), kinds, strict=True)]
    return pa.RecordBatch.from_arrays(columns, names=list(names))


def test_files_are_put_in_order_copies_left_out_and_unreadable_ones_last():
    rows = rows_of(
        [
            batch(("d", SHA[1], 4, 14, 24, None), ("b", SHA[2], 2, 12, 22, None)),
            batch(("c", SHA[1], 3, 13, 23, None), ("a", "", 1, 11, 21, "no picture"), ("e", SHA[2], 5, 15, 25, "gone")),
        ],
        Extent(5, 5),
    )
    assert (rows.uris.to_pylist(), rows.usable, rows.duplicates) == (["b", "c", "a", "e"], 2, 1)
    assert rows.digests_of(np.arange(4)) == [SHA[2], SHA[1], "", SHA[2]]
    assert (rows.width.tolist(), rows.height.tolist()) == ([12, 13, 11, 15], [22, 23, 21, 25])
    assert rows.mtime_ns.tolist() == [2, 3, 1, 5]
    assert [rows.reason(place) for place in range(4)] == ["", "", "no picture", "gone"]
    assert rows.place(SHA[2]) == 0 and rows.by_path.tolist() == [2, 0, 1, 3]


def test_files_that_are_in_order_stay_and_no_files_are_no_rows():
    files = [(f"{number:02}", SHA[number], number, 1, 1, None) for number in range(40)]
    assert rows_of([batch(*files[:20]), batch(*files[20:])], Extent(40, 40)).digests_of(np.arange(40)) == SHA
    assert len(rows_of([], Extent(0, -1))) == 0


@pytest.mark.parametrize("seed", range(6))
def test_both_directions_keep_equal_ones_by_uri_and_unknown_ones_last(seed):
    draw = np.random.default_rng(seed)
    column = draw.integers(0, (2, 5, 100, 1, 40, 3)[seed], (60, 60, 200, 9, 1, 0)[seed]).astype(np.float64)
    column[draw.random(len(column)) < 0.2] = np.nan
    places = range(len(column))
    known, unknown = [p for p in places if column[p] == column[p]], [p for p in places if column[p] != column[p]]
    found = ranking(column)
    assert found.upward.tolist() == sorted(known, key=lambda place: (column[place], place)) + unknown
    assert found.turned().tolist() == sorted(known, key=lambda place: (-column[place], place)) + unknown


@pytest.mark.parametrize("values", [3, 1000])
@pytest.mark.parametrize("changes", [0, 1, 40, 300])
def test_a_column_of_which_some_changes_is_ordered_as_if_it_were_new(values, changes):
    draw = np.random.default_rng(values + changes)
    column = draw.integers(0, values, 500).astype(np.float64)
    column[draw.random(500) < 0.3] = np.nan
    found = ranking(column)
    for _ in range(5):
        column = column.copy()
        at = draw.choice(500, changes, replace=False)
        column[at] = np.where(draw.random(changes) < 0.3, np.nan, draw.integers(0, values, changes))
        found = ranking_after(found, column)
        anew = ranking(column)
        assert found.known == anew.known and found.upward.tolist() == anew.upward.tolist()
        assert found.turned().tolist() == anew.turned().tolist() and found.upward.dtype == np.int32


def test_another_column_is_sorted_whole():
    long = np.arange(3.0 * FEW)
    assert ranking_after(ranking(long), -long).upward.tolist() == ranking(-long).upward.tolist()
    assert ranking_after(ranking(long), long[:5]).upward.tolist() == [0, 1, 2, 3, 4]


def test_reasons_read_as_they_were_said_however_they_came():
    draw = np.random.default_rng(0)
    said = [[f"reason {word}" for word in draw.integers(0, 400, draw.integers(0, 4))] for _ in range(3000)]
    reasons = Reasons()
    for first in range(0, 3000, 30):
        before = reasons
        reasons = reasons.plus(pa.array([each or None for each in said[first : first + 30]]))
        assert len(before) == first, "what was read before stays as it was"
    assert len(reasons) == 3000 and len(reasons.chunks) < 12
    rows = draw.permutation(3000)
    assert reasons.of(rows) == [tuple(said[row]) for row in rows]
    holds = reasons.having(lambda words: np.array([word.as_py().endswith("7") for word in words], bool))
    assert holds.tolist() == [any(word.endswith("7") for word in each) for each in said]


def test_a_full_chunk_of_reasons_is_not_copied_any_more():
    full = Reasons().plus(pa.array([["a"]] * LARGEST))
    assert full.plus(pa.array([["b"]])).chunks[0] is full.chunks[0]


def test_no_reasons_are_had_by_nobody():
    assert len(Reasons()) == 0 and Reasons().of(np.zeros(0, np.int64)) == []
    assert Reasons().having(lambda words: np.zeros(len(words), bool)).tolist() == []
