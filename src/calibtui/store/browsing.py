"""The pool read in bulk, as columns, and what a screen asks of single frames."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import duckdb
import pyarrow as pa

from calibtui.core.scores import Score
from calibtui.store.table import Table

BATCH = 1 << 16
"""Rows that are read at once."""
KEPT = "256MB"
LET_GO_EVERY = 32


@dataclass(frozen=True, slots=True)
class Extent:
    """Rows of a table and its newest row's place: two equal ones mean that no row came, went or was replaced.
    `present`: a hash of the files that were found."""

    rows: int
    newest: int
    present: int = 0


@dataclass(frozen=True, slots=True)
class FrameFacts:
    """One stored file. `reason`: why it can't be used, "" where it can."""

    role: str
    uri: str
    digest: str
    size_bytes: int
    mtime_ns: int
    width: int
    height: int
    format: str
    columns: dict[str, str]
    reason: str


@dataclass(frozen=True, slots=True)
class MadeEvaluation:
    """A stored pass over the evaluation frames: `detections` relative to the state directory, `run` that made it."""

    key: str
    model_digest: str
    detections: str
    frames: int
    run: str


@dataclass(frozen=True, slots=True)
class MadeModel:
    """A model made here: `path` relative to the state directory, `at` UTC seconds."""

    kind: str
    digest: str
    path: str
    record: dict[str, Any]
    run: str
    at: float


