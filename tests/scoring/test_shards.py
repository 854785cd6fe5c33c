"""A shard has exactly the columns and types that other people's scripts read, and is whole when it is there."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from calibtui.core.scores import Score
from calibtui.scoring.shards import score_table, write_shard

COLUMNS = [
    ("frame_uri", "string"),
    ("digest", "string"),
    ("difficulty", "double"),
    ("reasons", "list<element: string>"),
    ("prompt", "string"),
    ("prompt_digest", "string"),
    ("requested_model", "string"),
    ("answered_model", "string"),
    ("provider", "string"),
    ("pass", "int32"),
    ("cached", "string"),
    ("input_tokens", "int64"),
    ("output_tokens", "int64"),
    ("cost_micro_eur", "int64"),
    ("budget_node", "string"),
    ("latency_ms", "double"),
    ("scored_at", "timestamp[us, tz=UTC]"),
]


def score(number: int, cached: str | None = None) -> Score:
    at = 1_790_000_000.25
    tail = (cached, 900, 20, 1234, None, 45.5, at)
    return Score(f"{number}.jpg", "d", 0.5, ("blur", "glare"), "p@1", "pd", "m", "m-1", "acme", 1, *tail)


def test_columns_and_types_are_the_contracts(tmp_path: Path) -> None:
    write_shard([score(1)], tmp_path / "s.parquet")
    schema = pq.read_schema(tmp_path / "s.parquet")
    assert [(f.name, str(f.type).replace("item", "element")) for f in schema] == COLUMNS


def test_values_come_back_as_they_were(tmp_path: Path) -> None:
    write_shard([score(1), score(2, "exact")], tmp_path / "s.parquet")
    first, second = pq.read_table(tmp_path / "s.parquet").to_pylist()
    assert first["reasons"] == ["blur", "glare"]
    assert (first["cached"], second["cached"], first["budget_node"]) == (None, "exact", None)
    assert first["pass"] == 1
    assert first["scored_at"] == datetime.fromtimestamp(1_790_000_000.25, UTC)


def test_a_table_from_elsewhere_is_brought_to_the_contract(tmp_path: Path) -> None:
    table = score_table([score(1)])
    loose = table.set_column(9, "pass", pa.array([1], pa.int64())).append_column("extra", pa.array(["x"]))
    write_shard(loose.select(list(reversed(loose.column_names))), tmp_path / "s.parquet")
    assert pq.read_table(tmp_path / "s.parquet").equals(table)


def test_a_table_without_a_column_is_refused_and_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        write_shard(score_table([score(1)]).drop_columns(["digest"]), tmp_path / "s.parquet")
    assert list(tmp_path.iterdir()) == []


def test_an_empty_shard_has_the_columns_too(tmp_path: Path) -> None:
    write_shard([], tmp_path / "s.parquet")
    assert pq.read_table(tmp_path / "s.parquet").num_rows == 0
    assert pq.read_schema(tmp_path / "s.parquet").names == [name for name, _ in COLUMNS]


def test_a_shard_is_replaced_in_one_step(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "s.parquet"
    write_shard([score(1)], path)
    write_shard([score(1), score(2)], path)
    assert pq.read_table(path).num_rows == 2
    assert [p.name for p in path.parent.iterdir()] == ["s.parquet"]
