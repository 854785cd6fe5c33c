"""Score shards: Parquet, one row a (frame, prompt, model, pass); a shard that is there is whole."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from calibtui.core.files import written_whole
from calibtui.core.scores import Score

_FIELD_OF_COLUMN = {"pass": "pass_number"}


def _required(name: str, kind: pa.DataType) -> pa.Field:
    return pa.field(name, kind, nullable=False)


SCHEMA = pa.schema(
    [
        _required("frame_uri", pa.string()),
        _required("digest", pa.string()),
        _required("difficulty", pa.float64()),
        _required("reasons", pa.list_(pa.string())),
        _required("prompt", pa.string()),
        _required("prompt_digest", pa.string()),
        _required("requested_model", pa.string()),
        _required("answered_model", pa.string()),
        _required("provider", pa.string()),
        _required("pass", pa.int32()),
        pa.field("cached", pa.string()),
        _required("input_tokens", pa.int64()),
        _required("output_tokens", pa.int64()),
        _required("cost_micro_eur", pa.int64()),
        pa.field("budget_node", pa.string()),
        _required("latency_ms", pa.float64()),
        _required("scored_at", pa.timestamp("us", "UTC")),
    ]
)
"""Column names, order and types are held on to by other people's scripts."""


def score_table(scores: Iterable[Score]) -> pa.Table:
    """The scores as a table of SCHEMA, in the order given."""
    rows = list(scores)
    columns = {name: [getattr(row, _FIELD_OF_COLUMN.get(name, name)) for row in rows] for name in SCHEMA.names}
    columns["reasons"] = [list(row.reasons) for row in rows]
    columns["scored_at"] = [datetime.fromtimestamp(row.scored_at, UTC) for row in rows]
    return pa.table(columns, schema=SCHEMA)


def write_shard(rows: pa.Table | Iterable[Score], path: Path) -> None:
    """Writes a shard in one step. A table must have SCHEMA's columns, in types that convert without loss; others raise
    pyarrow.ArrowInvalid or KeyError. Raises WorkspaceUnwritableError."""
    table = rows.select(SCHEMA.names).cast(SCHEMA) if isinstance(rows, pa.Table) else score_table(rows)
    with written_whole(path) as part:
        pq.write_table(table, part, compression="zstd")
