"""Batches handed in to a provider, from before they leave until what came of them is stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Literal

import pyarrow as pa

from calibtui.store.table import Table, bulk

BatchRowState = Literal["preparing", "submitting", "submitted", "ended"]


@dataclass(frozen=True, slots=True)
class BatchRow:
    """`key_source`: the environment variable of the key that the batch belongs to. Prices in micro-EUR a million
    tokens, as they were when it was written; times UTC seconds since the epoch."""

    id: str
    run: str
    provider: str
    key_source: str | None
    prompt: str
    prompt_digest: str
    model: str
    parameters_digest: str
    input_micro_eur: int
    output_micro_eur: int
    worst_input_tokens: int
    worst_output_tokens: int
    state: BatchRowState
    remote_id: str | None
    written_at: float
    ended_at: float | None = None


@dataclass(frozen=True, slots=True)
class BatchRequestRow:
    """One request of a batch: which frame it asks about, in which pass."""

    custom_id: str
    batch: str
    frame_uri: str
    digest: str
    payload_digest: str
    pass_number: int


_BATCH = ", ".join(column.name for column in fields(BatchRow))
_REQUEST = pa.schema(
    {
        "custom_id": pa.string(),
        "batch": pa.string(),
        "frame_uri": pa.string(),
        "digest": pa.string(),
        "payload_digest": pa.string(),
        "pass": pa.int32(),
    }
)


class BatchTable(Table):
    """Every write is one transaction, durable when it returns."""

    def begin(self, batch: BatchRow) -> None:
        marks = ", ".join("?" for _ in fields(BatchRow))
        self._rows(f"INSERT INTO batches ({_BATCH}) VALUES ({marks})", list(asdict(batch).values()))

    def add(self, requests: Sequence[BatchRequestRow]) -> None:
        """Before money is held for them, so that no hold is ever without the request it is for."""
        rows = [{**asdict(request), "pass": request.pass_number} for request in requests]
        with self._transaction() as cursor:
            table = pa.Table.from_pylist([{name: row[name] for name in _REQUEST.names} for row in rows], _REQUEST)
            bulk(cursor, "INSERT INTO batch_requests BY NAME SELECT * FROM incoming", table)

    def remove(self, custom_ids: Sequence[str]) -> None:
        """Requests that won't leave after all."""
        self._rows("DELETE FROM batch_requests WHERE custom_id IN (SELECT unnest($1::VARCHAR[]))", [list(custom_ids)])

    def submitting(self, batch: str, at: float) -> None:
        """From now on it may be at the provider."""
        self._rows("UPDATE batches SET state = 'submitting', written_at = ? WHERE id = ?", [at, batch])

    def submitted(self, batch: str, remote_id: str) -> None:
        self._rows("UPDATE batches SET state = 'submitted', remote_id = ? WHERE id = ?", [remote_id, batch])

    def ended(self, batch: str, at: float) -> None:
        """Everything that came of it is stored."""
        self._rows("UPDATE batches SET state = 'ended', ended_at = ? WHERE id = ?", [at, batch])

    def forget(self, batch: str) -> None:
        """It provably never left."""
        with self._transaction() as cursor:
            cursor.execute("DELETE FROM batch_requests WHERE batch = ?", [batch])
            cursor.execute("DELETE FROM batches WHERE id = ?", [batch])

    def open(self) -> list[BatchRow]:
        """Those that have not ended, oldest first."""
        sql = f"SELECT {_BATCH} FROM batches WHERE state <> 'ended' ORDER BY written_at, id"
        return [BatchRow(*row) for row in self._rows(sql)]

    def requests(self, batch: str) -> list[BatchRequestRow]:
        """In the order of their custom ids."""
        sql = f"SELECT {', '.join(_REQUEST.names)} FROM batch_requests WHERE batch = ? ORDER BY custom_id"
        return [BatchRequestRow(*row) for row in self._rows(sql, [batch])]