class BrowsingTable(Table):
    def frames_extent(self) -> Extent:
        """Of the pool's files."""
        sql = (
            "SELECT count(*), coalesce(max(rowid), -1), coalesce(bit_xor(hash(uri)) FILTER (present), 0) "
            "FROM frames WHERE role = 'pool'"
        )
        return Extent(*(int(value) for value in self._rows(sql)[0]))

    def scores_extent(self) -> Extent:
        return self._extent("scores")

    def hits_extent(self) -> Extent:
        return self._extent("similar_hits")

    def failures_extent(self) -> Extent:
        return self._extent("failures")

    def _extent(self, table: str) -> Extent:
        rows, newest = self._rows(f"SELECT count(*), coalesce(max(rowid), -1) FROM {table}")[0]
        return Extent(int(rows), int(newest))

    def pool(self) -> Iterator[pa.RecordBatch]:
        """Every present file of the pool, in no order: uri, digest, mtime_ns, width, height, reason (null where it is
        usable)."""
        return self._batches(
            "SELECT uri, digest, mtime_ns, width, height, reason FROM frames WHERE role = 'pool' AND present"
        )

    def column(self, name: str) -> pa.Table:
        """uri and the value of one of a manifest's further columns, "" where the frame has none."""
        path = "$." + json.dumps(name)
        with self._cursor() as cursor:
            return cursor.sql(
                "SELECT uri, coalesce(json_extract_string(columns, ?), '') AS value FROM frames "
                "WHERE role = 'pool' AND present AND reason IS NULL",
                params=[path],
            ).to_arrow_table()

    def scores_between(self, after: int, until: int) -> int:
        """How many scores of any judge have a place beyond `after` and up to `until`."""
        return int(self._rows("SELECT count(*) FROM scores WHERE rowid > ? AND rowid <= ?", [after, until])[0][0])

    def answers(
        self, prompt_digest: str, model: str, parameters_digest: str, around: tuple[str, str], *, after: int, until: int
    ) -> Iterator[pa.RecordBatch]:
        """What that judge said of the frames as it is shown them now: digest, pass, difficulty, reasons,
        answered_model,
        run; in no order, of rows with a place beyond `after` and up to `until`.

        The digest of what it is shown is the SHA-256 of the frame's, between the two texts `around` it.
        """
        sql = (
            "SELECT digest, pass, difficulty, reasons, answered_model, run FROM scores "
            "WHERE prompt_digest = ? AND model = ? AND parameters_digest = ? AND rowid > ? AND rowid <= ? "
            "AND payload_digest = sha256(concat(?, digest, ?))"
        )
        return self._batches(sql, [prompt_digest, model, parameters_digest, after, until, *around])

    def _batches(self, sql: str, parameters: Sequence[Any] = (), rows: int = BATCH) -> Iterator[pa.RecordBatch]:
        """The rows piece by piece, so that a million of them never are in memory at once."""
        with self._cursor() as cursor:
            yield from cursor.sql(sql, params=list(parameters)).to_arrow_reader(rows)

    def descriptors(self, version: int) -> Iterator[pa.RecordBatch]:
        """digest and vector of all there are, in no order."""
        sql = "SELECT digest, vector FROM descriptors WHERE version = ?"
        try:
            for number, batch in enumerate(self._batches(sql, [version], BATCH // 8)):
                yield batch
                if number % LET_GO_EVERY == 0:
                    self._let_go()
        finally:
            self._let_go()

    def _let_go(self) -> None:
        """Gives the memory back of what was read of the file, but for KEPT: the database keeps all that it reads, and a
        look at every descriptor would cost a gigabyte for good."""
        with suppress(duckdb.Error), self._cursor() as cursor:
            try:
                cursor.execute(f"SET GLOBAL memory_limit = '{KEPT}'")
            finally:
                cursor.execute("RESET GLOBAL memory_limit")

    def failures(self, prompt_digest: str, model: str) -> pa.Table:
        """digest and error of the newest failure of each frame that this judge failed for."""
        with self._cursor() as cursor:
            return cursor.sql(
                "SELECT digest, last(error ORDER BY rowid) AS error, last(reply ORDER BY rowid) AS reply FROM failures "
                "WHERE prompt_digest = ? AND model = ? GROUP BY digest",
                params=[prompt_digest, model],
            ).to_arrow_table()

    def hit_digests(self, prompt_digest: str, model: str, parameters_digest: str) -> list[str]:
        """Of frames that took a score of that judge over from another frame."""
        sql = "SELECT DISTINCT digest FROM similar_hits WHERE prompt_digest = ? AND model = ? AND parameters_digest = ?"
        return [digest for (digest,) in self._rows(sql, [prompt_digest, model, parameters_digest])]

    def facts(self, digest: str, uri: str | None = None) -> FrameFacts | None:
        """The first file of that digest that is there, the pool's before an evaluation frame's; at once for the pool's
        file `uri`."""
        where, values = ("role = 'pool' AND uri = ?", [uri]) if uri is not None else ("digest = ?", [digest])
        rows = self._rows(
            "SELECT role, uri, digest, size_bytes, mtime_ns, width, height, format, columns, coalesce(reason, '') "
            f"FROM frames WHERE {where} ORDER BY NOT present, reason IS NOT NULL, role DESC, uri LIMIT 1",
            values,
        )
        if not rows:
            return None
        role, found, digest, size, mtime, width, height, format, columns, reason = rows[0]
        return FrameFacts(role, found, digest, size, mtime, width, height, format, json.loads(columns), reason)

    def history(self, digest: str) -> list[tuple[Score, str]]:
        """Every stored verdict on the frame with the digest of its payload, the newest first; `cached` None."""
        sql = """
            SELECT payload_digest, frame_uri, digest, difficulty, reasons, prompt, prompt_digest, model, answered_model,
                   provider, pass, input_tokens, output_tokens, cost_micro_eur, budget_node, latency_ms, scored_at
            FROM scores WHERE digest = ? ORDER BY scored_at DESC, pass
        """
        return [(_score(row[1:]), str(row[0])) for row in self._rows(sql, [digest])]

    def taken_from(self, digest: str) -> list[str]:
        """Digests of the frames whose score this one took over."""
        return [d for (d,) in self._rows("SELECT DISTINCT from_digest FROM similar_hits WHERE digest = ?", [digest])]

    def nearest(self, vector: Sequence[float], version: int, limit: int) -> list[tuple[str, float]]:
        """(digest, cosine) of the descriptors most like `vector`, which has unit length as they have."""
        sql = (
            f"SELECT digest, list_inner_product(vector, ?::FLOAT[]) AS cosine FROM descriptors "
            f"WHERE version = {int(version)} ORDER BY cosine DESC LIMIT {int(limit)}"
        )
        try:
            return [(str(digest), float(cosine)) for digest, cosine in self._rows(sql, [list(vector)])]
        finally:
            self._let_go()

    def newest_scoring_run(self) -> str:
        """The run that last scored, "" for none."""
        rows = self._rows("SELECT run FROM jobs WHERE stage = 'score' ORDER BY started_at DESC LIMIT 1")
        return str(rows[0][0]) if rows else ""

    def evaluations(self) -> list[MadeEvaluation]:
        """The newest first."""
        sql = "SELECT key, model_digest, detections, record, run FROM evaluations ORDER BY created_at DESC"
        return [
            MadeEvaluation(key, digest, path, int(json.loads(record).get("frames", 0)), run)
            for key, digest, path, record, run in self._rows(sql)
        ]

    def models(self, kind: str) -> list[MadeModel]:
        """The newest first."""
        sql = (
            "SELECT kind, digest, path, record, run, epoch(created_at) FROM models WHERE kind = ? "
            "ORDER BY created_at DESC"
        )
        return [MadeModel(k, d, p, json.loads(record), run, at) for k, d, p, record, run, at in self._rows(sql, [kind])]

    def stages(self) -> list[tuple[str, str, str]]:
        """(run, stage, state) of all runs, in the order they began."""
        return [
            (run, stage, state)
            for run, stage, state in self._rows("SELECT run, stage, state FROM jobs ORDER BY started_at")
        ]

    def spent_by_run(self) -> dict[str, int]:
        """micro-EUR of the calls of each run that made any."""
        return {run: int(spent) for run, spent in self._rows("SELECT run, sum(cost_micro_eur) FROM calls GROUP BY run")}


def _score(row: Sequence[Any]) -> Score:
    uri, digest, difficulty, reasons, prompt, prompt_digest, model, answered, provider, pass_number, *rest = row
    tokens_in, tokens_out, cost, node, latency, at = rest
    return Score(
        uri, digest, difficulty, tuple(reasons), prompt, prompt_digest, model, answered, provider, pass_number,
        None, tokens_in, tokens_out, cost, node, latency, at,
    )  # fmt: skip
